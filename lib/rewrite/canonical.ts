/** A model as it runs: newest operators, float32, constants computed, nodes fused. */
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { Shapes } from "../model/shapes.js";
import type { Evaluate } from "./fold.js";
import { fuse, fusionNames, type FusionOptions, type FusionOutcome } from "./fusion/index.js";
import { widenHalves } from "./widen.js";

/** Fusions know these operators. */
const fusionOpset = 17;

/** A copy that shares the model's weights, or with `inPlace` the model itself; and what was fused in it. */
export function canonical(
  model: Model,
  evaluate: Evaluate,
  { inPlace = false, ...options }: FusionOptions & { inPlace?: boolean } = {},
): { model: Model; outcomes: FusionOutcome[] } {
  const made = inPlace ? model : model.clone();
  // First: later steps have fewer nodes to look at, and native code packs the bytes of initializers ahead.
  for (const graph of [...made.graph.walk()]) graph.liftConstants();
  const before = shapesOf(made);
  const isLifted = lift(made);
  const isWidened = widenHalves(made);
  const chosen = isLifted ? options : { without: needKnownOperators };
  return { model: made, outcomes: fuse(made, evaluate, chosen, isWidened ? undefined : before) };
}

/** Undefined where they cannot be inferred as the model is: newer operators may allow it. */
function shapesOf(model: Model): Shapes | undefined {
  try {
    return model.inferShapes();
  } catch {
    return undefined;
  }
}

const needKnownOperators = fusionNames.filter((name) => name !== "fold");

/** Brings a model to the operators that fusions know; one that cannot follow runs as it is. */
function lift(model: Model): boolean {
  try {
    if ((model.opset() ?? 0) < fusionOpset) model.upgradeOpset(fusionOpset);
    return true;
  } catch (error) {
    if (!(error instanceof PareError)) throw error;
    return false;
  }
}

/**
 * Rewrites a model to what every runtime has operators for: batch normalizations, factors and sums a channel go into the
 * convolutions beside them, and HardSwish is one node. Fewer values are left in between, each of which quantization rounds.
 */
export function tidy(model: Model, evaluate: Evaluate): FusionOutcome[] {
  if (!lift(model)) return [];
  for (const graph of [...model.graph.walk()]) graph.liftConstants();
  return fuse(model, evaluate, { only: ["fold", "hard-swish", "conv-channels"] });
}
