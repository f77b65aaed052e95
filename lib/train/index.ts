/** Training: gradients as a rewrite, losses, optimizers, schedules, regularizers, and the loop. */
export { gradients, type GradientOptions } from "./gradients/index.js";
export type { AugmentOptions } from "./augment.js";
export { bceWithLogits, cosine, crossEntropy, huber, klDivergence, l1Loss, losses, mse } from "./losses.js";
export type { CrossEntropyOptions, Loss, LossName } from "./losses.js";
export { adam, adamw, optimizers, rmsprop, sgd } from "./optimizers.js";
export type { AdamOptions, Optimizer, OptimizerName } from "./optimizers.js";
export { elasticNet, l1, l2, l2sp, type RegularizeOptions, type Regularizer } from "./regularize.js";
export { constant, cosineDecay, oneCycle, schedules, stepDecay, warmUp } from "./schedules.js";
export type { Schedule, ScheduleName } from "./schedules.js";
export type { Epoch, TrainOptions } from "./options.js";
export { train, Training } from "./train.js";
