/** Distillation as Hinton, Vinyals and Dean did it on MNIST, smaller: a large teacher of moved images, a student taught by it. */
import * as pare from "../../lib/index.js";
import type { Layer, Model, TrainOptions } from "../../lib/index.js";
import { errorOf, mean, mnist, percent, type Split } from "../frame/mnist.js";
import type { BenchReport } from "../frame/report.js";

export const title = "Distillation on MNIST";

const { dense, dropout, flatten, relu } = pare;
const hidden = (units: number, ratio = 0): Layer[] => [dense(units), relu(), ...(ratio > 0 ? [dropout(ratio)] : [])];
const teacherLayers = [flatten(), ...hidden(800, 0.25), ...hidden(800, 0.25), dense(10)];
const studentLayers = [flatten(), ...hidden(300), ...hidden(300), dense(10)];
const teaching = { temperature: 4, alpha: 0.95 };
/** A plain student has learned its images by heart after so many epochs; moved ones are new each time. */
const epochs = { teacher: 25, plain: 12, moved: 30 };

const rows = {
  teacher: "teacher, 2 × 800, dropout, moved images",
  plain: "student, 2 × 300, labels",
  moved: "student, labels, moved images",
  distilled: `student, distilled, T = ${teaching.temperature}, α = ${teaching.alpha}, moved images`,
};
type Name = keyof typeof rows;
const names = Object.keys(rows) as Name[];

export async function run(report: BenchReport): Promise<void> {
  const seeds = report.quick ? 1 : 3;
  const errors: Record<Name, number[]> = { teacher: [], plain: [], moved: [], distilled: [] };
  for (let seed = 1; seed <= seeds; seed++) {
    const split = await mnist([1, 28, 28], seed);
    const models = await learn(split, seed, report.quick);
    const held: string[] = [];
    for (const name of names) {
      errors[name].push(await errorOf(models[name], split.test));
      held.push(`${name} ${(100 * (await errorOf(models[name], split.validation))).toFixed(2)} %`);
    }
    // Test data stays unseen to the end.
    report.log(`seed ${seed}, validation errors: ${held.join(", ")}`);
  }
  const row = report.table("Test error", ["net", "epochs", "error"]);
  for (const name of names) row(rows[name], epochs[name === "distilled" ? "moved" : name], percent(errors[name]));
  const gap = mean(errors.plain) - mean(errors.teacher);
  const closed = (name: Name): string => ((100 * (mean(errors.plain) - mean(errors[name]))) / gap).toFixed(0);
  report.note(
    `Of the gap between the plain student and the teacher the distilled one closes ${closed("distilled")} %, moved images alone ${closed("moved")} %. Images move by up to 2 pixels. ${seeds} seeds, mean ± sample deviation; nothing was chosen by test data.`,
  );
}

async function learn({ training, validation }: Split, seed: number, quick: boolean): Promise<Record<Name, Model>> {
  const optionsOf = (count: number): TrainOptions => ({
    ...{ seed, validation, batchSize: 128, best: false, epochs: quick ? 1 : count },
    ...{ optimizer: pare.adam({ lr: 1e-3 }), schedule: pare.cosineDecay({ least: 0.001 }) },
  });
  const make = (layers: readonly Layer[]): Model => pare.sequential(layers, { input: [1, 28, 28], seed });
  const augment = { shift: 2 };
  const teacher = await pare.train(make(teacherLayers), training, { ...optionsOf(epochs.teacher), augment }).finish();
  const plain = await pare.train(make(studentLayers), training, optionsOf(epochs.plain)).finish();
  const options = { ...optionsOf(epochs.moved), augment };
  const moved = await pare.train(make(studentLayers), training, options).finish();
  const distilled = await pare.distill(make(studentLayers), teacher, training, { ...options, ...teaching });
  return { teacher, plain, moved, distilled };
}
