/** Operators between DequantizeLinear and QuantizeLinear, as one that computes on the integers. */
import { Weight, type Node } from "../../model/index.js";
import type { Fusion, Site } from "./site.js";

const microsoft = "com.microsoft";

/** 8-bit integers and the grid that they stand on. */
interface Integers {
  node: Node;
  /** Of DequantizeLinear what it reads, of QuantizeLinear what it makes. */
  data: string;
  scale: string;
  zeroPoint: string;
  dtype: "int8" | "uint8";
  /** The axis along which scales differ; undefined where there is one for all. */
  axis: number | undefined;
}

/** The integers that a value was dequantized from. */
function dequantized(site: Site, name: string | undefined): Integers | undefined {
  const node = site.producer(name, "DequantizeLinear");
  return node && gridOf(site, node, node.inputs[0]!);
}

/** The integers that a value, which nobody else reads, is quantized to. */
function quantized(site: Site, name: string | undefined): Integers | undefined {
  const node = site.reader(name, "QuantizeLinear");
  const grid = node && gridOf(site, node, node.outputs[0]!);
  return grid?.axis === undefined ? grid : undefined;
}

function gridOf(site: Site, node: Node, data: string): Integers | undefined {
  const { dtype } = site.type(data);
  const [, scale, zeroPoint = ""] = node.inputs as [string, string, string?];
  if ((dtype !== "int8" && dtype !== "uint8") || !site.isFloat32(scale) || (node.attribute("block_size") ?? 0) !== 0)
    return undefined;
  const dims = site.dims(scale);
  if (dims === undefined || dims.length > 1 || (dims.length === 1 && typeof dims[0] !== "number")) return undefined;
  const axis = dims.length === 0 || dims[0] === 1 ? undefined : ((node.attribute("axis") as number | undefined) ?? 1);
  return { node, data, scale, zeroPoint, dtype, axis };
}

/** Scale and zero point as inputs; operators on integers take no zero point for granted. */
function gridInputs(site: Site, { scale, zeroPoint, dtype }: Integers): [string, string] {
  return [scale, zeroPoint === "" ? site.graph.addWeight("zero_point", Weight.of(dtype, [], [0])) : zeroPoint];
}

/** What follows a node up to its integers: an activation that the grid's ends do anyway, and QuantizeLinear. */
function end(site: Site, node: Node): { nodes: Node[]; to: Integers } | undefined {
  const output = node.outputs[0];
  const direct = quantized(site, output);
  if (direct) return { nodes: [direct.node], to: direct };
  const activation = site.reader(output, "Relu", "Clip");
  const to = activation && activation.inputs[0] === output ? quantized(site, activation.outputs[0]) : undefined;
  return to && isDoneByGrid(site, activation!, to) ? { nodes: [activation!, to.node], to } : undefined;
}

function isDoneByGrid(site: Site, activation: Node, { scale, zeroPoint, dtype }: Integers): boolean {
  const step = site.number(scale);
  const zero = zeroPoint === "" ? 0 : site.number(zeroPoint);
  if (step === undefined || zero === undefined) return false;
  const [least, most] = dtype === "int8" ? [-128, 127] : [0, 255];
  const isRelu = activation.opType === "Relu";
  const bound = (index: number, none: number): number | undefined =>
    (activation.inputs[index] ?? "") === "" ? none : site.number(activation.inputs[index]);
  const [low, high] = isRelu ? [0, Infinity] : [bound(1, -Infinity), bound(2, Infinity)];
  if (low === undefined || high === undefined) return false;
  // Half a step is what rounding would take away.
  return (least - zero + 0.5) * step > low && (most - zero - 0.5) * step < high;
}

/** The bias in the product's own steps; undefined where it is not on that grid. */
function biasOf(site: Site, name: string, x: Integers, weight: Integers): string | undefined {
  const node = site.producer(name, "DequantizeLinear");
  const [data, scale, zeroPoint = ""] = node?.inputs ?? [];
  if (site.type(data).dtype !== "int32" || !isZero(site, zeroPoint)) return undefined;
  const [own, ofX, ofWeight] = [scale, x.scale, weight.scale].map((one) => site.constant(one)?.toTypedArray());
  if (!own || !ofX || !ofWeight || (own.length !== 1 && own.length !== ofWeight.length)) return undefined;
  const fits = Array.from(ofWeight as Float32Array, (step, i) => {
    const wanted = step * Number(ofX[0]);
    return Math.abs(Number(own[own.length === 1 ? 0 : i]) - wanted) <= 1e-3 * wanted;
  });
  return fits.every(Boolean) ? data : undefined;
}

function isZero(site: Site, name: string): boolean {
  return name === "" || (site.constant(name)?.bytes.every((byte) => byte === 0) ?? false);
}

const convolution: Fusion = {
  name: "quantized-conv",
  startsAt: ["Conv"],
  fuse(conv, site) {
    const [x, filters] = [dequantized(site, conv.inputs[0]), dequantized(site, conv.inputs[1])];
    if (!x || !filters) return false;
    const after = end(site, conv);
    if (!after) return "its result is not quantized";
    if (x.axis !== undefined || (filters.axis ?? 0) !== 0) return "scales differ along an axis that is no filter's";
    const name = conv.inputs[2] ?? "";
    const bias = name === "" ? "" : biasOf(site, name, x, filters);
    if (bias === undefined) return "the bias is not on the product's grid";
    const { nodes, to } = after;
    const inputs = [
      x.data,
      ...gridInputs(site, x),
      filters.data,
      ...gridInputs(site, filters),
      ...gridInputs(site, to),
    ];
    site.replace([conv, ...nodes], to.node, {
      opType: "QLinearConv",
      inputs: bias === "" ? inputs : [...inputs, bias],
      outputs: [to.data],
      attributes: conv.attributes,
    });
    return true;
  },
};

const product: Fusion = {
  name: "quantized-matmul",
  startsAt: ["MatMul"],
  fuse(node, site) {
    const [a, b] = [dequantized(site, node.inputs[0]), dequantized(site, node.inputs[1])];
    if (!a || !b) return false;
    const rank = site.dims(b.data)?.length;
    if (a.axis !== undefined || (b.axis !== undefined && (rank !== 2 || (b.axis !== 1 && b.axis !== -1))))
      return "scales differ along an axis that is no column";
    const after = end(site, node);
    if (after) {
      const { nodes, to } = after;
      site.replace([node, ...nodes], to.node, {
        opType: "QLinearMatMul",
        inputs: [a.data, ...gridInputs(site, a), b.data, ...gridInputs(site, b), ...gridInputs(site, to)],
        outputs: [to.data],
      });
      return true;
    }
    const columns = site.constant(b.data)?.dims.at(-1);
    if (columns === undefined) return "its result is not quantized, and the right side is no constant";
    const added = site.reader(node.outputs[0], "Add");
    const beside = added && site.other(added, node.outputs[0]!);
    const bias = site.constant(beside);
    const takesBias = bias?.dtype === "float32" && bias.dims.length === 1 && bias.dims[0] === columns;
    const last = takesBias ? added! : node;
    site.replace(takesBias ? [node, added!] : [node], last, {
      domain: microsoft,
      opType: "MatMulIntegerToFloat",
      inputs: [a.data, b.data, a.scale, b.scale, a.zeroPoint, b.zeroPoint, ...(takesBias ? [beside!] : [])],
      outputs: [last.outputs[0]!],
    });
    return true;
  },
};

const gemm: Fusion = {
  name: "quantized-gemm",
  startsAt: ["Gemm"],
  fuse(node, site) {
    const [a, b] = [dequantized(site, node.inputs[0]), dequantized(site, node.inputs[1])];
    if (!a || !b) return false;
    const { alpha = 1, beta = 1, transA = 0, transB = 0 } = node.attributes as Record<string, number | undefined>;
    if (alpha !== 1 || beta !== 1) return "it scales its operands";
    if (a.axis !== undefined || (b.axis !== undefined && b.axis !== (transB === 0 ? 1 : 0)))
      return "scales differ along an axis that is no column";
    const name = node.inputs[2] ?? "";
    const bias = name === "" ? "" : biasOf(site, name, a, b);
    if (bias === undefined) return "the bias is not on the product's grid";
    const after = end(site, node);
    const last = after?.to.node ?? node;
    site.replace([node, ...(after?.nodes ?? [])], last, {
      domain: microsoft,
      opType: "QGemm",
      inputs: [
        ...[a.data, ...gridInputs(site, a), b.data, ...gridInputs(site, b)],
        ...(after ? [bias, ...gridInputs(site, after.to)] : bias === "" ? [] : [bias]),
      ],
      outputs: [last.outputs[0]!],
      attributes: { transA, transB },
    });
    return true;
  },
};

/** Operators of one input or two, with ONNX Runtime's on integers. */
const elementwise: Readonly<Record<string, string>> = {
  Add: "QLinearAdd",
  Mul: "QLinearMul",
  Sigmoid: "QLinearSigmoid",
  LeakyRelu: "QLinearLeakyRelu",
  GlobalAveragePool: "QLinearGlobalAveragePool",
};

const arithmetic: Fusion = {
  name: "quantized-arithmetic",
  startsAt: Object.keys(elementwise),
  fuse(node, site) {
    const from = node.inputs.map((name) => dequantized(site, name));
    const after = end(site, node);
    if (!after || !from.every((one) => one !== undefined && one.axis === undefined && one.dtype === after.to.dtype))
      return false;
    const { nodes, to } = after;
    site.replace([node, ...nodes], to.node, {
      domain: microsoft,
      opType: elementwise[node.opType]!,
      inputs: [...from.flatMap((one) => [one!.data, ...gridInputs(site, one!)]), ...gridInputs(site, to)],
      outputs: [to.data],
      attributes: node.attributes,
    });
    return true;
  },
};

const concatenation: Fusion = {
  name: "quantized-concat",
  startsAt: ["Concat"],
  fuse(node, site) {
    const from = node.inputs.map((name) => dequantized(site, name));
    const to = quantized(site, node.outputs[0]);
    if (!to || !from.every((one) => one !== undefined && one.axis === undefined && one.dtype === to.dtype))
      return false;
    site.replace([node, to.node], to.node, {
      domain: microsoft,
      opType: "QLinearConcat",
      inputs: [...gridInputs(site, to), ...from.flatMap((one) => [one!.data, ...gridInputs(site, one!)])],
      outputs: [to.data],
      attributes: node.attributes,
    });
    return true;
  },
};

/** Operators that move elements, or choose among them, do so with integers as well where the grid stays the same. */
const moves: Fusion = {
  name: "quantized-move",
  startsAt: ["MaxPool", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather"],
  fuse(node, site) {
    const from = dequantized(site, node.inputs[0]);
    const to = quantized(site, node.outputs[0]);
    if (!from || !to || from.axis !== undefined || from.dtype !== to.dtype || node.outputs.length > 1) return false;
    if (!isSameConstant(site, from.scale, to.scale) || !isSameConstant(site, from.zeroPoint, to.zeroPoint))
      return "the grids before and after differ";
    site.replace([node, to.node], to.node, {
      opType: node.opType,
      inputs: [from.data, ...node.inputs.slice(1)],
      outputs: [to.data],
      attributes: node.attributes,
    });
    return true;
  },
};

function isSameConstant(site: Site, a: string, b: string): boolean {
  if (a === b) return true;
  if (a === "" || b === "") return isZero(site, a) && isZero(site, b);
  const [x, y] = [site.number(a), site.number(b)];
  return x !== undefined && x === y;
}

export const quantizedOperators: readonly Fusion[] = [convolution, product, gemm, arithmetic, concatenation, moves];
