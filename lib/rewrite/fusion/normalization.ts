/** Layer normalization from its exported pieces, and with the sum that it normalizes. */
import type { Node } from "../../model/index.js";
import { axesOf, type Fusion, type Site } from "./site.js";

const microsoft = "com.microsoft";

/** (x − mean)/√(variance + ε)·γ + β over the last axis. */
const layerNormalization: Fusion = {
  name: "layer-normalization",
  startsAt: ["Div"],
  fuse(quotient, site) {
    const centered = site.producer(quotient.inputs[0], "Sub");
    const deviation = site.producer(quotient.inputs[1], "Sqrt");
    if (!centered || !deviation) return false;
    const [x, meanName] = centered.inputs as [string, string];
    const mean = meanOfLast(site, meanName);
    const stable = site.producer(deviation.inputs[0], "Add");
    if (mean?.inputs[0] !== x || !stable || !site.isFloat32(x)) return false;
    const [varianceName, epsilonName] =
      site.number(stable.inputs[1]) === undefined ? [stable.inputs[1], stable.inputs[0]] : stable.inputs;
    const epsilon = site.number(epsilonName);
    const square = site.producer(meanOfLast(site, varianceName)?.inputs[0], "Pow", "Mul");
    if (epsilon === undefined || !square || !isSquareOf(site, square, x, meanName)) return false;
    const size = site.dims(x)?.at(-1);
    const scaled = site.reader(quotient.outputs[0], "Mul");
    const gamma = scaled && site.other(scaled, quotient.outputs[0]!);
    if (!scaled || gamma === undefined || !isRow(site, gamma, size)) return false;
    const shifted = site.reader(scaled.outputs[0], "Add");
    const beta = shifted && site.other(shifted, scaled.outputs[0]!);
    const hasBeta = shifted !== undefined && beta !== undefined && isRow(site, beta, size);
    const last = hasBeta ? shifted : scaled;
    if (!site.haveSameRank(x, last.outputs[0])) return false;
    site.replace(hasBeta ? [quotient, scaled, shifted] : [quotient, scaled], last, {
      domain: microsoft,
      opType: "LayerNormalization",
      inputs: hasBeta ? [x, gamma, beta] : [x, gamma],
      outputs: [last.outputs[0]!],
      attributes: { axis: -1, epsilon },
    });
    return true;
  },
};

/** A mean over the last axis alone that keeps it. */
function meanOfLast(site: Site, name: string | undefined): Node | undefined {
  const node = site.producer(name, "ReduceMean");
  if (!node || (node.attribute("keepdims") ?? 1) !== 1) return undefined;
  const axes = axesOf(node, site);
  const rank = site.dims(node.inputs[0])?.length;
  return axes?.length === 1 && (axes[0] === -1 || (rank !== undefined && axes[0] === rank - 1)) ? node : undefined;
}

function isSquareOf(site: Site, square: Node, x: string, mean: string): boolean {
  const [base, exponent] = square.inputs;
  const isSquare = square.opType === "Pow" ? site.isNumber(exponent, 2) : base === exponent;
  const centered = site.producer(base, "Sub");
  return isSquare && centered?.inputs[0] === x && centered.inputs[1] === mean;
}

/** A constant of one number an element of the last axis. */
function isRow(site: Site, name: string, size: number | string | undefined): boolean {
  const dims = site.constant(name)?.dims;
  return dims?.length === 1 && dims[0] === size && site.isFloat32(name);
}

/** LayerNormalization(a + b) with the sum as a second result. */
const skipLayerNormalization: Fusion = {
  name: "skip-layer-normalization",
  startsAt: ["LayerNormalization", "com.microsoft LayerNormalization"],
  fuse(node, site) {
    const [x, gamma, beta] = node.inputs as [string, string, string | undefined];
    const sum = site.producer(x, "Add");
    const rank = site.dims(x)?.length;
    const axis = (node.attribute("axis") as number | undefined) ?? -1;
    if (!sum || rank === undefined || (axis !== -1 && axis !== rank - 1) || node.outputs.length > 1) return false;
    if (rank !== 2 && rank !== 3) return "SkipLayerNormalization takes two or three dimensions";
    const [a, b] = sum.inputs as [string, string];
    // Biases and position embeddings broadcast; those sums stay.
    if (!site.haveSameDims(a, b) || !isRow(site, gamma, site.dims(x)?.at(-1))) return false;
    const keepsSum = !site.isOwn(x, node);
    // The sum is made where the normalization is: whoever reads it must come later.
    const { nodes } = site.graph;
    const at = nodes.indexOf(node);
    if (keepsSum && site.graph.consumers(x).some((one) => one !== node && nodes.indexOf(one) < at))
      return "the sum is read before";
    site.replace([sum, node], node, {
      domain: microsoft,
      opType: "SkipLayerNormalization",
      inputs: beta === undefined || beta === "" ? [a, b, gamma] : [a, b, gamma, beta],
      outputs: keepsSum ? [node.outputs[0]!, "", "", x] : [node.outputs[0]!],
      attributes: { epsilon: (node.attribute("epsilon") as number | undefined) ?? 1e-5 },
    });
    return true;
  },
};

export const normalizations: readonly Fusion[] = [layerNormalization];
export const skips: readonly Fusion[] = [skipLayerNormalization];
