/** All fusions, in the order in which one makes way for the next. */
import type { Model, Node } from "../../model/index.js";
import type { Shapes } from "../../model/shapes.js";
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

/** Fuses a model's nodes where they stand, and removes what nobody needs then. `shapes` may lack values made since. */
export function fuse(
  model: Model,
  evaluate: Evaluate,
  { without = [], only }: FusionOptions = {},
  shapes?: Shapes,
): FusionOutcome[] {
  const outcomes: FusionOutcome[] = [];
  const leftOut = new Set(only ? [...without, ...fusionNames.filter((name) => !only.includes(name))] : without);
  for (const pass of passes) {
    if (pass === "fold") {
      if (!leftOut.has("fold") && fold(model, evaluate, shapes) > 0 && !shapes?.areKnown) shapes = undefined;
      continue;
    }
    const fusions = pass.filter(({ name }) => !leftOut.has(name));
    if (fusions.length === 0) continue;
    // Kept from pass to pass: a fusion leaves the other values as they were.
    shapes ??= model.inferShapes();
    outcomes.push(...applyPass(model, fusions, { shapes }));
  }
  return outcomes;
}

/** Before gradients are taken: activations and norms that were written out become operators that have gradients of their own. */
export function fuseLayers(model: Model): void {
  for (const pass of [activations, normalizations]) applyPass(model, pass);
}

/** Fuses a whole training step, or what measures between steps; `variables` are weights that change from run to run. */
export function fuseStep(model: Model, variables: ReadonlySet<string>): void {
  for (const pass of [stepOperands, products, stepProducts, convolutionEpilogues])
    applyPass(model, pass, { variables });
}

function applyPass(
  model: Model,
  fusions: readonly Fusion[],
  { variables, shapes = model.inferShapes() }: { variables?: ReadonlySet<string>; shapes?: Shapes } = {},
): FusionOutcome[] {
  const outcomes: FusionOutcome[] = [];
  const byType = new Map<string, Fusion[]>();
  for (const fusion of fusions)
    for (const type of fusion.startsAt) byType.set(type, [...(byType.get(type) ?? []), fusion]);
  const graphs = [...model.graph.walk()];
  if (!graphs.some(({ nodes }) => nodes.some((node) => byType.has(typeOf(node))))) return outcomes;
  for (const graph of graphs) {
    const site = new Site(model, graph, shapes, variables);
    for (const node of [...graph.nodes])
      for (const fusion of byType.get(typeOf(node)) ?? []) outcomes.push(...attempt(fusion, node, site));
  }
  model.graph.removeUnused();
  return outcomes;
}

/** What `startsAt` calls a node. */
function typeOf({ domain, opType }: Node): string {
  return domain === "" ? opType : `${domain} ${opType}`;
}

function attempt(fusion: Fusion, node: Node, site: Site): FusionOutcome[] {
  // An earlier fusion may have taken the node.
  if (site.graph.producer(node.outputs[0] ?? "") !== node) return [];
  const label = node.name === "" ? node.outputs[0]! : node.name;
  const outcome = fusion.fuse(node, site);
  if (outcome === false) return [];
  return [{ fusion: fusion.name, node: label, ...(outcome === true ? {} : { reason: outcome }) }];
}

/** @returns how many nodes went. */
function fold(model: Model, evaluate: Evaluate, shapes: Shapes | undefined): number {
  let folded = 0;
  for (const graph of [...model.graph.walk()]) folded += foldConstants(model, graph, evaluate, shapes);
  model.graph.removeUnused();
  return folded;
}
