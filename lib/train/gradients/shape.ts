/** Gradients of operators that move elements about, and of reductions. */
import { PareError } from "../../errors.js";
import type { Node } from "../../model/index.js";
import { rule, unary, type GradientBuild, type Rule } from "./gradient.js";

const reshape = unary((dy, x, _y, b) => b.reshapeLike(dy, x));

/** Sizes along an axis that all must be numbers. */
function sizesAlong(node: Node, names: readonly string[], axis: number, b: GradientBuild): number[] {
  return names.map((name) => {
    const size = b.dims(name)[axis];
    if (typeof size === "number") return size;
    throw new PareError(
      "PARE_UNSUPPORTED",
      `${node.label}: its gradient needs to know the size of "${name}" along axis ${axis}.`,
    );
  });
}

/** What a reduction was taken over: its axes, and the gradient with these as dimensions of 1. */
function kept(node: Node, dy: string, b: GradientBuild): { axes: readonly number[]; dy: string } {
  const x = node.inputs[0]!;
  const rank = b.dims(x).length;
  const given = node.attribute("axes") as readonly number[] | undefined;
  let axes = (given ?? b.listOf(node, 1) ?? []).map((axis) => b.axis(axis, rank));
  if (axes.length === 0) {
    if (b.numberOf(node, "noop_with_empty_axes", 0) !== 0) return { axes: [], dy };
    axes = Array.from({ length: rank }, (_, axis) => axis);
  }
  if (b.numberOf(node, "keepdims", 1) !== 0 || axes.length === 0) return { axes, dy };
  return { axes, dy: b.op("Unsqueeze", dy, b.integers([...axes].sort((one, other) => one - other))) };
}

/** y with the reduced axes as dimensions of 1. */
const keptOutput = (node: Node, b: GradientBuild): string => kept(node, node.outputs[0]!, b).dy;

export const moving: Record<string, Rule> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: unary((dy, x, _y, b, node) => {
    const rank = b.dims(x).length;
    const perm =
      (node.attribute("perm") as readonly number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const back = new Array<number>(rank);
    perm.forEach((from, to) => (back[from] = to));
    return b.op("Transpose", dy, { perm: back });
  }),
  Concat: rule((node, [dy], b) => {
    const rank = b.dims(node.outputs[0]!).length;
    const axis = b.axis(b.numberOf(node, "axis", 0), rank);
    if (node.inputs.length === 1) return [dy];
    const sizes = sizesAlong(node, node.inputs, axis, b);
    return b.node("Split", [dy!, b.integers(sizes)], node.inputs.length, { axis });
  }),
  Split: rule((node, gradients, b) => {
    const axis = b.axis(b.numberOf(node, "axis", 0), b.dims(node.inputs[0]!).length);
    // What nobody used has a gradient of zeros.
    const parts = gradients.map((dy, i) => dy ?? b.op("Mul", node.outputs[i], b.number(0)));
    return [parts.length === 1 ? parts[0] : b.op("Concat", ...parts, { axis })];
  }),
  Slice: rule((node, [dy], b) => [b.op("pare.SliceGrad", dy, node.inputs[0], ...node.inputs.slice(1))]),
  Gather: rule((node, [dy], b) => {
    const [x, indices] = [node.inputs[0]!, node.inputs[1]!];
    return [b.op("pare.GatherGrad", dy, indices, x, { axis: b.numberOf(node, "axis", 0) })];
  }),

  ReduceSum: rule((node, [dy], b) => {
    const x = node.inputs[0]!;
    return [b.op("Expand", kept(node, dy!, b).dy, b.shapeOf(x))];
  }),
  ReduceMean: rule((node, [dy], b) => {
    const of = kept(node, dy!, b);
    const share = b.op("Mul", of.dy, b.shareOf(node, of.axes));
    return [b.op("Expand", share, b.shapeOf(node.inputs[0]!))];
  }),
  ReduceSumSquare: rule((node, [dy], b) => {
    const twice = b.op("Mul", kept(node, dy!, b).dy, b.number(2));
    return [b.op("Mul", twice, node.inputs[0])];
  }),
  ReduceL1: rule((node, [dy], b) => [b.op("Mul", kept(node, dy!, b).dy, b.op("Sign", node.inputs[0]))]),
  // x / ‖x‖
  ReduceL2: rule((node, [dy], b) => {
    const ratio = b.op("Div", kept(node, dy!, b).dy, keptOutput(node, b));
    return [b.op("Mul", ratio, node.inputs[0])];
  }),
  // softmax(x)
  ReduceLogSumExp: rule((node, [dy], b) => {
    const share = b.op("Exp", b.op("Sub", node.inputs[0], keptOutput(node, b)));
    return [b.op("Mul", kept(node, dy!, b).dy, share)];
  }),
  // Where the extreme is; several share it.
  ReduceMax: rule((node, [dy], b) => {
    const of = kept(node, dy!, b);
    const hits = b.op("Cast", b.op("Equal", node.inputs[0], keptOutput(node, b)), { to: 1 });
    const share = b.op("Div", of.dy, b.sum(hits, of.axes, true));
    return [b.op("Mul", hits, share)];
  }),
};
