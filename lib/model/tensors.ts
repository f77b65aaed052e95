/** All tensors of a model's messages, wherever they sit. */
import type { GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from "./proto.js";

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
  for (const { opType, name, output, attribute } of nodes)
    for (const { name: key, t, tensors, g, graphs, sparseTensor, sparseTensors } of attribute) {
      const where = `node ${opType} "${name || (output[0] ?? "")}", attribute "${key}"`;
      for (const tensor of t ? [t, ...tensors] : tensors) yield [tensor, where];
      for (const graph of g ? [g, ...graphs] : graphs) yield* inGraph(graph);
      for (const sparse of sparseTensor ? [sparseTensor, ...sparseTensors] : sparseTensors) yield* inSparse(sparse);
    }
}
