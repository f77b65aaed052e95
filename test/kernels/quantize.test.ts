/** Quantizing and dequantizing: every level against the reference, ONNX Runtime's rules by golden data, and laws. */
import fc from "fast-check";
import { layoutOf, scaleCountOf, type LayoutOptions, type Quantized } from "../../lib/kernels/index.js";
import { kernels } from "../../lib/index.js";
import { expectError, expectRejection } from "../errors.js";
import { eachLevel, expectSameBits, hardFloats, onReference, randomNumbers } from "./levels.js";

const dtypes = ["int8", "uint8", "int16", "uint16", "int4", "uint4"] as const;
type DType = (typeof dtypes)[number];
const limits: Record<DType, [number, number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int4: [-8, 7],
  uint4: [0, 15],
};

/** Quantized values one by one, four-bit ones unpacked: the obvious way. */
function valuesOf(data: ArrayLike<number>, dtype: DType, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    if (dtype !== "int4" && dtype !== "uint4") return data[i]!;
    const nibble = (data[i >> 1]! >> ((i & 1) * 4)) & 15;
    return dtype === "int4" && nibble > 7 ? nibble - 16 : nibble;
  });
}

function expectSame(got: Quantized, wanted: Quantized): void {
  expectSameBits(got.data, wanted.data);
  expectSameBits(got.scale, wanted.scale);
  expectSameBits(got.zeroPoint, wanted.zeroPoint);
  expect(got.nanCount).toBe(wanted.nanCount);
}

/** x at an odd element offset of its buffer, so that no vector load is aligned. */
function shifted(x: Float32Array): Float32Array {
  const moved = new Float32Array(x.length + 3).subarray(3);
  moved.set(x);
  return moved;
}

const layouts: [string, number, LayoutOptions][] = [
  ["nothing", 0, {}],
  ["one value", 1, {}],
  ["17 values", 17, {}],
  ["70001 values", 70001, {}],
  ["an axis of long runs", 3 * 5000, { shape: [3, 5000], axis: 0 }],
  ["an axis of short runs in many rows", 70 * 5 * 9, { shape: [70, 5, 3, 3], axis: 1 }],
  ["an axis of runs in one row", 41 * 33, { shape: [41, 33], axis: 0 }],
  ["the last axis", 300 * 77, { shape: [300, 77], axis: -1 }],
  ["a short last axis", 5001 * 3, { shape: [5001, 3], axis: 1 }],
  ["a long last axis", 3 * 20011, { shape: [3, 20011], axis: 1 }],
  ["an axis of one", 6 * 7, { shape: [6, 1, 7], axis: 1 }],
  ["an empty axis", 0, { shape: [4, 0, 3], axis: 1 }],
  ["blocks along the last axis", 50 * 70, { shape: [50, 70], blockSize: 32 }],
  ["blocks longer than the axis", 50 * 7, { shape: [50, 7], blockSize: 32 }],
  ["blocks along the first axis", 70 * 45, { shape: [70, 45], axis: 0, blockSize: 16 }],
  ["blocks in the middle", 3 * 20 * 11, { shape: [3, 20, 11], axis: 1, blockSize: 7 }],
];

eachLevel((level) => {
  for (const [title, count, layout] of layouts)
    for (const dtype of dtypes)
      test(`${dtype} over ${title} on ${level} equals the reference`, () => {
        const x = shifted(hardFloats(count, count + 1));
        const compute = (scheme: "symmetric" | "asymmetric") => kernels.quantize(x, { ...layout, dtype, scheme });
        for (const scheme of ["symmetric", "asymmetric"] as const) {
          const quantized = compute(scheme);
          expectSame(
            quantized,
            onReference(() => compute(scheme)),
          );
          expect(quantized.scale).toHaveLength(scaleCountOf(layoutOf(count, layout)));
          const { data, scale, zeroPoint } = quantized;
          const grid = { ...layout, dtype, scale, zeroPoint, shape: layout.shape ?? [count] };
          const restored = kernels.dequantize(data, grid);
          expectSameBits(
            restored,
            onReference(() => kernels.dequantize(data, grid)),
          );
          const error = kernels.quantizationError(x, data, grid);
          const wanted = onReference(() => kernels.quantizationError(x, data, grid));
          expect(error.count).toBe(wanted.count);
          expect(error.maxError).toBe(wanted.maxError);
          expect(error.signal / (wanted.signal || 1)).toBeCloseTo(wanted.signal ? 1 : 0, 12);
          expect(error.noise / (wanted.noise || 1)).toBeCloseTo(wanted.noise ? 1 : 0, 12);
        }
      });

  test(`a given grid, ties and specials on ${level}`, () => {
    const x = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, -0, 1e-45, NaN, Infinity, -Infinity, 3.4e38, 300, -300);
    const { data, nanCount } = kernels.quantize(x, { dtype: "int8", scale: 1, zeroPoint: 3 });
    expect(Array.from(data)).toEqual([3, 5, 5, 3, 1, 3, 3, 3, 127, -128, 127, 127, -128]);
    expect(nanCount).toBe(1);
  });

  test(`ranges ignore what is not finite on ${level}`, () => {
    const x = Float32Array.of(1, -2, NaN, Infinity, -Infinity);
    expect(kernels.quantize(x, { dtype: "int8" })).toEqual({
      data: Int8Array.of(64, -127, 0, 127, -128),
      scale: Float32Array.of(2 / 127),
      zeroPoint: Int8Array.of(0),
      nanCount: 1,
    });
  });

  test.each(dtypes)(`zeros, constants and denormals as %s on ${level}`, (dtype) => {
    const zeros = kernels.quantize(new Float32Array(33), { dtype, scheme: "asymmetric" });
    expect(zeros.scale[0]).toBe(1);
    expect(valuesOf(zeros.data, dtype, 33)).toEqual(new Array(33).fill(0));
    const denormals = kernels.quantize(new Float32Array(33).fill(1e-44), { dtype });
    expect(denormals.scale[0]).toBe(1);
    const constant = kernels.quantize(new Float32Array(33).fill(2.5), { dtype, scheme: "asymmetric" });
    const [, high] = limits[dtype];
    expect(valuesOf(constant.data, dtype, 33)).toEqual(new Array(33).fill(high));
  });
});

describe("laws", () => {
  const values = fc.array(fc.float({ noNaN: true, min: Math.fround(-1e30), max: Math.fround(1e30) }), {
    minLength: 1,
    maxLength: 300,
  });
  test("what was quantized comes back within half a step", () => {
    fc.assert(
      fc.property(
        values,
        fc.constantFrom(...dtypes),
        fc.constantFrom("symmetric", "asymmetric"),
        (list, dtype, how) => {
          const x = Float32Array.from(list);
          const q = kernels.quantize(x, { dtype, scheme: how });
          const back = kernels.dequantize(q.data, { ...q, dtype, shape: [x.length] });
          const scale = q.scale[0]!;
          const [low, high] = limits[dtype];
          const zeroPoint = valuesOf(q.zeroPoint, dtype, 1)[0]!;
          x.forEach((value, i) => {
            // Values that the rounded zero point pushes past the end saturate; a last place of slack for float32.
            const inside = Math.min(Math.max(value, (low - zeroPoint) * scale), (high - zeroPoint) * scale);
            expect(Math.abs(back[i]! - inside)).toBeLessThanOrEqual(scale / 2 + Math.abs(value) * 2 ** -22);
          });
        },
      ),
    );
  });
  test("threads change nothing", () => {
    const x = hardFloats(300_001, 9);
    for (const dtype of dtypes)
      expectSame(kernels.quantize(x, { dtype, threads: 2 }), kernels.quantize(x, { dtype, threads: 1 }));
  });
  test("per axis equals per tensor of each slice", () => {
    const random = randomNumbers(5);
    const x = Float32Array.from({ length: 6 * 40 }, () => random() - 0.3);
    const whole = kernels.quantize(x, { dtype: "uint8", shape: [6, 40], axis: 0 });
    for (let row = 0; row < 6; row++) {
      const one = kernels.quantize(x.slice(row * 40, row * 40 + 40), { dtype: "uint8" });
      expect(whole.data.slice(row * 40, row * 40 + 40)).toEqual(one.data);
      expect(whole.scale[row]).toBe(one.scale[0]);
      expect(whole.zeroPoint[row]).toBe(one.zeroPoint[0]);
    }
  });
});

test("writes into out, also into shared memory", () => {
  const x = hardFloats(1000, 4);
  const out = new Int8Array(new SharedArrayBuffer(1024), 11, 1000);
  const result = kernels.quantize(x, { dtype: "int8", out });
  expect(result.data).toBe(out);
  expect(Array.from(out)).toEqual(Array.from(kernels.quantize(x, { dtype: "int8" }).data));
  const back = new Float32Array(1000);
  expect(kernels.dequantize(out, { scale: result.scale, out: back })).toBe(back);
});

test("the asynchronous forms give the same", async () => {
  const x = hardFloats(100_001, 3);
  const sync = kernels.quantize(x, { dtype: "uint4" });
  expectSame(await kernels.async.quantize(x, { dtype: "uint4" }), sync);
  const grid = { ...sync, dtype: "uint4", shape: [x.length] } as const;
  expectSameBits(await kernels.async.dequantize(sync.data, grid), kernels.dequantize(sync.data, grid));
  expect(await kernels.async.quantizationError(x, sync.data, grid)).toEqual(
    kernels.quantizationError(x, sync.data, grid),
  );
  await expectRejection(kernels.async.quantize(x, { dtype: "int9" as never }), "PARE_OPTION", /int9/);
});

describe("refuses", () => {
  const x = new Float32Array(12);
  const cases: [string, () => unknown, { code: string; message: RegExp }][] = [
    [
      "an unknown dtype",
      () => kernels.quantize(x, { dtype: "int3" as never }),
      { code: "PARE_OPTION", message: /int3/ },
    ],
    [
      "an unknown scheme",
      () => kernels.quantize(x, { dtype: "int8", scheme: "sym" as never }),
      { code: "PARE_OPTION", message: /scheme/ },
    ],
    [
      "a shape of another count",
      () => kernels.quantize(x, { dtype: "int8", shape: [5, 2], axis: 0 }),
      { code: "PARE_SHAPE", message: /\[5, 2\] has 10 elements; the data has 12/ },
    ],
    [
      "an axis without a shape",
      () => kernels.quantize(x, { dtype: "int8", axis: 0 }),
      { code: "PARE_OPTION", message: /shape/ },
    ],
    [
      "an axis too far",
      () => kernels.quantize(x, { dtype: "int8", shape: [3, 4], axis: 2 }),
      { code: "PARE_OPTION", message: /axis .* -2 to 1/ },
    ],
    [
      "a broken block size",
      () => kernels.quantize(x, { dtype: "int8", shape: [3, 4], blockSize: 1.5 }),
      { code: "PARE_OPTION", message: /blockSize/ },
    ],
    [
      "a scale of zero",
      () => kernels.quantize(x, { dtype: "int8", scale: 0 }),
      { code: "PARE_OPTION", message: /scale\[0\]/ },
    ],
    [
      "too few scales",
      () => kernels.quantize(x, { dtype: "int8", shape: [3, 4], axis: 0, scale: Float32Array.of(1) }),
      { code: "PARE_SHAPE", message: /1 elements; the layout needs 3/ },
    ],
    [
      "a zero point without a scale",
      () => kernels.quantize(x, { dtype: "int8", zeroPoint: 0 }),
      { code: "PARE_OPTION", message: /needs a scale/ },
    ],
    [
      "a zero point outside the type",
      () => kernels.quantize(x, { dtype: "uint4", scale: 1, zeroPoint: 16 }),
      { code: "PARE_OPTION", message: /from 0 to 15/ },
    ],
    [
      "a zero point of another type",
      () => kernels.quantize(x, { dtype: "uint8", scale: 1, zeroPoint: Int8Array.of(1) }),
      { code: "PARE_TYPE", message: /Uint8Array/ },
    ],
    [
      "an out of another length",
      () => kernels.quantize(x, { dtype: "int8", out: new Int8Array(11) }),
      { code: "PARE_SHAPE", message: /out has 11 bytes/ },
    ],
    [
      "an out of another type",
      () => kernels.quantize(x, { dtype: "int8", out: new Uint8Array(12) }),
      { code: "PARE_TYPE", message: /Int8Array/ },
    ],
    [
      "quantized data of another type",
      () => kernels.dequantize(new Int8Array(3), { dtype: "uint8", scale: 1 }),
      { code: "PARE_TYPE", message: /Uint8Array for uint8/ },
    ],
    [
      "four-bit data of another length",
      () => kernels.dequantize(new Uint8Array(3), { dtype: "int4", scale: 1, shape: [7] }),
      { code: "PARE_SHAPE", message: /3 bytes/ },
    ],
    [
      "an error of arrays of two lengths",
      () => kernels.quantizationError(x, new Int8Array(11), { scale: 1 }),
      { code: "PARE_SHAPE", message: /12 elements, q 11/ },
    ],
  ];
  test.each(cases)("%s", (_, call, { code, message }) => {
    expectError(call, code, message);
  });
});
