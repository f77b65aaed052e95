/** Fusions of a training step, whose weights change from run to run: transposes and factors that a product takes in. */
import type { Node } from "../../model/index.js";
import type { Fusion, Site } from "./site.js";

/** The source of a Transpose of the last two dimensions. */
function turnedSource(site: Site, name: string | undefined): string | undefined {
  const node = site.producer(name, "Transpose");
  const perm = node?.attribute("perm") as readonly number[] | undefined;
  if (!node || !perm || perm.length < 2) return undefined;
  const rank = perm.length;
  const isTurn = perm.every((from, to) => from === (to < rank - 2 ? to : 2 * rank - 3 - to));
  return isTurn ? node.inputs[0] : undefined;
}

const flag = (node: Node, name: string): boolean => ((node.attribute(name) as number | undefined) ?? 0) !== 0;

/** Gemm of a transposed matrix: its flag turns instead. */
const gemmOperands: Fusion = {
  name: "gemm-operands",
  startsAt: ["Gemm"],
  fuse(gemm, site) {
    const [a, b, ...rest] = gemm.inputs as [string, string, ...string[]];
    const [left, right] = [turnedSource(site, a), turnedSource(site, b)];
    if (left === undefined && right === undefined) return false;
    const attributes = {
      ...gemm.attributes,
      transA: flag(gemm, "transA") === (left === undefined) ? 1 : 0,
      transB: flag(gemm, "transB") === (right === undefined) ? 1 : 0,
    };
    const inputs = [left ?? a, right ?? b, ...rest];
    site.replace([gemm], gemm, { opType: "Gemm", inputs, outputs: [gemm.outputs[0]!], attributes });
    return true;
  },
};

/** (A·B)ᵀ = Bᵀ·Aᵀ */
const turnedProduct: Fusion = {
  name: "turned-product",
  startsAt: ["Transpose"],
  fuse(transpose, site) {
    const product = site.producer(transpose.inputs[0], "Gemm");
    if (!product || product.inputs.length > 2 || turnedSource(site, transpose.outputs[0]) === undefined) return false;
    if (!site.isOwn(product.outputs[0]!, transpose)) return false;
    const [a, b] = product.inputs as [string, string];
    const alpha = product.attribute("alpha");
    site.replace([product, transpose], transpose, {
      opType: "Gemm",
      inputs: [b, a],
      outputs: [transpose.outputs[0]!],
      attributes: {
        ...(alpha === undefined ? {} : { alpha }),
        transA: flag(product, "transB") ? 0 : 1,
        transB: flag(product, "transA") ? 0 : 1,
      },
    });
    return true;
  },
};

/** Products of batches with transposes before them and a factor behind: com.microsoft's FusedMatMul. */
const fusedProduct: Fusion = {
  name: "fused-product",
  startsAt: ["MatMul"],
  fuse(product, site) {
    const [a, b] = product.inputs as [string, string];
    if (!site.isFloat32(a) || (site.dims(a)?.length ?? 0) < 2 || (site.dims(b)?.length ?? 0) < 2) return false;
    const [left, right] = [turnedSource(site, a), turnedSource(site, b)];
    const nodes = [product];
    const factor = site.reader(product.outputs[0], "Mul");
    const alpha = factor && site.number(site.other(factor, product.outputs[0]!));
    const isNumber = alpha !== undefined && site.haveSameDims(factor!.outputs[0], product.outputs[0]);
    if (isNumber) nodes.push(factor!);
    else if (left === undefined && right === undefined) return false;
    const last = nodes.at(-1)!;
    site.replace(nodes, last, {
      domain: "com.microsoft",
      opType: "FusedMatMul",
      inputs: [left ?? a, right ?? b],
      outputs: [last.outputs[0]!],
      attributes: {
        ...(isNumber ? { alpha } : {}),
        ...(left === undefined ? {} : { transA: 1 }),
        ...(right === undefined ? {} : { transB: 1 }),
      },
    });
    return true;
  },
};

/** The step along a gradient that is a product, of a row an example on either side, makes the product itself. */
const stepAlongProduct: Fusion = {
  name: "step-along-product",
  startsAt: ["pare SgdUpdate", "pare AdamUpdate", "pare RmspropUpdate"],
  fuse(update, site) {
    const [weights, gradient, ...rest] = update.inputs as [string, string, ...string[]];
    const product = site.producer(gradient, "Gemm");
    if (!product || product.inputs.length > 2 || !site.isOwn(gradient, update)) return false;
    if (!flag(product, "transA") || flag(product, "transB") || (product.attribute("alpha") ?? 1) !== 1) return false;
    if (!site.haveSameDims(weights, gradient)) return false;
    const [left, right] = product.inputs as [string, string];
    const inputs = [weights, left, ...Array.from({ length: 7 }, (_, i) => rest[i] ?? ""), right];
    const { opType, outputs, attributes } = update;
    site.replace([product, update], update, { domain: "pare", opType, inputs, outputs: [...outputs], attributes });
    return true;
  },
};

/** The first are for layers, before a product may take their transposes from them. */
export const stepOperands: readonly Fusion[] = [gemmOperands];
export const stepProducts: readonly Fusion[] = [turnedProduct, fusedProduct, stepAlongProduct];
