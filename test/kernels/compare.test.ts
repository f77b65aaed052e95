/** Comparing arrays, transposing matrices, clamping for float16: every level against the reference. */
import { binding } from "../../lib/binding.js";
import type { NativeComparison } from "../../lib/binding-types.js";
import { kernels } from "../../lib/index.js";
import { expectError } from "../errors.js";
import { eachLevel, expectSameBits, hardFloats, onReference, randomNumbers } from "./levels.js";

eachLevel((level) => {
  for (const count of [0, 1, 7, 8, 9, 1000, 70001])
    test(`compare of ${count} pairs on ${level} equals the reference`, () => {
      const random = randomNumbers(count);
      const a = Float32Array.from({ length: count }, () => random() * 2 - 1);
      const b = a.map((value) => value + (random() - 0.5) / 100);
      if (count > 8) {
        a[3] = NaN;
        b[4] = NaN;
        a[5] = b[5] = Infinity;
        a[6] = b[6] = -0;
      }
      const got = binding.compare(a, b) as NativeComparison;
      const wanted = onReference(() => binding.compare(a, b) as NativeComparison);
      expect(got.count).toBe(wanted.count);
      expect(got.nanCount).toBe(wanted.nanCount);
      expect(got.maxError).toBe(wanted.maxError);
      for (const key of ["sumError", "sumSquareA", "sumSquareB", "sumSquareError", "dot"] as const)
        expect(Math.abs(got[key] - wanted[key])).toBeLessThanOrEqual(wanted.sumSquareA * 1e-12);
    });

  for (const [rows, columns] of [
    [0, 5],
    [1, 1],
    [1, 100],
    [100, 1],
    [3, 5],
    [64, 64],
    [65, 130],
    [257, 63],
  ] as const)
    for (const construct of [Int8Array, Uint16Array, Float32Array, Float64Array])
      test(`${construct.name} of ${rows} × ${columns} transposed on ${level}`, () => {
        const x = new construct(rows * columns + 1).subarray(1);
        for (let i = 0; i < x.length; i++) x[i] = i % 127;
        const got = kernels.transpose(x, { rows, columns });
        for (let row = 0; row < rows; row++)
          for (let column = 0; column < columns; column++)
            if (got[column * rows + row] !== x[row * columns + column]) throw new Error(`wrong at ${row}, ${column}`);
        expect(kernels.transpose(got, { rows: columns, columns: rows })).toEqual(x);
      });

  test(`clamping ${level} equals the reference`, () => {
    const x = hardFloats(1001, 3);
    const clamp = (): { data: ArrayBuffer; clampedCount: number } =>
      binding.clampForFloat16(x, { smallest: 1e-7, largest: 1e4 }) as { data: ArrayBuffer; clampedCount: number };
    const got = clamp();
    const wanted = onReference(clamp);
    expectSameBits(new Float32Array(got.data), new Float32Array(wanted.data));
    expect(got.clampedCount).toBe(wanted.clampedCount);
  });
});

test("what the figures mean", () => {
  const a = Float32Array.of(3, 4, NaN, Infinity);
  const b = Float32Array.of(3, 5, 1, Infinity);
  expect(kernels.compare(a, b)).toEqual({
    count: 3,
    nanCount: 1,
    maxError: 1,
    meanError: 1 / 3,
    cosine: 29 / (5 * Math.sqrt(34)),
    snrDb: 10 * Math.log10(25),
  });
  const overflow = kernels.compare(Float32Array.of(1e30, 1), Float32Array.of(Infinity, 1));
  expect(overflow.maxError).toBe(Infinity);
  const zeros = new Float32Array(5);
  expect(kernels.compare(zeros, zeros)).toMatchObject({ cosine: 1, snrDb: Infinity, maxError: 0 });
});

test("threads change nothing", async () => {
  const a = hardFloats(200_001, 1).map((value) => (Number.isFinite(value) && Math.abs(value) < 1e5 ? value : 1));
  const b = a.map((value) => value * 1.01);
  const one = binding.compare(a, b, { threads: 1 });
  expect(binding.compare(a, b, { threads: 2 })).toEqual(one);
  expect(await kernels.async.compare(a, b)).toEqual(kernels.compare(a, b));
  const matrix = { rows: 3, columns: 66_667 };
  expectSameBits(await kernels.async.transpose(a, matrix), kernels.transpose(a, { ...matrix, threads: 1 }));
});

describe("refuses", () => {
  const x = new Float32Array(6);
  const cases: [string, () => unknown, { code: string; message: RegExp }][] = [
    ["arrays of two lengths", () => kernels.compare(x, new Float32Array(5)), { code: "PARE_SHAPE", message: /6 .* 5/ }],
    [
      "a matrix of another size",
      () => kernels.transpose(x, { rows: 2, columns: 4 }),
      { code: "PARE_SHAPE", message: /24 bytes.* 2 × 4/ },
    ],
    [
      "transposing in place",
      () => kernels.transpose(x, { rows: 2, columns: 3, out: x }),
      { code: "PARE_OPTION", message: /overlap/ },
    ],
    [
      "an element size of 3",
      () => binding.transpose(new Uint8Array(6), 3, 1, 2),
      { code: "PARE_OPTION", message: /1, 2, 4 or 8; got 3/ },
    ],
    [
      "bounds in the wrong order",
      () => binding.clampForFloat16(x, { smallest: 2, largest: 1 }),
      { code: "PARE_OPTION", message: /smallest/ },
    ],
  ];
  test.each(cases)("%s", (_, call, { code, message }) => {
    expectError(call, code, message);
  });
});
