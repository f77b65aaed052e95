/** Which weights of a model are its parameters, that training changes. */
import type { Graph, Node } from "../model/index.js";
import { takes, type NameFilter } from "../rewrite/names.js";

/** Inputs that hold parameters, by operator. */
const parameterInputs: Readonly<Record<string, readonly number[]>> = {
  MatMul: [0, 1],
  Gemm: [0, 1, 2],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gather: [0],
  PRelu: [1],
  LayerNormalization: [1, 2],
  BatchNormalization: [1, 2],
  InstanceNormalization: [1, 2],
};
/** Operators of two inputs, of which one may be a bias or a scale: a weight along one dimension. */
const shifts = new Set(["Add", "Sub", "Mul", "Div"]);

export interface Parameter {
  name: string;
  dims: readonly number[];
  /** The first node that reads it. */
  node: Node;
}

/**
 * A model's parameters in the order of its nodes: float32 weights of products, convolutions, embeddings and norms, and those
 * that are added to or multiplied with a value along one dimension. What the caller can override is none.
 */
export function findParameters(graph: Graph, filter?: NameFilter): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const node of graph.nodes) {
    if (node.domain !== "") continue;
    const isShift = shifts.has(node.opType);
    for (const input of isShift ? [0, 1] : (parameterInputs[node.opType] ?? [])) {
      const name = sourceOf(graph, node.inputs[input] ?? "");
      const weight = name === undefined ? undefined : graph.weight(name);
      if (!weight || name === undefined || found.has(name) || weight.dtype !== "float32") continue;
      if (graph.isOverridable(name) || weight.elementCount === 0) continue;
      if (isShift && weight.dims.filter((dim) => dim !== 1).length !== 1) continue;
      if (takes(filter, name)) found.set(name, { name, dims: weight.dims, node });
    }
  }
  return [...found.values()];
}

/** The weight behind nodes that only lay it out differently, if that is what a value is. */
export function sourceOf(graph: Graph, name: string): string | undefined {
  for (let at = name; ;) {
    if (graph.weight(at)) return at;
    const node = graph.producer(at);
    if (!node || !["Transpose", "Identity", "Reshape", "Unsqueeze", "Squeeze"].includes(node.opType)) return undefined;
    at = node.inputs[0] ?? "";
  }
}
