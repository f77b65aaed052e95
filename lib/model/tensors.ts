/** All tensors of a model's messages, wherever they sit. */
import type { GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from "./proto.js";

/** What messages call a node: its operator, and its name or else its first output. */
export function nodeLabel({ name, opType, output }: Pick<NodeProto, "name" | "opType" | "output">): string {
  return name === "" ? `${opType} → "${output[0] ?? ""}"` : `${opType} "${name}"`;
}

/** Each tensor with words for where it is. */
export function* tensorsOf(model: ModelProto): Generator<[TensorProto, string]> {
  if (model.graph) yield* inGraph(model.graph);
  for (const { node } of model.functions) yield* inNodes(node);
  for (const { initialization, algorithm } of model.trainingInfo)
    for (const graph of [initialization, algorithm]) if (graph) yield* inGraph(graph);
}

function* inGraph(graph: GraphProto): Generator<[TensorProto, string]> {
  for (const tensor of graph.initializer) yield [tensor, `tensor "${tensor.name}"`];
  for (const sparse of graph.sparseInitializer) yield* inSparse(sparse);
  yield* inNodes(graph.node);
}

function* inSparse({ values, indices }: SparseTensorProto): Generator<[TensorProto, string]> {
  if (values) yield [values, `sparse tensor "${values.name}"`];
  if (indices) yield [indices, `indices of sparse tensor "${values?.name ?? ""}"`];
}

function* inNodes(nodes: readonly NodeProto[]): Generator<[TensorProto, string]> {
  for (const node of nodes)
    for (const { name: key, t, tensors, g, graphs, sparseTensor, sparseTensors } of node.attribute) {
      const where = `node ${nodeLabel(node)}, attribute "${key}"`;
      for (const tensor of t ? [t, ...tensors] : tensors) yield [tensor, where];
      for (const graph of g ? [g, ...graphs] : graphs) yield* inGraph(graph);
      for (const sparse of sparseTensor ? [sparseTensor, ...sparseTensors] : sparseTensors) yield* inSparse(sparse);
    }
}
