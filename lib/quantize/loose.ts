/** Quantizing a file of weights without a graph (safetensors): smaller tensors, their scales beside them. */
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { Report } from "../report/index.js";
import { takes } from "../rewrite/names.js";
import { isHalf, type IntegerDtype, type Resolved } from "./options.js";
import type { WeightWork } from "./work.js";

/** Whether a model is such a file. */
export function isLoose(model: Model): boolean {
  return model.graph.nodes.length === 0;
}

/**
 * Every float32 tensor becomes float16 or bfloat16; or matrices and kernels become integers, with "NAME_scale" and, where
 * zero is not in the middle, "NAME_zero_point" beside them. The layout is PyTorch's, [output, input, …]: a scale for each
 * output, or for blocks of the input.
 */
export function quantizeLoose({ graph }: Model, options: Resolved, work: WeightWork, report: Report): void {
  const { dtype, mode, nodes, symmetric, reduceRange, perChannel, blockSize } = options;
  if (mode !== "weights" || dtype === "int4" || dtype === "uint4")
    throw new PareError(
      "PARE_UNSUPPORTED",
      `A file of weights without a graph takes float16, bfloat16, int8, uint8, int16 and uint16, in mode "weights"; ` +
        `got ${dtype} in mode "${mode}".`,
    );
  for (const [name, weight] of [...graph.weights()]) {
    if (weight.dtype !== "float32") report.skip(name, `its type is ${weight.dtype}`);
    else if (!takes(nodes, name)) report.skip(name, "left out by name");
    else if (isHalf(dtype)) graph.setWeight(name, work.half(weight, dtype, { name, op: "" }));
    else if (weight.dims.length < 2) report.skip(name, "it has one dimension, as biases and normalization have");
    else {
      const axis = perChannel ? 0 : blockSize > 0 ? 1 : undefined;
      const spec = {
        dtype: dtype as IntegerDtype,
        symmetric,
        reduceRange,
        blockSize,
        ...(axis === undefined ? {} : { axis }),
      };
      const { data, scale, zeroPoint } = work.integers(weight, spec, { name, op: "" });
      graph.setWeight(name, data);
      graph.addWeight(`${name}_scale`, scale);
      if (!symmetric) graph.addWeight(`${name}_zero_point`, zeroPoint);
    }
  }
}
