/** Constant folding: what depends on nothing but constants is computed once. */
import { Model, type Graph, type Node, type Weight } from "../model/index.js";
import type { InferredType, Shapes } from "../model/shapes.js";
import { constantOf } from "./constants.js";

/** Computes the outputs of a model without inputs, by name. */
export type Evaluate = (model: Model) => ReadonlyMap<string, Weight>;

const random = new Set([
  "Bernoulli",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/** Results of more elements than this must not have many more than what they are made of. */
const ampleElements = 4096;

type TypeOf = (name: string) => InferredType | undefined;

/** Replaces nodes that read only constants by weights; outputs of the graph stay. `shapes` may lack values. @returns how many nodes went. */
export function foldConstants(model: Model, graph: Graph, evaluate: Evaluate, shapes?: Shapes): number {
  const typeOf: TypeOf = (name) => shapes?.in(graph, name) ?? model.inferShapes().in(graph, name);
  const sizeOf = (name: string): number | undefined => elementsIn(typeOf(name));
  const known = new Map<string, number>();
  const elementsOf = (name: string): number | undefined => {
    const made = known.get(name);
    if (made !== undefined) return made;
    const constant = constantOf(graph, name);
    return typeof constant === "string" ? undefined : constant.weight.elementCount;
  };
  const folded: Node[] = [];
  for (const node of graph.nodes) {
    if (!isFoldable(node) || node.outputs.some((name) => graph.isOutput(name))) continue;
    const counts = node.inputs.filter((name) => name !== "").map(elementsOf);
    if (counts.length === 0 || counts.includes(undefined)) continue;
    const read = counts.reduce<number>((sum, count) => sum + count!, 0);
    const made = node.outputs.filter((name) => name !== "").map(sizeOf);
    if (made.some((count) => count === undefined || (count > ampleElements && count > 2 * read))) continue;
    folded.push(node);
    node.outputs.forEach((name) => known.set(name, sizeOf(name) ?? 0));
  }
  if (folded.length === 0) return 0;

  const isFolded = new Set(folded);
  const wanted = [...known.keys()].filter((name) => graph.consumers(name).some((node) => !isFolded.has(node)));
  const results = evaluate(constantModel(model, graph, typeOf, folded, wanted));
  graph.removeNodes(folded);
  for (const [name, weight] of results) graph.replaceUses(name, graph.addWeight(name, weight));
  return folded.length;
}

function isFoldable(node: Node): boolean {
  if (node.subgraphs.length > 0) return false;
  // Constants are weights already.
  return !(node.domain === "" && (random.has(node.opType) || node.opType === "Constant"));
}

/** Elements of a value of a type that results can have; undefined where they are not known. */
function elementsIn({ dtype, dims }: InferredType = {}): number | undefined {
  if (dtype === undefined || dtype === "string" || dtype === "bfloat16" || !dims) return undefined;
  return dims.reduce<number | undefined>(
    (product, dim) => (product === undefined || typeof dim !== "number" ? undefined : product * dim),
    1,
  );
}

function constantModel(
  model: Model,
  graph: Graph,
  typeOf: TypeOf,
  nodes: readonly Node[],
  wanted: readonly string[],
): Model {
  const part = Model.create({ name: "constants", opset: model.opset() ?? 1, irVersion: 10 });
  for (const { domain, version } of model.proto.opsetImport)
    if (domain !== "" && domain !== "ai.onnx") part.setOpset(domain, Number(version));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const seen = new Set<string>();
  for (const node of nodes)
    for (const name of node.inputs) {
      if (name === "" || made.has(name) || seen.has(name)) continue;
      seen.add(name);
      part.graph.addWeight(name, weightBehind(graph, name));
    }
  for (const node of nodes) {
    const { opType, domain, inputs, outputs, attributes } = node;
    part.graph.addNode({ opType, domain, inputs, outputs, attributes });
  }
  for (const name of wanted) {
    const { dtype, dims } = typeOf(name)!;
    part.graph.addOutput(name, dtype!, dims);
  }
  return part;
}

function weightBehind(graph: Graph, name: string): Weight {
  const constant = constantOf(graph, name);
  if (typeof constant === "string") throw new Error(`"${name}": ${constant}`);
  return constant.weight;
}
