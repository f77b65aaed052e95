/** Optimizers, each one native pass over the weights a step; and the penalties that go into it. */
import { PareError } from "../errors.js";
import type { Attributes } from "../model/index.js";

/** One optimizer: the node of domain "pare" that makes its step, and how much it remembers of each weight. */
export interface Optimizer {
  readonly name: string;
  /** The learning rate that schedules multiply. */
  readonly lr: number;
  readonly opType: "SgdUpdate" | "AdamUpdate" | "RmspropUpdate";
  readonly attributes: Attributes;
  /** Tensors like the weight that go on from step to step, zeros at first: their names. */
  readonly memory: readonly string[];
  /** λ of the decay apart from the gradient (Loshchilov & Hutter 2019); 0: none. */
  readonly decay: number;
  /** λ of the squared penalty that is part of the gradient. */
  readonly l2: number;
}

export interface CommonOptions {
  /** Learning rate. */
  lr?: number;
  /** Adds weightDecay · w to the gradient, as PyTorch does; AdamW shrinks the weights instead. Default 0 (AdamW 0.01). */
  weightDecay?: number;
}

const inRange = (value: number, name: string, least: number, below: number): number => {
  if (value >= least && value < below) return value;
  const most = below === Infinity ? "" : ` and below ${below}`;
  throw new PareError("PARE_OPTION", `${name} must be at least ${least}${most}; got ${value}.`);
};

/** Stochastic gradient descent. Default lr 0.01, momentum 0. */
export function sgd({
  lr = 0.01,
  momentum = 0,
  nesterov = false,
  weightDecay = 0,
}: CommonOptions & { momentum?: number; nesterov?: boolean } = {}): Optimizer {
  inRange(momentum, "momentum", 0, 1);
  if (nesterov && momentum === 0) throw new PareError("PARE_OPTION", "nesterov needs a momentum above 0.");
  return {
    name: "sgd",
    lr: inRange(lr, "lr", 0, Infinity),
    opType: "SgdUpdate",
    attributes: { momentum, nesterov: nesterov ? 1 : 0 },
    memory: momentum > 0 ? ["velocity"] : [],
    decay: 0,
    l2: inRange(weightDecay, "weightDecay", 0, Infinity),
  };
}

export interface AdamOptions extends CommonOptions {
  /** Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  epsilon?: number;
}

/** Adam (Kingma & Ba 2014). Default lr 0.001. */
export function adam({
  lr = 1e-3,
  betas = [0.9, 0.999],
  epsilon = 1e-8,
  weightDecay = 0,
}: AdamOptions = {}): Optimizer {
  return {
    name: "adam",
    lr: inRange(lr, "lr", 0, Infinity),
    opType: "AdamUpdate",
    attributes: {
      beta1: inRange(betas[0], "betas[0]", 0, 1),
      beta2: inRange(betas[1], "betas[1]", 0, 1),
      epsilon: inRange(epsilon, "epsilon", 0, Infinity),
    },
    memory: ["mean", "square"],
    decay: 0,
    l2: inRange(weightDecay, "weightDecay", 0, Infinity),
  };
}

/** Adam with the decay apart from the gradient (Loshchilov & Hutter 2019). Default weightDecay 0.01. */
export function adamw({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimizer {
  return { ...adam(options), name: "adamw", decay: inRange(weightDecay, "weightDecay", 0, Infinity) };
}

/** RMSprop, as PyTorch has it. Default lr 0.01, alpha 0.99, momentum 0. */
export function rmsprop({
  lr = 0.01,
  alpha = 0.99,
  epsilon = 1e-8,
  momentum = 0,
  weightDecay = 0,
}: CommonOptions & { alpha?: number; epsilon?: number; momentum?: number } = {}): Optimizer {
  inRange(momentum, "momentum", 0, 1);
  return {
    name: "rmsprop",
    lr: inRange(lr, "lr", 0, Infinity),
    opType: "RmspropUpdate",
    attributes: { alpha: inRange(alpha, "alpha", 0, 1), momentum, epsilon: inRange(epsilon, "epsilon", 0, Infinity) },
    memory: momentum > 0 ? ["square", "velocity"] : ["square"],
    decay: 0,
    l2: inRange(weightDecay, "weightDecay", 0, Infinity),
  };
}

export const optimizers = { sgd, adam, adamw, rmsprop };
export type OptimizerName = keyof typeof optimizers;
