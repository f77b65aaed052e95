/** The error that packing four-bit weights measures on the way, against the codes read one by one; and `out`. */
import { binding } from "../../lib/binding.js";
import type { NativeBnb4, NativeMatMulNBits, NativeQuantizationError } from "../../lib/binding-types.js";
import { kernels } from "../../lib/index.js";
import { expectError } from "../errors.js";
import { floats } from "../onnxruntime.js";

const nf4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];
const fp4 = [0, 0.005208333333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25];
const values = { nf4, fp4: [...fp4, ...fp4.map((value) => -value)] };

const low = (bytes: Uint8Array, i: number): number => (i % 2 ? bytes[i >> 1]! >> 4 : bytes[i >> 1]! & 15);
const high = (bytes: Uint8Array, i: number): number => (i % 2 ? bytes[i >> 1]! & 15 : bytes[i >> 1]! >> 4);

function expectSums(
  error: NativeQuantizationError,
  x: Float32Array,
  restored: (row: number, column: number) => number,
  n: number,
): void {
  let [signal, noise, maxError] = [0, 0, 0];
  x.forEach((value, i) => {
    const difference = Math.abs(value - Math.fround(restored(Math.floor(i / n), i % n)));
    signal += value * value;
    noise += difference * difference;
    maxError = Math.max(maxError, difference);
  });
  expect(error.count).toBe(x.length);
  expect(Math.abs(error.signal / signal - 1)).toBeLessThan(1e-12);
  expect(Math.abs(error.noise - noise)).toBeLessThanOrEqual(1e-5 * noise);
  expect(Math.abs(error.maxError - maxError)).toBeLessThanOrEqual(1e-5 * maxError);
}

const shapes = [
  [64, 64],
  [40, 70],
  [33, 1],
  [1, 5],
  [130, 129],
] as const;

test.each(shapes)("MatMulNBits of %d × %d", (k, n) => {
  const x = floats(k * n, k + n);
  for (const symmetric of [true, false])
    for (const blockSize of [16, 32]) {
      const options = { k, n, blockSize, symmetric };
      const packed = kernels.packMatMulNBits(x, options);
      const { data, scales, zeroPoints } = packed;
      const blocks = Math.ceil(k / blockSize);
      const restored = (row: number, column: number): number => {
        const block = Math.floor(row / blockSize);
        const at = column * blocks + block;
        const zero = zeroPoints ? low(zeroPoints.subarray(column * Math.ceil(blocks / 2)), block) : 8;
        return (low(data.subarray((at * blockSize) / 2), row % blockSize) - zero) * scales[at]!;
      };
      for (const threads of [1, 3]) {
        const made = binding.packMatMulNBits(x, { ...options, measure: true }, { threads }) as NativeMatMulNBits;
        expectSums(made.error!, x, restored, n);
      }
    }
});

test.each(shapes)("MatMulBnb4 of %d × %d", (k, n) => {
  const x = floats(k * n, k + n);
  for (const type of ["nf4", "fp4"] as const) {
    const options = { k, n, blockSize: 64, type };
    const packed = kernels.packBnb4(x, options);
    const restored = (row: number, column: number): number => {
      const at = column * k + row;
      return values[type][high(packed.data, at)]! * packed.absmax[Math.floor(at / 64)]!;
    };
    for (const threads of [1, 3]) {
      const made = binding.packBnb4(x, { ...options, measure: true }, { threads }) as NativeBnb4;
      expectSums(made.error!, x, restored, n);
    }
  }
});

test("data goes into `out`; one of another size is refused", () => {
  const x = floats(64);
  const options = { k: 8, n: 8, blockSize: 16, symmetric: true, out: new Uint8Array(64) };
  expect((binding.packMatMulNBits(x, options) as NativeMatMulNBits).data).toBe(options.out);
  expect(options.out).toEqual(kernels.packMatMulNBits(x, { k: 8, n: 8, blockSize: 16 }).data);
  const short = { ...options, out: new Uint8Array(63) };
  expectError(() => binding.packMatMulNBits(x, short), "PARE_SHAPE", /64/);
});
