/** Distillation: a student learns from a teacher's answers (Hinton, Vinyals & Dean 2015, arXiv:1503.02531). */
import type { Batches } from "../data/index.js";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import { Loop } from "../train/loop.js";
import type { Epoch, TrainOptions } from "../train/options.js";
import { addRegressors, removeRegressors, type FeatureMatch } from "./features.js";
import { teachingOf, type TeachingOptions } from "./teaching.js";

export type { FeatureMatch } from "./features.js";
export type { TeachingOptions } from "./teaching.js";

export interface DistillOptions extends Omit<TrainOptions, "loss">, TeachingOptions {
  /** Values inside the student that follow values inside the teacher. */
  features?: readonly FeatureMatch[];
}

/** A student that has learned. */
export type Distilled = Model & { epochs: Epoch[] };

/**
 * Trains `student` on α·T²·KL(teacher/T ‖ student/T) + (1 − α)·cross entropy, the same examples going through both; returns a
 * new model. A Softmax at the end of either is left out. The student may be any model with as many classes.
 * @throws PareError PARE_OPTION and PARE_SHAPE for options and models that do not fit each other; see `train` for the rest.
 */
export async function distill(
  student: Model,
  teacher: Model,
  data: Batches,
  { features = [], ...options }: DistillOptions = {},
): Promise<Distilled> {
  if (features.length > 0 && options.inPlace)
    throw new PareError("PARE_OPTION", "a student that follows features is trained as a copy; it cannot be in place.");
  const following =
    features.length > 0
      ? addRegressors(student, teacher, features, options.seed ?? 0)
      : { model: student, features: [] };
  const { threads } = options;
  const { loss, extras, release } = teachingOf(student, teacher, options, { features: following.features, threads });
  try {
    const settings = { ...extras.settings, features };
    const loop = await Loop.create(following.model, data, { ...options, loss }, { ...extras, settings });
    const learned = await loop.finish();
    if (features.length > 0) removeRegressors(learned, student);
    return learned;
  } finally {
    await release();
  }
}
