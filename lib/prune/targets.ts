/** Which of a model's tensors are weights that pruning may touch. */
import type { Graph, Model, Node, Weight } from "../model/index.js";
import type { Report } from "../report/index.js";
import { nameOf, takes, type NameFilter } from "../rewrite/names.js";
import type { Resolved } from "./options.js";

/** A tensor to prune, once however many nodes read it. */
export interface Target {
  name: string;
  /** The graph where it stands. */
  graph: Graph;
  weight: Weight;
  /** Operator types that read it. */
  op: string;
  /** Dimension that the operators sum over, along which N:M groups lie; undefined where they differ or it is moved about. */
  axis: number | undefined;
}

/** An operator's weight inputs, and the dimension of each that the operator sums over. */
type WeightInputs = Record<number, (dims: readonly number[], node: Node) => number>;

const lastAxis = (dims: readonly number[]): number => dims.length - 1;
const rowAxis = (dims: readonly number[]): number => Math.max(0, dims.length - 2);
const transposed = (node: Node, name: string): boolean => node.attribute(name) === 1;

const matmul: WeightInputs = { 0: lastAxis, 1: rowAxis };
const gemm: WeightInputs = {
  0: (_, node) => (transposed(node, "transA") ? 0 : 1),
  1: (_, node) => (transposed(node, "transB") ? 1 : 0),
};
// [output channels, input channels, …]: the kernel's places are summed over too, but input channels lie together in them.
const conv: WeightInputs = { 1: () => 1 };
// [directions, gates · hidden, input or hidden]
const recurrent: WeightInputs = { 1: lastAxis, 2: lastAxis };

/** Operators whose weights are pruned by default: biases and normalization are inputs that are not listed. */
export const prunableOps: Readonly<Record<string, WeightInputs>> = {
  Conv: conv,
  FusedConv: conv,
  ConvTranspose: { 1: () => 0 },
  DeformConv: conv,
  MatMul: matmul,
  FusedMatMul: matmul,
  Gemm: gemm,
  FusedGemm: gemm,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  // com.microsoft: [input, 3 · hidden]
  Attention: { 1: rowAxis },
};

/** Operators that are pruned where opTypes asks for them: an embedding's rows are looked up, not summed. */
const optionalOps: Readonly<Record<string, WeightInputs>> = { Gather: { 0: lastAxis } };

/** Operators that hand a weight on: its zeros stay zeros. Only Identity keeps its dimensions too. */
const carriers = new Set(["Identity", "Transpose", "Reshape", "Cast", "Squeeze", "Unsqueeze", "Flatten"]);

const prunableTypes = new Set<string>(["float32", "float16", "bfloat16"]);

/** Every weight to prune, in the order of the graph; what is left alone goes into the report with its reason. */
export function findTargets(model: Model, { names, opTypes }: Resolved, report: Report): Target[] {
  if (model.graph.nodes.length === 0) return looseWeights(model, names, report);
  const found = new Map<Weight, Target & { nodes: string[]; ops: Set<string> }>();
  for (const graph of model.graph.walk())
    for (const node of graph.nodes) {
      const inputs = prunableOps[node.opType] ?? (opTypes?.include ? optionalOps[node.opType] : undefined);
      if (!inputs) continue;
      for (const [index, axisOf] of Object.entries(inputs)) {
        const source = weightBehind(graph, node.inputs[Number(index)] ?? "");
        if (!source || source.weight.dims.length < 1) continue;
        const { name, weight, moved } = source;
        const reason = refusal(source, node.opType, opTypes);
        if (reason !== undefined) {
          report.skip(name, reason);
          continue;
        }
        const axis = moved ? undefined : axisOf(weight.dims, node);
        const known = found.get(weight);
        if (!known) {
          const ops = new Set([node.opType]);
          found.set(weight, { name, graph: source.graph, weight, op: node.opType, axis, nodes: [nameOf(node)], ops });
        } else {
          if (known.axis !== axis) known.axis = undefined;
          known.nodes.push(nameOf(node));
          known.ops.add(node.opType);
        }
      }
    }
  return [...found.values()].filter((target) => {
    target.op = [...target.ops].join(", ");
    const taken = takes(names, target.name, ...target.nodes);
    if (!taken) report.skip(target.name, "left out by name");
    return taken;
  });
}

interface Source {
  name: string;
  graph: Graph;
  weight: Weight;
  /** Whether an operator on the way changes its dimensions. */
  moved: boolean;
}

/** The weight that a value is, seen through the operators that only hand it on. */
function weightBehind(graph: Graph, name: string): Source | undefined {
  let moved = false;
  let scope = graph;
  let current = name;
  while (current !== "") {
    while (!scope.defines(current) && scope.parent) scope = scope.parent.graph;
    const weight = scope.weight(current);
    if (weight) return { name: current, graph: scope, weight, moved };
    const producer = scope.producer(current);
    if (!producer || !carriers.has(producer.opType)) return undefined;
    moved ||= producer.opType !== "Identity" && producer.opType !== "Cast";
    current = producer.inputs[0] ?? "";
  }
  return undefined;
}

function refusal({ graph, name, weight }: Source, opType: string, opTypes: NameFilter | undefined): string | undefined {
  if (!takes(opTypes, opType)) return `${opType} is left out by opTypes`;
  // Before IR version 4 every initializer had to be listed as an input, which then means nothing.
  if (graph.isOverridable(name) && Number(graph.model.proto.irVersion) >= 4)
    return "it is also an input of the graph, which may override it";
  if (!prunableTypes.has(weight.dtype)) return typeReason(weight);
  return undefined;
}

/** Names that tables of embeddings go by: their rows are looked up, not summed. */
const embedding = /embed|\bwte\b|\bwpe\b/i;

/**
 * The weights of a file that has no graph (safetensors), which only their shapes and names tell: matrices and kernels in
 * PyTorch's layout, [output, input, …]; vectors are biases and normalization.
 */
function looseWeights({ graph }: Model, names: NameFilter | undefined, report: Report): Target[] {
  const targets: Target[] = [];
  for (const [name, weight] of graph.weights()) {
    const reason =
      weight.dims.length < 2
        ? "it has one dimension, as biases and normalization have"
        : !prunableTypes.has(weight.dtype)
          ? typeReason(weight)
          : !takes(names, name)
            ? "left out by name"
            : embedding.test(name) && names?.include === undefined
              ? "it looks like an embedding; include it by name to prune it"
              : undefined;
    if (reason === undefined) targets.push({ name, graph, weight, op: "", axis: 1 });
    else report.skip(name, reason);
  }
  return targets;
}

const typeReason = ({ dtype }: Weight): string => `its type is ${dtype}; float32, float16 and bfloat16 are pruned`;
