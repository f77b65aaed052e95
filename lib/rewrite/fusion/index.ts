/** All fusions, in the order in which one makes way for the next. */
import type { Model, Node } from "../../model/index.js";
import { foldConstants, type Evaluate } from "../fold.js";
import { activations } from "./activations.js";
import { attentions } from "./attention.js";
import { convolutionChannels, convolutionEpilogues } from "./convolutions.js";
import { identities } from "./identities.js";
import { integerProducts } from "./integers.js";
import { normalizations, skips } from "./normalization.js";
import { products } from "./products.js";
import { quantizedOperators } from "./quantized.js";
import { Site, type Fusion } from "./site.js";
import { stepOperands, stepProducts } from "./training.js";

/** What became of a node that a fusion looked at. */
export interface FusionOutcome {
  fusion: string;
  /** The node where it began: its name, or its first output. */
  node: string;
  /** Why it declined; undefined where it fused. */
  reason?: string;
}

export interface FusionOptions {
  /** Names of fusions to leave out. */
  without?: readonly string[];
  /** Names of the fusions to do; default: all. */
  only?: readonly string[];
}

/** Passes: each goes over the nodes once; `fold` computes constants in between. */
const passes: readonly (readonly Fusion[] | "fold")[] = [
  identities,
  // Before folding makes floats of dequantized weights.
  quantizedOperators,
  "fold",
  activations,
  normalizations,
  convolutionChannels,
  "fold",
  integerProducts,
  attentions,
  products,
  convolutionEpilogues,
  skips,
];

/** Names of all fusions. */
export const fusionNames: readonly string[] = [
  ...new Set(passes.flatMap((pass) => (pass === "fold" ? [] : pass.map(({ name }) => name)))),
  "fold",
];

/** Fuses a model's nodes where they stand, and removes what nobody needs then. */
export function fuse(model: Model, evaluate: Evaluate, { without = [], only }: FusionOptions = {}): FusionOutcome[] {
  const outcomes: FusionOutcome[] = [];
  const leftOut = new Set(only ? [...without, ...fusionNames.filter((name) => !only.includes(name))] : without);
  for (const pass of passes) {
    if (pass === "fold") {
      if (!leftOut.has("fold")) fold(model, evaluate);
      continue;
    }
    const fusions = pass.filter(({ name }) => !leftOut.has(name));
    if (fusions.length > 0) outcomes.push(...applyPass(model, fusions));
  }
  return outcomes;
}

/** Before gradients are taken: activations that were written out become operators that have gradients of their own. */
export function fuseActivations(model: Model): void {
  applyPass(model, activations);
}

/** Fuses a whole training step, or what measures between steps; `variables` are weights that change from run to run. */
export function fuseStep(model: Model, variables: ReadonlySet<string>): void {
  for (const pass of [stepOperands, products, stepProducts, convolutionEpilogues]) applyPass(model, pass, variables);
}

function applyPass(model: Model, fusions: readonly Fusion[], variables?: ReadonlySet<string>): FusionOutcome[] {
  const outcomes: FusionOutcome[] = [];
  const shapes = model.inferShapes();
  for (const graph of [...model.graph.walk()]) {
    const site = new Site(model, graph, shapes, variables);
    for (const node of [...graph.nodes]) for (const fusion of fusions) outcomes.push(...attempt(fusion, node, site));
  }
  model.graph.removeUnused();
  return outcomes;
}

function attempt(fusion: Fusion, node: Node, site: Site): FusionOutcome[] {
  const type = node.domain === "" ? node.opType : `${node.domain} ${node.opType}`;
  // An earlier fusion may have taken the node.
  if (!fusion.startsAt.includes(type) || site.graph.producer(node.outputs[0] ?? "") !== node) return [];
  const label = node.name === "" ? node.outputs[0]! : node.name;
  const outcome = fusion.fuse(node, site);
  if (outcome === false) return [];
  return [{ fusion: fusion.name, node: label, ...(outcome === true ? {} : { reason: outcome }) }];
}

function fold(model: Model, evaluate: Evaluate): void {
  const shapes = model.inferShapes();
  for (const graph of [...model.graph.walk()]) foldConstants(model, graph, shapes, evaluate);
  model.graph.removeUnused();
}
