/** Products of matrices of other types than float32. */
import type { Tensor } from "../../lib/index.js";
import { int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

const int32s = (dims: number[], values?: number[]): Tensor => tensor("int32", dims, values);
const float64s = (dims: number[], values?: number[]): Tensor => tensor("float64", dims, values);
const gemm = (inputs: Tensor[], output: Tensor, attributes = {}) => ({
  opType: "Gemm",
  inputs,
  attributes,
  outputs: [output],
});

testRuns({
  "MatMul of int32": {
    opType: "MatMul",
    inputs: [int32s([2, 3]), int32s([3, 2])],
    outputs: [int32s([2, 2], [10, 13, 28, 40])],
  },
  "MatMul of int64 that wraps": {
    opType: "MatMul",
    inputs: [tensor("uint64", [1, 2], [2 ** 63, 3]), tensor("uint64", [2], [2, 5])],
    outputs: [tensor("uint64", [1], [15])],
  },
  "MatMul of batches that broadcast": {
    opType: "MatMul",
    inputs: [float64s([2, 1, 1, 2]), float64s([1, 2, 2, 1])],
    outputs: [float64s([2, 2, 1, 1], [1, 3, 3, 13])],
  },
  "MatMul of vectors": { opType: "MatMul", inputs: [int64s([3]), int64s([3])], outputs: [int64s([], [5])] },
  "MatMul over nothing": {
    opType: "MatMul",
    inputs: [float64s([2, 0]), float64s([0, 2])],
    outputs: [float64s([2, 2], [0, 0, 0, 0])],
  },
  "MatMul of float64 with NaN": {
    opType: "MatMul",
    inputs: [float64s([1, 2], [0, 1]), float64s([2, 2], [NaN, Infinity, 1, 1])],
    outputs: [float64s([1, 2], [NaN, NaN])],
  },
  "Gemm of int32": gemm([int32s([2, 2]), int32s([2, 2]), int32s([2], [10, 20])], int32s([2, 2], [12, 23, 16, 31])),
  "Gemm of float64, transposed, with factors": gemm(
    [float64s([2, 3]), float64s([1, 2]), float64s([3, 1])],
    float64s([3, 1], [6, 10.5, 15]),
    { transA: 1, transB: 1, alpha: 2, beta: 2.5 },
  ),
  "Gemm with a negative factor": gemm([int64s([1, 1], [3]), int64s([1, 1], [5])], int64s([1, 1], [-30]), { alpha: -2 }),
});

testRunErrors({
  "Gemm of integers with a fraction": {
    opType: "Gemm",
    inputs: [int32s([1, 1]), int32s([1, 1])],
    attributes: { alpha: 0.5 },
    code: "PARE_UNSUPPORTED",
    message: /must be whole/,
  },
});

test.each([
  [false, false],
  [true, false],
  [false, true],
  [true, true],
])("Gemm over several blocks, A transposed %s, B transposed %s", async (transA, transB) => {
  const [m, n, k] = [70, 131, 129];
  const a = Array.from({ length: m * k }, (_value, i) => ((i * 7) % 13) - 6);
  const b = Array.from({ length: k * n }, (_value, i) => ((i * 5) % 11) - 5);
  const [y] = await runNode({
    opType: "Gemm",
    inputs: [float64s(transA ? [k, m] : [m, k], a), float64s(transB ? [n, k] : [k, n], b)],
    attributes: { transA: Number(transA), transB: Number(transB) },
  });
  for (const [row, column] of [
    [0, 0],
    [31, 63],
    [32, 64],
    [69, 130],
  ] as const) {
    let sum = 0;
    for (let d = 0; d < k; d++)
      sum += a[transA ? d * m + row : row * k + d]! * b[transB ? column * k + d : d * n + column]!;
    expect(y!.data[row * n + column]).toBe(sum);
  }
});
