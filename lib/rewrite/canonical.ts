/** A model as it runs: newest operators, float32, constants computed, nodes fused. */
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { Evaluate } from "./fold.js";
import { fuse, type FusionOptions, type FusionOutcome } from "./fusion/index.js";
import { widenHalves } from "./widen.js";

/** Fusions know these operators. */
const fusionOpset = 17;

/** A copy that shares the model's weights, and what was fused in it. */
export function canonical(
  model: Model,
  evaluate: Evaluate,
  options: FusionOptions = {},
): { model: Model; outcomes: FusionOutcome[] } {
  const copy = model.clone();
  if ((copy.opset() ?? 0) < fusionOpset) lift(copy);
  widenHalves(copy);
  return { model: copy, outcomes: fuse(copy, evaluate, options) };
}

/** A model that cannot follow runs as it is. */
function lift(model: Model): void {
  try {
    model.upgradeOpset(fusionOpset);
  } catch (error) {
    if (!(error instanceof PareError)) throw error;
  }
}
