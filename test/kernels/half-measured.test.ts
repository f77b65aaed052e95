/** Conversion that clamps and measures on its way against the separate steps. */
import { binding } from "../../lib/binding.js";
import type { NativeComparison, NativeHalf } from "../../lib/binding-types.js";
import { expectError } from "../errors.js";
import { eachLevel, expectSameBits, hardFloats } from "./levels.js";

const bounds = { smallest: 1e-7, largest: 1e4 };

eachLevel((level) => {
  test.each([0, 1, 17, 2049, 70001])(`%d values on ${level}`, (count) => {
    const x = hardFloats(count, count + 1);
    const clamped = new Float32Array(count);
    binding.clampForFloat16(x, bounds, clamped);
    for (const format of ["float16", "bfloat16"] as const) {
      const from = format === "float16" ? clamped : x;
      const halves = new Uint16Array(binding.toHalf(format, from) as ArrayBuffer);
      const back = new Float32Array(binding.fromHalf(format, halves) as ArrayBuffer);
      const out = new Uint16Array(count);
      for (const threads of [1, 3]) {
        const given = format === "float16" ? bounds : undefined;
        const got = binding.toHalfMeasured(format, x, given, out, { threads }) as NativeHalf;
        expect(got.data).toBe(out);
        expectSameBits(out, halves);
        const finite = x.filter(Number.isFinite);
        const magnitudes = finite.map(Math.abs);
        expect(got.lowered).toBe(given ? magnitudes.filter((value) => value > 1e4).length : 0);
        expect(got.raised).toBe(
          given ? magnitudes.filter((value) => value > 0 && value < Math.fround(1e-7)).length : 0,
        );
        expect(got.error.count).toBe(finite.length);
        const pick = (values: Float32Array): Float32Array => values.filter((_, i) => Number.isFinite(from[i]!));
        const want = binding.compare(pick(from), pick(back)) as NativeComparison;
        expect(Math.abs(got.error.signal - want.sumSquareA)).toBeLessThanOrEqual(1e-12 * want.sumSquareA);
        if (Number.isFinite(want.sumSquareError)) {
          expect(Math.abs(got.error.noise - want.sumSquareError)).toBeLessThanOrEqual(1e-6 * want.sumSquareError);
          expect(Math.abs(got.error.maxError - want.maxError)).toBeLessThanOrEqual(1e-6 * want.maxError);
        }
      }
    }
  });
});

test("bounds out of order are refused", () => {
  const call = (): unknown => binding.toHalfMeasured("float16", new Float32Array(4), { smallest: 2, largest: 1 });
  expectError(call, "PARE_OPTION", /at most largest/);
});
