/** The same bits as ONNX Runtime's quantizer and packers, from goldens that bench/oracle/kernels.py makes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { binding } from "../../lib/binding.js";
import type { NativeMatMulNBits, QuantizedType } from "../../lib/binding-types.js";
import { kernels } from "../../lib/index.js";
import { layoutOf } from "../../lib/kernels/index.js";
import { eachLevel } from "./levels.js";

interface QuantizeCase {
  dtype: QuantizedType;
  symmetric: boolean;
  reduceRange: boolean;
  shape: number[];
  axis?: number;
  blockSize?: number;
  x: string;
  scale: string;
  zeroPoint: string;
  data: string;
}
interface PackCase {
  op: "MatMulNBits" | "MatMulBnb4";
  k: number;
  n: number;
  blockSize: number;
  symmetric?: boolean;
  type?: "nf4" | "fp4";
  x: string;
  data: string;
  scales?: string;
  zeroPoints?: string;
  absmax?: string;
}
const goldens = JSON.parse(readFileSync(join(__dirname, "../goldens/kernels.json"), "utf8")) as {
  quantize: QuantizeCase[];
  pack: PackCase[];
  float16: { x: string; smallest: number; largest: number; data: string };
  inputs: Record<string, string>;
};

const floats = (base64: string): Float32Array => {
  const bytes = Buffer.from(base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const base64 = (array: Uint8Array | Int8Array | Uint16Array | Int16Array | Float32Array): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");

eachLevel((level) => {
  test(`quantizes as onnxruntime.quantization on ${level}`, () => {
    for (const { x, symmetric, scale, zeroPoint, data, ...options } of goldens.quantize) {
      const scheme = symmetric ? "symmetric" : "asymmetric";
      const got = kernels.quantize(floats(goldens.inputs[x]!), { ...options, scheme });
      expect({
        ...options,
        x,
        symmetric,
        data: base64(got.data),
        scale: base64(got.scale),
        zeroPoint: base64(got.zeroPoint),
      }).toEqual({ ...options, x, symmetric, data, scale, zeroPoint });
    }
  });

  test(`packs as MatMulNBits and MatMulBnb4 want on ${level}`, () => {
    for (const {
      op,
      x,
      data,
      scales,
      zeroPoints,
      absmax,
      symmetric = true,
      type = "nf4",
      ...options
    } of goldens.pack) {
      const values = floats(goldens.inputs[x]!);
      const got =
        op === "MatMulNBits"
          ? kernels.packMatMulNBits(values, { ...options, symmetric })
          : kernels.packBnb4(values, { ...options, type });
      expect({ op, x, type, symmetric, ...options, ...mapValues(got) }).toEqual(
        JSON.parse(JSON.stringify({ op, x, type, symmetric, ...options, data, scales, zeroPoints, absmax })),
      );
    }
  });

  test(`clamps before float16 as onnxruntime.transformers on ${level}`, () => {
    const { x, data, ...bounds } = goldens.float16;
    const values = floats(x);
    const clamped = binding.clampForFloat16(values, bounds) as { data: ArrayBuffer; clampedCount: number };
    expect(base64(kernels.toFloat16(new Float32Array(clamped.data)))).toBe(data);
    expect(clamped.clampedCount).toBe(7);
  });
});

const mapValues = (arrays: object): Record<string, string> =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, base64(array as Uint8Array)]));

test("NaN becomes the code of zero when packed, infinities saturate", () => {
  const x = Float32Array.from({ length: 32 }, (_, i) => (i % 2 ? 1 : -2));
  x[3] = NaN;
  x[4] = Infinity;
  const raw = binding.packMatMulNBits(x, { k: 32, n: 1, blockSize: 32, symmetric: true }) as NativeMatMulNBits;
  expect(raw.nanCount).toBe(1);
  expect(new Float32Array(raw.scales)).toEqual(Float32Array.of(0.25));
  const data = new Uint8Array(raw.data);
  expect([data[1]! >> 4, data[2]! & 15]).toEqual([8, 15]);
  expect(kernels.packBnb4(x, { k: 32, n: 1, blockSize: 32 }).data[1]! & 15).toBe(7);
});

test("layouts name axes from either end", () => {
  expect(layoutOf(24, { shape: [2, 3, 4], axis: -2 })).toEqual({ outer: 2, axis: 3, inner: 4, blockSize: 0 });
});
