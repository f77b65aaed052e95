/** What a teacher adds to a training: its answers beside the examples, and the loss of both. */
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { Build, Model } from "../model/index.js";
import { InferenceSession } from "../run/session.js";
import { crossEntropy, type Loss } from "../train/losses.js";
import type { LoopExtras } from "../train/loop.js";
import type { Feature } from "./features.js";

export interface TeachingOptions {
  /** Softens both sides' probabilities. Default 4. */
  temperature?: number;
  /** Share of the teacher in the loss; the rest is cross entropy with the labels. Default 0.9. */
  alpha?: number;
  /** The teacher's most likely class stands as a label, instead of its probabilities. Default false. */
  hard?: boolean;
  /**
   * Whether the teacher answers once for each example, and its answers are kept, or again in each step: for outputs larger
   * than the data itself. Default true. What is held back is answered once in any case; with `augment` the teacher sees each
   * example changed as the student does, and answers in each step.
   */
  cache?: boolean;
}

export interface Teaching {
  loss: Loss;
  extras: Required<Pick<LoopExtras, "answers" | "settings">>;
  release: () => Promise<void>;
}

const teacherInput = "teacher";

/**
 * The loss α·T²·KL(teacher/T ‖ student/T) + (1 − α)·cross entropy, and what feeds it in a loop.
 * @throws PareError PARE_OPTION and PARE_SHAPE for options and models that do not fit each other
 */
export function teachingOf(
  student: Model,
  teacher: Model,
  { temperature = 4, alpha = 0.9, hard = false, cache = true }: TeachingOptions,
  { features = [], threads }: { features?: readonly Feature[]; threads?: number | undefined } = {},
): Teaching {
  if (!(temperature > 0)) throw new PareError("PARE_OPTION", `temperature must be above 0; got ${temperature}.`);
  if (!(alpha >= 0 && alpha <= 1)) throw new PareError("PARE_OPTION", `alpha must be from 0 to 1; got ${alpha}.`);
  const [own, others] = [student, teacher].map((model) => {
    const [output] = model.graph.outputs;
    return model.inferShapes().get(output?.name ?? "")?.dims?.[1];
  });
  if (typeof own === "number" && typeof others === "number" && own !== others)
    throw new PareError("PARE_SHAPE", `the student has ${own} classes and the teacher ${others}.`);
  const answers = new Teacher(teacher, features, threads);
  return {
    loss: distillationLoss({ temperature, alpha, hard, features }),
    extras: {
      answers: { to: (feeds) => answers.to(feeds), cache },
      settings: { temperature, alpha, hard },
    },
    release: () => answers.release(),
  };
}

/** The teacher's logits for a batch, and its values that are followed. */
class Teacher {
  readonly #session: InferenceSession;
  /** Inputs of the loss by the teacher's values. */
  readonly #wanted: Map<string, string>;

  constructor(model: Model, features: readonly Feature[], threads?: number) {
    const copy = model.clone();
    const { graph } = copy;
    const [output] = graph.outputs;
    const producer = output && graph.producer(output.name);
    if (!output) throw new PareError("PARE_OPTION", "the teacher has no output.");
    const isSoftmax = producer?.opType === "Softmax" && producer.domain === "";
    this.#wanted = new Map([[teacherInput, isSoftmax ? producer.inputs[0]! : output.name]]);
    for (const { input, teacher } of features) this.#wanted.set(input, teacher);
    graph.proto.output = [];
    for (const name of new Set(this.#wanted.values())) graph.addOutput(name, "float32");
    graph.removeUnused();
    this.#session = new InferenceSession(copy, threads === undefined ? {} : { threads });
  }

  async to(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const own = Object.fromEntries(Object.entries(feeds).filter(([name]) => this.#session.inputNames.includes(name)));
    // A model of one input takes the student's, whatever both are called.
    const [only] = this.#session.inputNames;
    if (Object.keys(own).length === 0 && this.#session.inputNames.length === 1) own[only!] = Object.values(feeds)[0]!;
    const results = await this.#session.run(own);
    return Object.fromEntries([...this.#wanted].map(([input, value]) => [input, results[value]!]));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function distillationLoss({
  temperature,
  alpha,
  hard,
  features,
}: Required<Pick<TeachingOptions, "temperature" | "alpha" | "hard">> & { features: readonly Feature[] }): Loss {
  const labels = crossEntropy();
  return {
    name: "distillation",
    target: "labels",
    takesLogits: true,
    build: (context) => {
      const { build, output, dims } = context;
      build.graph.addInput(teacherInput, "float32", dims);
      let loss = hard ? hardLoss(build, output) : softLoss(build, output, temperature);
      if (alpha !== 1) {
        const fromLabels = build.op("Mul", labels.build(context), build.number(1 - alpha));
        loss = build.op("Add", build.op("Mul", loss, build.number(alpha)), fromLabels);
      }
      for (const { own, input, dims: shape, weight } of features) {
        build.graph.addInput(input, "float32", [dims[0], ...shape.slice(1)]);
        const difference = build.op("Sub", own, input);
        const square = build.op("ReduceMean", build.op("Mul", difference, difference), { keepdims: 0 });
        loss = build.op("Add", loss, build.op("Mul", square, build.number(weight)));
      }
      return loss;
    },
  };
}

function hardLoss(build: Build, output: string): string {
  const label = build.op("ArgMax", teacherInput, { axis: 1, keepdims: 0 });
  return build.node("SoftmaxCrossEntropyLoss", [output, label], 2, { reduction: "mean" })[0]!;
}

/** T²·Σ p·(log p − log q), p and q the softened probabilities of teacher and student, mean over the batch. */
function softLoss(build: Build, output: string, temperature: number): string {
  const logarithms = (value: string): string =>
    build.op("LogSoftmax", build.op("Mul", value, build.number(1 / temperature)), { axis: 1 });
  const wanted = logarithms(teacherInput);
  const gap = build.op("Mul", build.op("Exp", wanted), build.op("Sub", wanted, logarithms(output)));
  const rows = build.op("ReduceSum", gap, build.integers([1]), { keepdims: 0 });
  return build.op("Mul", build.op("ReduceMean", rows, { keepdims: 0 }), build.number(temperature ** 2));
}
