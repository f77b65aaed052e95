/** float16 and bfloat16 conversion: every level against the reference, bit by bit. */
import { kernels } from "../../lib/index.js";
import { expectError } from "../errors.js";
import { eachLevel, hardFloats, onReference } from "./levels.js";

const conversions = ["toFloat16", "toBfloat16"] as const;
const inverses = ["fromFloat16", "fromBfloat16"] as const;
const bits = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

eachLevel((level) => {
  for (const name of conversions) {
    for (const count of [0, 1, 7, 8, 15, 16, 17, 31, 33, 1000, 70001]) {
      test(`${name} of ${count} values on ${level} equals the reference`, () => {
        const x = hardFloats(count, count + 1);
        expect(kernels[name](x)).toEqual(onReference(() => kernels[name](x)));
      });
    }
  }
  for (const name of inverses) {
    test(`${name} of all 65,536 patterns on ${level} equals the reference`, () => {
      const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
      expect(bits(kernels[name](all))).toEqual(bits(onReference(() => kernels[name](all))));
    });
  }
  test(`ties go to the even neighbour, overflow to infinity, on ${level}`, () => {
    const x = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519.99, 65520, -1e30, 2 ** -25, 2 ** -24, -0, NaN);
    expect(Array.from(kernels.toFloat16(x), (h) => h.toString(16))).toEqual([
      "3c00",
      "3c02",
      "7bff",
      "7c00",
      "fc00",
      "0",
      "1",
      "8000",
      "7e00",
    ]);
  });
});

test("writes into out, at any offset of its buffer, and into shared memory", () => {
  const x = Float32Array.of(1, 2, 3);
  const out = new Uint16Array(new SharedArrayBuffer(16), 6, 3);
  expect(kernels.toFloat16(x, { out })).toBe(out);
  expect(Array.from(out)).toEqual([0x3c00, 0x4000, 0x4200]);
});

test("the asynchronous form gives the same", async () => {
  const x = hardFloats(200001, 3);
  expect(await kernels.async.toFloat16(x, { threads: 2 })).toEqual(kernels.toFloat16(x, { threads: 1 }));
});

test("an aborted call rejects with the signal's reason", async () => {
  const values = new Float32Array(1 << 22);
  const abort = (): Promise<unknown> => {
    const controller = new AbortController();
    const pending = kernels.async.toFloat16(values, { signal: controller.signal });
    controller.abort();
    return pending.catch((error: unknown) => error);
  };
  // On a machine that does other things a call may end before it hears of it.
  let outcome = await abort();
  for (let i = 0; i < 20 && !(outcome instanceof Error); i++) outcome = await abort();
  expect(outcome).toMatchObject({ name: "AbortError" });
});

describe("refuses", () => {
  const detached = new Float32Array(4);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const cases: [string, () => unknown, { code: string; message: RegExp }][] = [
    ["a plain array", () => kernels.toFloat16([1] as never), { code: "PARE_TYPE", message: /Float32Array; got Array/ }],
    ["a detached buffer", () => kernels.toFloat16(detached), { code: "PARE_TYPE", message: /detached/ }],
    [
      "a resizable buffer",
      () =>
        kernels.toFloat16(new Float32Array(Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }]) as ArrayBuffer)),
      { code: "PARE_TYPE", message: /resizable/ },
    ],
    [
      "an out of the wrong length",
      () => kernels.toFloat16(new Float32Array(4), { out: new Uint16Array(3) }),
      { code: "PARE_SHAPE", message: /6 bytes; the result has 8/ },
    ],
    [
      "an out of the wrong kind",
      () => kernels.toFloat16(new Float32Array(4), { out: new Int16Array(4) as never }),
      { code: "PARE_TYPE", message: /Uint16Array/ },
    ],
    [
      "no threads",
      () => kernels.toFloat16(new Float32Array(4), { threads: 0 }),
      { code: "PARE_OPTION", message: /between 1 and 256/ },
    ],
  ];
  test.each(cases)("%s", (_, call, { code, message }) => {
    expectError(call, code, message);
  });
});
