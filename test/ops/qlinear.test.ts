/** ONNX Runtime's ops on bytes that stand on grids, against their definitions in real numbers. */
import { type Tensor } from "../../lib/index.js";
import { randomNumbers } from "../kernels/levels.js";
import { floats, runNode, tensor, testRunErrors } from "./run.js";

const domain = "com.microsoft";
const random = randomNumbers(12);
type Byte = "int8" | "uint8";
const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
const least = (dtype: string): number => (dtype === "int8" ? -128 : 0);
const bytes = (dtype: Byte, dims: number[]): Tensor =>
  tensor(
    dtype,
    dims,
    Array.from({ length: count(dims) }, () => least(dtype) + Math.floor(random() * 256)),
  );

class Grid {
  constructor(
    readonly dtype: Byte,
    readonly scale: number,
    readonly zeroPoint: number,
  ) {}
  get tensors(): [Tensor, Tensor] {
    return [floats([], [this.scale]), tensor(this.dtype, [], [this.zeroPoint])];
  }
  real(x: Tensor): number[] {
    return Array.from(x.data as Uint8Array, (byte) => (byte - this.zeroPoint) * Math.fround(this.scale));
  }
  /** Within a step: single precision may fall on the other side of a tie. */
  expectNear(got: Tensor, want: number[]): void {
    const [low, high] = [least(this.dtype), least(this.dtype) + 255];
    want.forEach((value, i) => {
      const exact = Math.min(high, Math.max(low, value / Math.fround(this.scale) + this.zeroPoint));
      expect(Math.abs((got.data as Uint8Array)[i]! - exact)).toBeLessThanOrEqual(0.51);
    });
  }
}

for (const dtype of ["uint8", "int8"] as const) {
  const middle = least(dtype) + 128;
  const [first, second, result] = [
    new Grid(dtype, 0.02, middle + 3),
    new Grid(dtype, 0.05, middle - 20),
    new Grid(dtype, 0.07, middle + 1),
  ];
  const run = async (opType: string, inputs: Tensor[], attributes: Record<string, number> = {}): Promise<Tensor> =>
    (await runNode({ opType, domain, inputs, attributes }))[0]!;

  describe(`on ${dtype}`, () => {
    test("QLinearAdd and QLinearMul broadcast", async () => {
      const [a, b] = [bytes(dtype, [3, 1, 20]), bytes(dtype, [7, 20])];
      const inputs = [a, ...first.tensors, b, ...second.tensors, ...result.tensors];
      const [left, right] = [first.real(a), second.real(b)];
      const pairs = Array.from({ length: 420 }, (_, i): [number, number] => [
        left[Math.floor(i / 140) * 20 + (i % 20)]!,
        right[i % 140]!,
      ]);
      const sums = await run("QLinearAdd", inputs);
      expect(sums.dims).toEqual([3, 7, 20]);
      result.expectNear(
        sums,
        pairs.map(([x, y]) => x + y),
      );
      result.expectNear(
        await run("QLinearMul", inputs),
        pairs.map(([x, y]) => x * y),
      );
    });

    test("functions by tables", async () => {
      const x = tensor(
        dtype,
        [256],
        Array.from({ length: 256 }, (_, i) => least(dtype) + i),
      );
      const inputs = [x, ...second.tensors, ...first.tensors];
      const real = second.real(x);
      first.expectNear(
        await run("QLinearSigmoid", inputs),
        real.map((value) => 1 / (1 + Math.exp(-value))),
      );
      const leaky = await run("QLinearLeakyRelu", inputs, { alpha: 0.5 });
      first.expectNear(
        leaky,
        real.map((value) => (value < 0 ? value / 2 : value)),
      );
    });

    test("QLinearSoftmax along an axis, and over all that follows it", async () => {
      const x = bytes(dtype, [3, 4, 5]);
      const parts = new Grid(dtype, 1 / 256, least(dtype));
      const exponentials = second.real(x).map(Math.exp);
      const sumOf = (isOfRow: (i: number) => boolean): number =>
        exponentials.reduce((sum, value, i) => (isOfRow(i) ? sum + value : sum), 0);
      const inputs = [x, ...second.tensors, ...parts.tensors];
      parts.expectNear(
        await run("QLinearSoftmax", inputs, { axis: 1, opset: 13 }),
        exponentials.map(
          (value, i) => value / sumOf((j) => Math.floor(j / 20) === Math.floor(i / 20) && j % 5 === i % 5),
        ),
      );
      parts.expectNear(
        await run("QLinearSoftmax", inputs, { axis: 1, opset: 11 }),
        exponentials.map((value, i) => value / sumOf((j) => Math.floor(j / 20) === Math.floor(i / 20))),
      );
    });

    test("QLinearConcat", async () => {
      const [a, b] = [bytes(dtype, [2, 3]), bytes(dtype, [2, 1])];
      const y = await run("QLinearConcat", [...result.tensors, a, ...first.tensors, b, ...result.tensors], {
        axis: -1,
      });
      const [left, right] = [first.real(a), result.real(b)];
      expect(y.dims).toEqual([2, 4]);
      result.expectNear(
        y,
        [0, 1].flatMap((row) => [...left.slice(row * 3, row * 3 + 3), right[row]!]),
      );
    });

    test("QLinearGlobalAveragePool, channels first and last", async () => {
      const x = bytes(dtype, [2, 3, 4, 5]);
      const real = first.real(x);
      const inputs = [x, ...first.tensors, ...second.tensors];
      const mean = (isOf: (i: number) => boolean): number => {
        const values = real.filter((_, i) => isOf(i));
        return values.reduce((sum, value) => sum + value, 0) / values.length;
      };
      const planes = Array.from({ length: 6 }, (_, plane) => mean((i) => Math.floor(i / 20) === plane));
      second.expectNear(await run("QLinearGlobalAveragePool", inputs), planes);
      const last = await run("QLinearGlobalAveragePool", inputs, { channels_last: 1 });
      expect(last.dims).toEqual([2, 1, 1, 5]);
      second.expectNear(
        last,
        Array.from({ length: 10 }, (_, at) =>
          mean((i) => Math.floor(i / 60) === Math.floor(at / 5) && i % 5 === at % 5),
        ),
      );
    });

    test("QGemm, turned and not", async () => {
      const [m, k, n] = [5, 12, 9];
      for (const [transA, transB] of [
        [0, 0],
        [1, 1],
      ] as const) {
        const [a, b] = [bytes(dtype, transA ? [k, m] : [m, k]), bytes("int8", transB ? [n, k] : [k, n])];
        const weights = new Grid("int8", 0.004, -3);
        const bias = tensor(
          "int32",
          [n],
          Array.from({ length: n }, (_, j) => 50 * j),
        );
        const [left, right] = [first.real(a), weights.real(b)];
        const want = Array.from({ length: m * n }, (_, at) => {
          const [i, j] = [Math.floor(at / n), at % n];
          let sum = 50 * j * 0.02 * 0.004;
          for (let u = 0; u < k; u++)
            sum += left[transA ? u * m + i : i * k + u]! * right[transB ? j * k + u : u * n + j]!;
          return sum;
        });
        const inputs = [a, ...first.tensors, b, ...weights.tensors, bias];
        const real = await run("QGemm", inputs, { transA, transB });
        want.forEach((value, i) => {
          expect((real.data as Float32Array)[i]).toBeCloseTo(value, 4);
        });
        const grid = new Grid(dtype, 0.01, middle);
        grid.expectNear(await run("QGemm", [...inputs, ...grid.tensors], { transA, transB }), want);
      }
    });
  });
}

testRunErrors({
  "QLinearAdd with a scale for each": {
    opType: "QLinearAdd",
    domain,
    inputs: [tensor("uint8", [2]), floats([2]), null, tensor("uint8", [2]), floats([]), null, floats([]), null],
    code: "PARE_SHAPE",
    message: /A_scale has 2 numbers; there must be one/,
  },
});
