/** The fast transforms as plain functions over TypedArrays; `kernels.async` has each as a promise off the event loop. */
import { compare } from "./compare.js";
import * as float16 from "./float16.js";
import * as fourBit from "./four-bit.js";
import * as histograms from "./histogram.js";
import { asynchronous, synchronous } from "./kernel.js";
import * as pruning from "./prune.js";
import * as quantization from "./quantize.js";
import { transpose } from "./transpose.js";
import * as matmul from "./matmul.js";

export type { Comparison } from "./compare.js";
export type { Bnb4, Bnb4Options, MatMulNBits, MatMulNBitsOptions } from "./four-bit.js";
export type { Extent, HistogramOptions } from "./histogram.js";
export type { KernelOptions } from "./kernel.js";
export type { MatmulIntegerOptions, MatmulOptions, PackedMatrix, PackOptions } from "./matmul.js";
export type { FromHalfOptions, ToHalfOptions } from "./float16.js";
export { layoutOf, scaleCountOf, type LayoutOptions } from "./layout.js";
export {
  pruneCount,
  type Pruned,
  type PrunedMagnitude,
  type PruneMagnitudeOptions,
  type PruneNMOptions,
  type RandomScoresOptions,
  type SparsityOptions,
} from "./prune.js";
export type {
  DequantizeOptions,
  GridOptions,
  QuantizationError,
  Quantized,
  QuantizedArray,
  QuantizeOptions,
} from "./quantize.js";
export type { TransposeOptions } from "./transpose.js";

export const kernels = {
  /** float32 → float16 patterns: nearest, ties to even; overflow to infinity. */
  toFloat16: synchronous(float16.toFloat16),
  /** float16 patterns → float32, exact. */
  fromFloat16: synchronous(float16.fromFloat16),
  /** float32 → bfloat16 patterns: nearest, ties to even. */
  toBfloat16: synchronous(float16.toBfloat16),
  /** bfloat16 patterns → float32, exact. */
  fromBfloat16: synchronous(float16.fromBfloat16),
  /** float32 → int8, uint8, int16, uint16, int4 or uint4: nearest, ties to even, saturating. */
  quantize: synchronous(quantization.quantize),
  /** (q − zeroPoint) · scale. */
  dequantize: synchronous(quantization.dequantize),
  /** Σ x², Σ (x − x')², max |x − x'| of quantized data. */
  quantizationError: synchronous(quantization.quantizationError),
  /** Weights [k, n] for ONNX Runtime's MatMulNBits, 4 bits. */
  packMatMulNBits: synchronous(fourBit.packMatMulNBits),
  /** Weights [k, n] for ONNX Runtime's MatMulBnb4. */
  packBnb4: synchronous(fourBit.packBnb4),
  /** Errors, cosine and signal-to-noise ratio between two arrays. */
  compare: synchronous(compare),
  /** The smallest and the largest finite value, and how many are not finite. */
  extent: synchronous(histograms.extent),
  /** How many values each bin holds: from its edge to the next, the last one's upper edge included. */
  histogram: synchronous(histograms.histogram),
  /** Rows become columns. */
  transpose: synchronous(transpose),
  /** The k-th smallest |x|, exact; k = round(sparsity · n), half to even. */
  magnitudeThreshold: synchronous(pruning.magnitudeThreshold),
  /** Zeroes exactly round(sparsity · n) elements of the smallest magnitude, ties by index; or those |x| ≤ threshold. */
  pruneMagnitude: synchronous(pruning.pruneMagnitude),
  /** Keeps the n largest of every m neighbours; ties keep the lower index. */
  pruneNM: synchronous(pruning.pruneNM),
  /** Repeatable uniform numbers in [0, 1): the scores of random pruning. */
  randomScores: synchronous(pruning.randomScores),

  /** C [m, n] = A [m, k] · B [k, n], row-major float32. */
  matmul: synchronous(matmul.matmul),
  /** The same for 8-bit integers with zero points, into int32 that wraps: ONNX MatMulInteger. */
  matmulInteger: synchronous(matmul.matmulInteger),
  /** A matrix laid out once for many products; matmul and matmulInteger take it as b. */
  pack: synchronous(matmul.pack),

  async: {
    toFloat16: asynchronous(float16.toFloat16),
    fromFloat16: asynchronous(float16.fromFloat16),
    toBfloat16: asynchronous(float16.toBfloat16),
    fromBfloat16: asynchronous(float16.fromBfloat16),
    quantize: asynchronous(quantization.quantize),
    dequantize: asynchronous(quantization.dequantize),
    quantizationError: asynchronous(quantization.quantizationError),
    packMatMulNBits: asynchronous(fourBit.packMatMulNBits),
    packBnb4: asynchronous(fourBit.packBnb4),
    compare: asynchronous(compare),
    extent: asynchronous(histograms.extent),
    histogram: asynchronous(histograms.histogram),
    transpose: asynchronous(transpose),
    matmul: asynchronous(matmul.matmul),
    matmulInteger: asynchronous(matmul.matmulInteger),
    pack: asynchronous(matmul.pack),
    magnitudeThreshold: asynchronous(pruning.magnitudeThreshold),
    pruneMagnitude: asynchronous(pruning.pruneMagnitude),
    pruneNM: asynchronous(pruning.pruneNM),
    randomScores: asynchronous(pruning.randomScores),
  },
};
