/** Distillation: a student learns from a teacher's answers (Hinton, Vinyals & Dean 2015, arXiv:1503.02531). */
import type { Tensor } from "onnxruntime-common";
import type { Batches } from "../data/index.js";
import { PareError } from "../errors.js";
import type { Build, Model } from "../model/index.js";
import { InferenceSession } from "../run/session.js";
import { crossEntropy, type Loss } from "../train/losses.js";
import { Loop, type Epoch, type TrainOptions } from "../train/loop.js";

export interface DistillOptions extends Omit<TrainOptions, "loss"> {
  /** Softens both sides' probabilities. Default 4. */
  temperature?: number;
  /** Share of the teacher in the loss; the rest is cross entropy with the labels. Default 0.9. */
  alpha?: number;
  /** The teacher's most likely class stands as a label, instead of its probabilities. Default false. */
  hard?: boolean;
}

/** A student that has learned. */
export type Distilled = Model & { epochs: Epoch[] };

const teacherInput = "teacher";

/**
 * Trains `student` on α·T²·KL(teacher/T ‖ student/T) + (1 − α)·cross entropy, the same examples going through both; returns a
 * new model. A Softmax at the end of either is left out. The student may be any model with as many classes.
 * @throws PareError PARE_OPTION and PARE_SHAPE for options and models that do not fit each other; see `train` for the rest.
 */
export async function distill(
  student: Model,
  teacher: Model,
  data: Batches,
  { temperature = 4, alpha = 0.9, hard = false, ...options }: DistillOptions = {},
): Promise<Distilled> {
  if (!(temperature > 0)) throw new PareError("PARE_OPTION", `temperature must be above 0; got ${temperature}.`);
  if (!(alpha >= 0 && alpha <= 1)) throw new PareError("PARE_OPTION", `alpha must be from 0 to 1; got ${alpha}.`);
  const [own, others] = [student, teacher].map((model) => {
    const [output] = model.graph.outputs;
    return model.inferShapes().get(output?.name ?? "")?.dims?.[1];
  });
  if (typeof own === "number" && typeof others === "number" && own !== others)
    throw new PareError("PARE_SHAPE", `the student has ${own} classes and the teacher ${others}.`);
  const answers = new Teacher(teacher, options.threads);
  const loss = distillationLoss({ temperature, alpha, hard });
  try {
    const loop = await Loop.create(
      student,
      data,
      { ...options, loss },
      {
        extend: (feeds) => answers.to(feeds),
        settings: { temperature, alpha, hard },
      },
    );
    return await loop.finish();
  } finally {
    await answers.release();
  }
}

/** The teacher's logits for a batch. */
class Teacher {
  readonly #session: InferenceSession;
  readonly #output: string;

  constructor(model: Model, threads?: number) {
    const copy = model.clone();
    const { graph } = copy;
    const [output] = graph.outputs;
    const producer = output && graph.producer(output.name);
    if (!output) throw new PareError("PARE_OPTION", "the teacher has no output.");
    this.#output = output.name;
    if (producer?.opType === "Softmax" && producer.domain === "") {
      graph.proto.output = [];
      this.#output = producer.inputs[0]!;
      graph.addOutput(this.#output, "float32", output.dims);
      graph.removeUnused();
    }
    this.#session = new InferenceSession(copy, threads === undefined ? {} : { threads });
  }

  async to(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const own = Object.fromEntries(Object.entries(feeds).filter(([name]) => this.#session.inputNames.includes(name)));
    // A model of one input takes the student's, whatever both are called.
    const [only] = this.#session.inputNames;
    if (Object.keys(own).length === 0 && this.#session.inputNames.length === 1) own[only!] = Object.values(feeds)[0]!;
    const results = await this.#session.run(own, [this.#output]);
    return { [teacherInput]: results[this.#output]! };
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function distillationLoss({ temperature, alpha, hard }: { temperature: number; alpha: number; hard: boolean }): Loss {
  const labels = crossEntropy();
  return {
    name: "distillation",
    target: "labels",
    takesLogits: true,
    build: (context) => {
      const { build, output, dims } = context;
      build.graph.addInput(teacherInput, "float32", dims);
      const fromTeacher = hard ? hardLoss(build, output) : softLoss(build, output, temperature);
      if (alpha === 1) return fromTeacher;
      const fromLabels = build.op("Mul", labels.build(context), build.number(1 - alpha));
      return build.op("Add", build.op("Mul", fromTeacher, build.number(alpha)), fromLabels);
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
