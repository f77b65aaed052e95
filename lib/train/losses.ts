/** Losses: what a model's output and the targets come to, as one number, built into the graph. */
import { PareError } from "../errors.js";
import type { Build } from "../model/index.js";
import type { Dim } from "../model/value.js";

/** What a loss is built from. */
export interface LossContext {
  build: Build;
  /** The model's output, before a final Softmax where it has one and the loss wants logits. */
  output: string;
  /** The targets: labels or values. */
  target: string;
  /** Dimensions of the output, the batch first. */
  dims: readonly Dim[];
}

export interface Loss {
  readonly name: string;
  /** labels: one whole number an example (int64); values: float32 of the output's dimensions. */
  readonly target: "labels" | "values";
  /** Whether the output should be logits: a Softmax at the model's end is left out. */
  readonly takesLogits: boolean;
  /** Returns the mean loss over the batch, one number. */
  build(context: LossContext): string;
}

const mean = (build: Build, value: string): string => build.op("ReduceMean", value, { keepdims: 0 });

function requireFraction(value: number, name: string): number {
  if (value >= 0 && value < 1) return value;
  throw new PareError("PARE_OPTION", `${name} must be at least 0 and below 1; got ${value}.`);
}
function requirePositive(value: number, name: string): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new PareError("PARE_OPTION", `${name} must be above 0; got ${value}.`);
}

export interface CrossEntropyOptions {
  /** Share ε of the target that goes to all classes alike (Szegedy et al. 2016). Default 0. */
  labelSmoothing?: number;
  /** Targets are probabilities of each class instead of labels. */
  soft?: boolean;
}

/** −Σ target · log softmax(output), of labels or of probabilities. */
export function crossEntropy({ labelSmoothing = 0, soft = false }: CrossEntropyOptions = {}): Loss {
  requireFraction(labelSmoothing, "labelSmoothing");
  return {
    name: "crossEntropy",
    target: soft ? "values" : "labels",
    takesLogits: true,
    build: ({ build, output, target, dims }) => {
      if (soft) {
        const logarithms = build.op("LogSoftmax", output, { axis: 1 });
        const smoothed = labelSmoothing === 0 ? target : soften(build, target, dims[1], labelSmoothing);
        return build.op("Neg", meanOfRows(build, build.op("Mul", smoothed, logarithms), dims));
      }
      const [loss, logarithms] = build.node("SoftmaxCrossEntropyLoss", [output, target], 2, { reduction: "mean" });
      if (labelSmoothing === 0) return loss!;
      // The share of all classes: their mean of −log p.
      const uniform = build.op("Mul", mean(build, logarithms!), build.number(-labelSmoothing));
      return build.op("Add", build.op("Mul", loss, build.number(1 - labelSmoothing)), uniform);
    },
  };
}

/** (1 − ε)·target + ε / classes */
function soften(build: Build, target: string, classes: Dim, share: number): string {
  if (typeof classes !== "number")
    throw new PareError("PARE_OPTION", "labelSmoothing needs a model with a known number of classes.");
  return build.op("Add", build.op("Mul", target, build.number(1 - share)), build.number(share / classes));
}

/** Σ over all but the batch, mean over the batch. */
function meanOfRows(build: Build, value: string, dims: readonly Dim[]): string {
  const axes = dims.map((_, axis) => axis).slice(1);
  const rows = axes.length === 0 ? value : build.op("ReduceSum", value, build.integers(axes), { keepdims: 0 });
  return mean(build, rows);
}

const difference = (build: Build, output: string, target: string): string => build.op("Sub", output, target);

/** The mean of (output − target)². */
export const mse = (): Loss => ({
  name: "mse",
  target: "values",
  takesLogits: false,
  build: ({ build, output, target }) => {
    const d = difference(build, output, target);
    return mean(build, build.op("Mul", d, d));
  },
});

/** The mean of |output − target|. */
export const l1Loss = (): Loss => ({
  name: "l1",
  target: "values",
  takesLogits: false,
  build: ({ build, output, target }) => mean(build, build.op("Abs", difference(build, output, target))),
});

/** Half the square up to `delta`, a line beyond it. */
export function huber({ delta = 1 }: { delta?: number } = {}): Loss {
  requirePositive(delta, "delta");
  return {
    name: "huber",
    target: "values",
    takesLogits: false,
    build: ({ build, output, target }) => {
      const size = build.op("Abs", difference(build, output, target));
      const inner = build.op("Min", size, build.number(delta));
      // inner²/2 + δ(|d| − inner): both pieces at once.
      const square = build.op("Mul", build.op("Mul", inner, inner), build.number(0.5));
      return mean(build, build.op("Add", square, build.op("Mul", build.op("Sub", size, inner), build.number(delta))));
    },
  };
}

/** Σ target·(log target − log softmax(output)) of each example: how far the output's classes are from the target's. */
export const klDivergence = (): Loss => ({
  name: "klDivergence",
  target: "values",
  takesLogits: true,
  build: ({ build, output, target, dims }) => {
    const logarithms = build.op("LogSoftmax", output, { axis: 1 });
    // 0·log 0 is 0.
    const safe = build.op("Max", target, build.number(1e-30));
    const gap = build.op("Sub", build.op("Log", safe), logarithms);
    return meanOfRows(build, build.op("Mul", target, gap), dims);
  },
});

/** −(t·log σ(x) + (1 − t)·log(1 − σ(x))), as max(x, 0) − x·t + log(1 + e^−|x|), which does not overflow. */
export const bceWithLogits = (): Loss => ({
  name: "bceWithLogits",
  target: "values",
  takesLogits: false,
  build: ({ build, output, target }) => {
    const linear = build.op("Sub", build.op("Relu", output), build.op("Mul", output, target));
    const rest = build.op("Softplus", build.op("Neg", build.op("Abs", output)));
    return mean(build, build.op("Add", linear, rest));
  },
});

/** 1 − the cosine of the angle between output and target, of each example. */
export const cosine = (): Loss => ({
  name: "cosine",
  target: "values",
  takesLogits: false,
  build: ({ build, output, target }) => {
    const sum = (a: string, b: string): string =>
      build.op("ReduceSum", build.op("Mul", a, b), build.integers([-1]), { keepdims: 0 });
    const size = (value: string): string => build.op("Sqrt", build.op("Add", sum(value, value), build.number(1e-12)));
    const angle = build.op("Div", sum(output, target), build.op("Mul", size(output), size(target)));
    return build.op("Sub", build.number(1), mean(build, angle));
  },
});

export const losses = { crossEntropy, mse, l1: l1Loss, huber, klDivergence, bceWithLogits, cosine };
export type LossName = keyof typeof losses;

/** A loss by its name, or as it is. */
export function lossOf(loss: Loss | LossName): Loss {
  if (typeof loss !== "string") return loss;
  if (Object.hasOwn(losses, loss)) return losses[loss]();
  throw new PareError(
    "PARE_OPTION",
    `there is no loss "${loss as string}"; there are ${Object.keys(losses).join(", ")}.`,
  );
}
