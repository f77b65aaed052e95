/** Gradients of matrix products and convolutions, pools, normalization, softmax and the losses over classes. */
import { PareError } from "../../errors.js";
import type { Node } from "../../model/index.js";
import { rule, type GradientBuild, type Rule } from "./gradient.js";

/** y = a·b: da = dy·bᵀ, db = aᵀ·dy */
const matmul = rule((node, [dy], b) => {
  const [a, right] = [node.inputs[0]!, node.inputs[1]!];
  const [rankA, rankB] = [b.dims(a).length, b.dims(right).length];
  if (rankA === 1 || rankB === 1) return vectorProduct(node, dy!, b);
  if (rankB === 2) {
    // One matrix on the right: all rows of the left at once.
    const flat = (value: string, name: string): string =>
      rankA === 2 ? value : b.op("Reshape", value, b.integers([-1, numberAt(node, name, b)]));
    const rows = flat(dy!, node.outputs[0]!);
    const da = b.needs(node, 0) ? b.op("Gemm", rows, right, { transB: 1 }) : undefined;
    return [
      da !== undefined && rankA > 2 ? b.reshapeLike(da, a) : da,
      b.needs(node, 1) ? b.op("Gemm", flat(a, a), rows, { transA: 1 }) : undefined,
    ];
  }
  return [
    b.needs(node, 0) ? b.op("MatMul", dy, b.turn(right, rankB)) : undefined,
    b.needs(node, 1) ? b.op("MatMul", b.turn(a, rankA), dy) : undefined,
  ];
}, "batches");

/** The last dimension, a number. */
function numberAt(node: Node, name: string, b: GradientBuild): number {
  const size = b.dims(name).at(-1);
  if (typeof size === "number") return size;
  throw new PareError("PARE_UNSUPPORTED", `${node.label}: its gradient needs to know the last dimension of "${name}".`);
}

/** With a vector on a side: as a matrix of one row or column, whose gradient loses that dimension again. */
function vectorProduct(node: Node, dy: string, b: GradientBuild): (string | undefined)[] {
  const [a, right] = [node.inputs[0]!, node.inputs[1]!];
  const [rankA, rankB] = [b.dims(a).length, b.dims(right).length];
  const left = rankA === 1 ? b.op("Unsqueeze", a, b.integers([0])) : a;
  const column = rankB === 1 ? b.op("Unsqueeze", right, b.integers([1])) : right;
  let matrix = dy;
  if (rankB === 1) matrix = b.op("Unsqueeze", matrix, b.integers([-1]));
  if (rankA === 1) matrix = b.op("Unsqueeze", matrix, b.integers([-2]));
  const da = b.op("MatMul", matrix, b.turn(column, Math.max(2, rankB)));
  const db = b.op("MatMul", b.turn(left, Math.max(2, rankA)), matrix);
  // The other side's batches are summed, and the added dimension goes.
  const back = (gradient: string, rank: number, other: number, name: string): string => {
    const batches = Array.from({ length: Math.max(0, other - 2) }, (_, axis) => axis);
    if (rank !== 1) return gradient;
    const summed = batches.length > 0 ? b.sum(gradient, batches, false) : gradient;
    return b.reshapeLike(summed, name);
  };
  return [back(da, rankA, rankB, a), back(db, rankB, rankA, right)];
}

/** y = α·A'·B' + β·C, A' and B' turned where the node says so */
const gemm = rule((node, [dy], b) => {
  const [a, right] = [node.inputs[0]!, node.inputs[1]!];
  const [transA, transB] = [b.numberOf(node, "transA", 0), b.numberOf(node, "transB", 0)];
  const alpha = b.numberOf(node, "alpha", 1);
  const beta = b.numberOf(node, "beta", 1);
  const product = (first: string, second: string, turnFirst: boolean, turnSecond: boolean): string =>
    b.op("Gemm", first, second, {
      transA: turnFirst ? 1 : undefined,
      transB: turnSecond ? 1 : undefined,
      alpha: alpha === 1 ? undefined : alpha,
    });
  const left = (): string =>
    transA ? product(right, dy!, transB !== 0, true) : product(dy!, right, false, transB === 0);
  const other = (): string => (transB ? product(dy!, a, true, transA !== 0) : product(a, dy!, transA === 0, false));
  const shift = (): string => {
    const scaled = beta === 1 ? dy! : b.op("Mul", dy, b.number(beta));
    return b.unbroadcast(scaled, b.dims(node.outputs[0]!), node.inputs[2]!);
  };
  return [
    b.needs(node, 0) ? left() : undefined,
    b.needs(node, 1) ? other() : undefined,
    b.needs(node, 2) ? shift() : undefined,
  ];
});

/** Attributes of a window, handed on. */
function attributesOf(node: Node, ...more: string[]): Record<string, number | string | readonly number[]> {
  const names = ["auto_pad", "dilations", "kernel_shape", "pads", "strides", ...more];
  const found: Record<string, number | string | readonly number[]> = {};
  for (const name of names) {
    const value = node.attribute(name);
    if (value !== undefined) found[name] = value as number | string | readonly number[];
  }
  return found;
}

const conv = rule((node, [dy], b) => {
  const [x, w] = [node.inputs[0]!, node.inputs[1]!];
  const wanted = [b.needs(node, 0), b.needs(node, 1)];
  const [dx, dw] = wanted.some(Boolean)
    ? b.node("pare.ConvGrad", [dy!, x, w], wanted, attributesOf(node, "group"))
    : [undefined, undefined];
  const rank = b.dims(x).length;
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  return [
    dx === "" ? undefined : dx,
    dw === "" ? undefined : dw,
    b.needs(node, 2) ? b.sum(dy!, axes, false) : undefined,
  ];
});

const layerNorm = rule((node, [dy], b) => {
  const [x, scale] = [node.inputs[0]!, node.inputs[1]!];
  const attributes = { axis: b.numberOf(node, "axis", -1), epsilon: b.numberOf(node, "epsilon", 1e-5) };
  const [dx, dScale, dBias] = b.node("pare.LayerNormGrad", [dy!, x, scale], 3, attributes);
  return [dx, dScale, dBias];
});

/** The channels' numbers beside a value of `rank` dimensions. */
const perChannel = (value: string, rank: number, b: GradientBuild): string =>
  b.op("Reshape", value, b.integers([1, -1, ...Array.from({ length: rank - 2 }, () => 1)]));

/** y = (x − μ)/√(σ² + ε)·scale + bias with μ and σ² as they are: what is frozen. */
const batchNorm = rule((node, [dy], b) => {
  const [x, scale, , mean, variance] = node.inputs as [string, string, string, string, string];
  const rank = b.dims(x).length;
  const deviation = b.op("Sqrt", b.op("Add", variance, b.number(b.numberOf(node, "epsilon", 1e-5))));
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  const dScale = (): string => {
    const normal = b.op("Div", b.op("Sub", x, perChannel(mean, rank, b)), perChannel(deviation, rank, b));
    return b.sum(b.op("Mul", dy, normal), axes, false);
  };
  return [
    b.needs(node, 0) ? b.op("Mul", dy, perChannel(b.op("Div", scale, deviation), rank, b)) : undefined,
    b.needs(node, 1) ? dScale() : undefined,
    b.needs(node, 2) ? b.sum(dy!, axes, false) : undefined,
  ];
});

const batchNormTraining = rule((node, [dy], b) => {
  const [x, scale] = [node.inputs[0]!, node.inputs[1]!];
  const saved = [node.outputs[1]!, node.outputs[2]!];
  const [dx, dScale, dBias] = b.node("pare.BatchNormGrad", [dy!, x, scale, ...saved], [b.needs(node, 0), true, true]);
  return [dx === "" ? undefined : dx, dScale, dBias];
});

const softmaxAxis = (node: Node, b: GradientBuild): number =>
  b.axis(b.numberOf(node, "axis", -1), b.dims(node.inputs[0]!).length);

/** dy − eʸ·Σ dy */
function logSoftmaxGradient(dy: string, y: string, axis: number, b: GradientBuild): string {
  return b.op("Sub", dy, b.op("Mul", b.op("Exp", y), b.sum(dy, [axis], true)));
}

/** The loss's attributes, handed on. */
function lossAttributes(node: Node): Record<string, number | string> {
  const ignored = node.attribute("ignore_index") as number | undefined;
  const reduction = (node.attribute("reduction") as string | undefined) ?? "mean";
  return { reduction, ...(ignored === undefined ? {} : { ignore_index: ignored }) };
}

export const products: Record<string, Rule> = {
  MatMul: matmul,
  Gemm: gemm,
  Conv: conv,
  MaxPool: rule((node, [dy], b) => [
    b.op("pare.MaxPoolGrad", dy, node.inputs[0], attributesOf(node, "ceil_mode", "storage_order")),
  ]),
  AveragePool: rule((node, [dy], b) => [
    b.op("pare.AveragePoolGrad", dy, node.inputs[0], attributesOf(node, "ceil_mode", "count_include_pad")),
  ]),
  // Each element of the image has the same share.
  GlobalAveragePool: rule((node, [dy], b) => {
    const x = node.inputs[0]!;
    const axes = Array.from({ length: b.dims(x).length - 2 }, (_, i) => i + 2);
    return [b.op("Expand", b.op("Mul", dy, b.shareOf(node, axes)), b.shapeOf(x))];
  }),
  LayerNormalization: layerNorm,
  "com.microsoft.LayerNormalization": layerNorm,
  BatchNormalization: batchNorm,
  "pare.BatchNormTraining": batchNormTraining,
  Softmax: rule((node, [dy], b) => [b.op("pare.SoftmaxGrad", dy, node.outputs[0], { axis: softmaxAxis(node, b) })]),
  LogSoftmax: rule((node, [dy], b) => [logSoftmaxGradient(dy!, node.outputs[0]!, softmaxAxis(node, b), b)]),
  SoftmaxCrossEntropyLoss: rule((node, [dy, dLogarithms], b) => {
    const [scores, labels, weights] = node.inputs;
    const known = node.outputs[1] ?? "";
    const logarithms = known === "" ? b.op("LogSoftmax", scores, { axis: 1 }) : known;
    const parts: string[] = [];
    if (dy !== undefined)
      parts.push(b.op("pare.SoftmaxCrossEntropyGrad", dy, logarithms, labels, weights, lossAttributes(node)));
    if (dLogarithms !== undefined) parts.push(logSoftmaxGradient(dLogarithms, logarithms, 1, b));
    return [parts.length === 2 ? b.op("Add", ...parts) : parts[0]];
  }),
  NegativeLogLikelihoodLoss: rule((node, [dy], b) => {
    const [input, labels, weights] = node.inputs;
    return [b.op("pare.NegativeLogLikelihoodGrad", dy, input, labels, weights, lossAttributes(node))];
  }),
};
