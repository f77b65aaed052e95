/** Matrix products with what follows them: bias, a sum, an activation; pare's own operator Linear. */
import type { AttributeValue, Node } from "../../model/index.js";
import { activationOf } from "./epilogue.js";
import type { Fusion, Site } from "./site.js";

/** Y = activation(X·W + bias + residual); W is [k, n], or [n, k] with transB. */
const linear: Fusion = {
  name: "linear",
  startsAt: ["MatMul", "Gemm"],
  fuse(product, site) {
    const x = product.inputs[0]!;
    const weight = site.matrix(product.inputs[1]!);
    if (!weight || !site.isFloat32(x) || (site.dims(x)?.length ?? 0) < 2) return false;
    const number = (name: string, value: number): number => (product.attribute(name) as number | undefined) ?? value;
    const isGemm = product.opType === "Gemm";
    const isTurned = weight.transposed !== (isGemm && number("transB", 0) !== 0);
    const columns = weight.dims[isTurned ? 0 : 1]!;
    let bias = "";
    if (isGemm) {
      if (number("transA", 0) !== 0 || number("alpha", 1) !== 1) return false;
      bias = product.inputs[2] ?? "";
      if (bias !== "" && (number("beta", 1) !== 1 || !isBias(site, bias, columns, 2))) return false;
    }
    const rank = site.dims(x)!.length;
    const nodes = [product];
    let last = product;
    const follow = (...types: readonly string[]): Node | undefined => site.reader(last.outputs[0], ...types);
    const take = (node: Node): void => {
      nodes.push(node);
      last = node;
    };
    const added = follow("Add");
    if (added && bias === "") {
      const beside = site.other(added, last.outputs[0]!)!;
      if (isBias(site, beside, columns, rank)) {
        bias = beside;
        take(added);
      }
    }
    let residual = "";
    const summed = follow("Add");
    if (summed) {
      const beside = site.other(summed, last.outputs[0]!);
      // A sum that a normalization reads goes with that.
      if (beside !== undefined && site.haveSameDims(beside, last.outputs[0]) && !isNormalized(site, summed)) {
        residual = beside;
        take(summed);
      }
    }
    const activation = activationOf(site, last);
    if (activation) take(activation.node);
    if (nodes.length === 1 && !isGemm && !weight.transposed) return false;
    const inputs = [x, weight.name, bias, residual];
    while (inputs.at(-1) === "") inputs.pop();
    const attributes: Record<string, AttributeValue> = { ...activation?.attributes };
    if (isTurned) attributes.transB = 1;
    site.replace(nodes, last, {
      domain: "pare",
      opType: "Linear",
      inputs,
      outputs: [last.outputs[0]!],
      attributes,
    });
    return true;
  },
};

function isNormalized(site: Site, sum: Node): boolean {
  return site.graph
    .consumers(sum.outputs[0]!)
    .some(({ opType }) => opType === "LayerNormalization" || opType === "SkipLayerNormalization");
}

/** A constant that adds one number a column, and no dimensions. */
function isBias(site: Site, name: string, columns: number, rank: number): boolean {
  const weight = site.constant(name);
  if (weight?.dtype !== "float32" || weight.elementCount !== columns) return false;
  return weight.dims.at(-1) === columns && weight.dims.length <= rank;
}

export const products: readonly Fusion[] = [linear];
