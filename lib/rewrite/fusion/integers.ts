/** Dynamic quantization: an integer product with the scaling and the bias that follow it, as one node. */
import type { Fusion } from "./site.js";

/** MatMulInteger → Cast → Mul(a_scale · b_scale) [→ Add(bias)], where DynamicQuantizeLinear made A. */
const scaledProduct: Fusion = {
  name: "matmul-integer-to-float",
  startsAt: ["MatMulInteger"],
  fuse(product, site) {
    const [a, b, aZero = "", bZero = ""] = product.inputs as [string, string, string?, string?];
    const cast = site.reader(product.outputs[0], "Cast");
    const scaled = cast && site.reader(cast.outputs[0], "Mul");
    if (!scaled || !site.isFloat32(cast.outputs[0])) return false;
    const scales = site.producer(site.other(scaled, cast.outputs[0]!), "Mul");
    const quantizer = site.producer(a, "DynamicQuantizeLinear");
    if (!scales || quantizer?.outputs[0] !== a) return false;
    const aScale = quantizer.outputs[1]!;
    const bScale = site.other(scales, aScale);
    const columns = site.constant(b)?.dims.at(-1);
    const { elementCount: scaleCount, dims: scaleDims = [] } = site.constant(bScale) ?? {};
    if (bScale === undefined || columns === undefined) return "the weights are no constant";
    if (scaleDims.length > 1 || (scaleCount !== 1 && scaleCount !== columns))
      return "the weights' scales are neither one nor one a column";
    if (aZero !== quantizer.outputs[2]) return "the zero point is not that of its quantizer";
    const nodes = [product, cast, scaled];
    let last = scaled;
    let bias = "";
    const added = site.reader(scaled.outputs[0], "Add");
    if (added) {
      const beside = site.other(added, scaled.outputs[0]!);
      const weight = site.constant(beside);
      if (weight?.dtype === "float32" && weight.elementCount === columns && weight.dims.length === 1) {
        bias = beside!;
        nodes.push((last = added));
      }
    }
    const inputs = [a, b, aScale, bScale, aZero, bZero, bias];
    while (inputs.at(-1) === "") inputs.pop();
    site.replace(nodes, last, {
      domain: "com.microsoft",
      opType: "MatMulIntegerToFloat",
      inputs,
      outputs: [last.outputs[0]!],
    });
    return true;
  },
};

export const integerProducts: readonly Fusion[] = [scaledProduct];
