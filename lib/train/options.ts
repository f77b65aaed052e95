/** What a training may be asked for, and what it tells of each epoch. */
import { PareError } from "../errors.js";
import type { Batches } from "../data/index.js";
import type { LongCall } from "../progress.js";
import type { HistoryRow } from "../report/index.js";
import { requireFilter, type NameFilter } from "../rewrite/names.js";
import type { AugmentOptions } from "./augment.js";
import type { Loss, LossName } from "./losses.js";
import type { Optimizer } from "./optimizers.js";
import type { Regularizer } from "./regularize.js";
import type { Schedule } from "./schedules.js";

export interface TrainOptions extends LongCall {
  /** Default 10. */
  epochs?: number;
  /** Default 64. */
  batchSize?: number;
  /**
   * Parts that a step's batch is computed in, one after the other, their gradients added: for batches whose values do not fit
   * into memory at once. Default 1. Batch norms see the parts.
   */
  accumulate?: number;
  /** Default: cross entropy. */
  loss?: Loss | LossName;
  /** Default: adam(). */
  optimizer?: Optimizer;
  /** Factors of the optimizer's lr by step; default: 1. */
  schedule?: Schedule;
  regularize?: readonly (Regularizer | readonly Regularizer[])[];
  /** What is held back and never trained on: a share of the data (default 0.1), or examples of its own. */
  validation?: number | Batches;
  /** Of the split, the order, and dropout; the same seed gives the same bits. Default 0. */
  seed?: number;
  /** A new order each epoch; default true. */
  shuffle?: boolean;
  /** Stops when the validation loss has not improved for so many epochs; default: never. */
  patience?: number;
  /** The result has the weights of the epoch with the least validation loss, not the last ones; default true. */
  best?: boolean;
  /** The gradients' common length is cut to this. */
  clipNorm?: number;
  /** The weights that lead into a unit are cut to this length after each step (Srivastava et al. 2014); default: not. */
  maxNorm?: number;
  /** How examples are changed, each by its own lot, whenever they are trained on; default: not. */
  augment?: AugmentOptions;
  /** Which parameters are trained; default: all. */
  parameters?: NameFilter;
  /** Factors of the learning rate by parameter's name and epoch (from 1 on): discriminative rates; 0 leaves it as it is. */
  rateOf?: (name: string, epoch: number) => number;
  /** The model's output that the loss is of; default: the first. */
  output?: string;
  /** Writes the trained weights into the given model; default false. */
  inPlace?: boolean;
  /**
   * A file that says where the training stands: written after every epoch, every minute, and when the signal aborts, always
   * beside its place and renamed.
   */
  checkpoint?: string;
  /** Goes on from the checkpoint, where there is one, to the same bits as if nothing had happened; default false. */
  resume?: boolean;
}

export interface Epoch extends HistoryRow {
  /** From 1 on. */
  epoch: number;
  /** Done so far. */
  steps: number;
  trainLoss: number;
  generalizationGap: number;
  /** Whether this is the least validation loss so far. */
  isBest: boolean;
}

/** Options of the loop itself, with their defaults. */
export type Checked = Required<Pick<TrainOptions, "epochs" | "batchSize" | "seed" | "validation">>;

/** Throws PARE_OPTION for what is out of range. */
export function checked({
  epochs = 10,
  batchSize = 64,
  accumulate = 1,
  seed = 0,
  validation = 0.1,
  patience,
  parameters,
}: TrainOptions): Checked {
  const whole = (value: number, name: string): void => {
    if (!Number.isInteger(value) || value < 1)
      throw new PareError("PARE_OPTION", `${name} must be a whole number of at least 1; got ${value}.`);
  };
  whole(epochs, "epochs");
  whole(batchSize, "batchSize");
  whole(accumulate, "accumulate");
  if (accumulate > batchSize)
    throw new PareError("PARE_OPTION", `accumulate (${accumulate}) is more than batchSize (${batchSize}).`);
  if (patience !== undefined) whole(patience, "patience");
  requireFilter(parameters, "parameters");
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new PareError("PARE_OPTION", `seed must be a whole number of at least 0; got ${seed}.`);
  if (typeof validation === "number" && !(validation > 0 && validation < 1))
    throw new PareError(
      "PARE_OPTION",
      `validation must be a share above 0 and below 1, or { x, y }: something is always held back; got ${validation}.`,
    );
  return { epochs, batchSize, seed, validation };
}
