/** Distillation as Hinton, Vinyals and Dean did it on MNIST, smaller: a regularized teacher, a plain student, the student taught. */
import * as pare from "../../lib/index.js";
import type { Layer } from "../../lib/index.js";
import { errorOf, mean, mnist, percent } from "../frame/mnist.js";
import type { BenchReport } from "../frame/report.js";

export const title = "Distillation on MNIST";

const { dense, dropout, relu } = pare;
const hidden = (units: number, ratio: number): Layer[] => [
  dense(units),
  relu(),
  ...(ratio > 0 ? [dropout(ratio)] : []),
];
const teacherLayers = [dropout(0.15), ...hidden(600, 0.4), ...hidden(600, 0.4), dense(10)];
const studentLayers = [...hidden(400, 0), ...hidden(400, 0), dense(10)];

export async function run(report: BenchReport): Promise<void> {
  const seeds = report.quick ? 1 : 3;
  const errors = { teacher: [] as number[], student: [] as number[], distilled: [] as number[] };
  for (let seed = 1; seed <= seeds; seed++) {
    const { training, validation, test } = await mnist([784], seed);
    const options = {
      ...{ seed, validation, batchSize: 128, best: false, optimizer: pare.adam({ lr: 1e-3 }) },
      schedule: pare.cosineDecay({ least: 0.001 }),
    };
    const [long, short] = report.quick ? [1, 1] : [20, 14];
    const make = (layers: readonly Layer[]): pare.Model => pare.sequential(layers, { input: [784], seed });
    const teacher = await pare.train(make(teacherLayers), training, { ...options, epochs: long }).finish();
    const student = await pare.train(make(studentLayers), training, { ...options, epochs: short }).finish();
    const taught = { ...options, epochs: short, temperature: 5, alpha: 0.95 };
    const distilled = await pare.distill(make(studentLayers), teacher, training, taught);
    const held: string[] = [];
    for (const [name, model] of Object.entries({ teacher, student, distilled })) {
      errors[name as keyof typeof errors].push(await errorOf(model, test));
      held.push(`${name} ${percent([await errorOf(model, validation)])}`);
    }
    // Test data stays unseen to the end.
    report.log(`seed ${seed}, validation errors: ${held.join(", ")}`);
  }
  const row = report.table("Test error", ["net", "error"]);
  row("teacher, 2 × 600, dropout", percent(errors.teacher));
  row("student, 2 × 400, labels alone", percent(errors.student));
  row("student, distilled, T = 5, α = 0.95", percent(errors.distilled));
  const [teacher, student, distilled] = [errors.teacher, errors.student, errors.distilled].map(mean) as [
    number,
    number,
    number,
  ];
  report.note(
    `The distilled student closes ${((100 * (student - distilled)) / (student - teacher)).toFixed(0)} % of the gap. ${seeds} seeds, mean ± sample deviation; nothing was chosen by test data.`,
  );
}
