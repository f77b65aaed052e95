/** Training: gradients as a rewrite, losses, optimizers, schedules, regularizers, and the loop. */
export { gradients, type GradientOptions } from "./gradients/index.js";
export { bceWithLogits, cosine, crossEntropy, huber, klDivergence, l1Loss, mse } from "./losses.js";
export type { CrossEntropyOptions, Loss, LossName } from "./losses.js";
export { adam, adamw, rmsprop, sgd, type AdamOptions, type Optimizer } from "./optimizers.js";
export { elasticNet, l1, l2, type RegularizeOptions, type Regularizer } from "./regularize.js";
export { constant, cosineDecay, oneCycle, stepDecay, warmUp, type Schedule } from "./schedules.js";
export type { Epoch, TrainOptions } from "./loop.js";
export { train, Training } from "./train.js";
