/** Integers run: grids, products, convolutions and ONNX Runtime's ops on bytes, against the textbook's loops. */
import { type Tensor } from "../../lib/index.js";
import { Weight } from "../../lib/model/index.js";
import { randomNumbers } from "../kernels/levels.js";
import { floats, runNode, tensor, testRunErrors, testRuns } from "./run.js";

const microsoft = "com.microsoft";
const random = randomNumbers(4);
const whole = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
type Byte = "int8" | "uint8";
const [lows, highs] = [
  { int8: -128, uint8: 0 },
  { int8: 127, uint8: 255 },
];
const { fround } = Math;
const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
const bytes = (dtype: Byte, dims: number[]): Tensor =>
  tensor(
    dtype,
    dims,
    Array.from({ length: count(dims) }, () => whole(lows[dtype], highs[dtype])),
  );
const reals = (dims: number[], least = -1, most = 1): Tensor =>
  floats(
    dims,
    Array.from({ length: count(dims) }, () => least + random() * (most - least)),
  );
const numbers = (x: Tensor): number[] => Array.from(x.data as Float32Array, Number);
const constant = (x: Tensor): Weight => Weight.of(x.type, x.dims, x.data as Float32Array);

/** Nearest, ties to even. */
const round = (x: number): number => {
  const floor = Math.floor(x);
  return x - floor === 0.5 ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(x);
};
const onGrid = (dtype: Byte, x: number, zeroPoint: number): number =>
  Math.min(highs[dtype], Math.max(lows[dtype], round(x) + zeroPoint));

/** (A − a₀)·(B − b₀); zero points one, or one a row of A and a column of B. */
function product(a: Tensor, b: Tensor, aZero: number[] = [0], bZero: number[] = [0]): number[] {
  const [m, k, n] = [a.dims.at(-2)!, a.dims.at(-1)!, b.dims.at(-1)!];
  const [left, right] = [numbers(a), numbers(b)];
  return Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let u = 0; u < k; u++)
      sum += (left[i * k + u]! - aZero[i % aZero.length]!) * (right[u * n + j]! - bZero[j % bZero.length]!);
    return sum;
  });
}

describe("products", () => {
  const signs: [Byte, Byte][] = [
    ["uint8", "int8"],
    ["uint8", "uint8"],
    ["int8", "int8"],
    ["int8", "uint8"],
  ];
  const sizes = [
    [1, 1, 1],
    [1, 70, 33],
    [5, 9, 65],
    [37, 131, 50],
  ] as const;
  for (const [aType, bType] of signs)
    for (const [m, k, n] of sizes)
      test(`${aType} by ${bType}, ${m} × ${k} × ${n}`, async () => {
        const [a, b] = [bytes(aType, [m, k]), bytes(bType, [k, n])];
        const [aZero, bZero, aZeros] = [bytes(aType, []), bytes(bType, [n]), bytes(aType, [m])];
        const sums = product(a, b, numbers(aZero), numbers(bZero));
        for (const right of [b, constant(b)]) {
          const [y] = await runNode({ opType: "MatMulInteger", inputs: [a, right, aZero, bZero] });
          expect(numbers(y!)).toEqual(sums);
          const [rows] = await runNode({ opType: "MatMulInteger", inputs: [a, right, aZeros] });
          expect(numbers(rows!)).toEqual(product(a, b, numbers(aZeros)));

          const [scales, bias] = [reals([n], 0.01, 0.1), reals([n])];
          const toFloat = [a, right, floats([], [0.5]), scales, aZero, bZero, bias];
          const [real] = await runNode({ opType: "MatMulIntegerToFloat", domain: microsoft, inputs: toFloat });
          const scaled = sums.map((sum, at) =>
            fround(fround(fround(sum) * fround(0.5 * numbers(scales)[at % n]!)) + numbers(bias)[at % n]!),
          );
          expect(numbers(real!)).toEqual(scaled);

          const zero = bytes(aType, []);
          const grid = [floats([], [0.5]), aZero, right, scales, bZero, floats([], [3]), zero];
          const [byte] = await runNode({ opType: "QLinearMatMul", inputs: [a, ...grid] });
          expect(numbers(byte!)).toEqual(
            sums.map((sum, at) =>
              onGrid(
                aType,
                fround(fround(sum) * fround(fround(0.5 * numbers(scales)[at % n]!) / 3)),
                numbers(zero)[0]!,
              ),
            ),
          );
        }
      });

  test("batches of either side", async () => {
    const [a, b] = [bytes("uint8", [2, 1, 3, 8]), bytes("int8", [4, 8, 5])];
    const [y] = await runNode({ opType: "MatMulInteger", inputs: [a, b] });
    expect(y!.dims).toEqual([2, 4, 3, 5]);
    const part = (x: Tensor, at: number, dims: number[]): Tensor =>
      tensor(x.type, dims, numbers(x).slice(at * count(dims), (at + 1) * count(dims)));
    for (let i = 0; i < 8; i++)
      expect(numbers(y!).slice(i * 15, (i + 1) * 15)).toEqual(product(part(a, i >> 2, [3, 8]), part(b, i & 3, [8, 5])));
  });

  test("DynamicQuantizeMatMul is its three parts", async () => {
    const [a, b, scale, bias] = [
      reals([2, 7, 40], -3, 2),
      bytes("int8", [40, 21]),
      reals([21], 0.01, 0.1),
      reals([21]),
    ];
    const [q, aScale, aZero] = await runNode({ opType: "DynamicQuantizeLinear", inputs: [a] }, 3);
    const parts = [q!, b, aScale!, scale, aZero!, null, bias];
    const [want] = await runNode({ opType: "MatMulIntegerToFloat", domain: microsoft, inputs: parts });
    for (const right of [b, constant(b)]) {
      const inputs = [a, right, scale, null, bias];
      const [got] = await runNode({ opType: "DynamicQuantizeMatMul", domain: microsoft, inputs });
      expect(got).toEqual(want);
    }
  });
});

testRuns({
  "QuantizeLinear with ties": {
    opType: "QuantizeLinear",
    inputs: [floats([6], [-1, 1, 3, 5, 1000, NaN]), floats([], [2]), tensor("uint8", [], [10])],
    outputs: [tensor("uint8", [6], [10, 10, 12, 12, 255, 10])],
  },
  "QuantizeLinear along an axis": {
    opType: "QuantizeLinear",
    inputs: [floats([2, 3], [1, 2, 3, 4, 5, 6]), floats([2], [1, 2]), tensor("int8", [2], [0, -1])],
    attributes: { axis: 0 },
    outputs: [tensor("int8", [2, 3], [1, 2, 3, 1, 1, 2])],
  },
  "DequantizeLinear by blocks": {
    opType: "DequantizeLinear",
    inputs: [
      tensor("int16", [5, 1], [1, 2, 3, 4, 5]),
      floats([3, 1], [1, 10, 100]),
      tensor("int16", [3, 1], [0, 1, 2]),
    ],
    attributes: { axis: 0, block_size: 2 },
    outputs: [floats([5, 1], [1, 2, 20, 30, 300])],
  },
  "DequantizeLinear of int32": {
    opType: "DequantizeLinear",
    inputs: [tensor("int32", [3], [-5, 0, 70000]), floats([], [0.5])],
    outputs: [floats([3], [-2.5, 0, 35000])],
  },
  DynamicQuantizeLinear: {
    opType: "DynamicQuantizeLinear",
    inputs: [floats([4], [-1, 0, 2, 4])],
    outputs: [tensor("uint8", [4], [0, 51, 153, 255]), floats([], [fround(5 / 255)]), tensor("uint8", [], [51])],
  },
  "DynamicQuantizeLinear of zeros": {
    opType: "DynamicQuantizeLinear",
    inputs: [floats([2], [0, 0])],
    outputs: [tensor("uint8", [2], [0, 0]), floats([], [1]), tensor("uint8", [], [0])],
  },
});
testRunErrors({
  "QuantizeLinear of int32": {
    opType: "QuantizeLinear",
    inputs: [tensor("int32", [3]), floats([], [1])],
    code: "PARE_UNSUPPORTED",
    message: /int32 does not run/,
  },
  "a zero point for some rows": {
    opType: "MatMulInteger",
    inputs: [tensor("uint8", [4, 2]), tensor("int8", [2, 3]), tensor("uint8", [3])],
    code: "PARE_SHAPE",
    message: /zero points of A/,
  },
});
