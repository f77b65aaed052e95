/** Running kernels at every instruction-set level of this machine, and inputs that break careless ones. */
import { binding } from "../../lib/binding.js";

const { level: best, levels } = binding.information();

/** Declares tests for each level (the reference left out) and restores the best one afterwards. */
export function eachLevel(declare: (level: string) => void): void {
  describe.each(levels.filter((level) => level !== "reference"))("level %s", (level) => {
    beforeEach(() => {
      binding.setLevel(level);
    });
    afterAll(() => {
      binding.setLevel(best);
    });
    declare(level);
  });
}

/** What the reference kernels give; the level in use afterwards is the one before. */
export function onReference<Result>(compute: () => Result): Result {
  const { level } = binding.information();
  binding.setLevel("reference");
  try {
    return compute();
  } finally {
    binding.setLevel(level);
  }
}

/** Repeatable pseudo-random numbers in [0, 1) (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Ordinary values mixed with the special ones: zeros of both signs, denormals, ties, infinities, NaN, the largest. */
export function hardFloats(count: number, seed: number): Float32Array<ArrayBuffer> {
  const special = [
    0,
    -0,
    1e-45,
    -1e-40,
    2 ** -24,
    2 ** -25,
    0.5,
    1.5,
    2.5,
    65504,
    65520,
    3.4e38,
    Infinity,
    -Infinity,
    NaN,
  ];
  const random = randomNumbers(seed);
  return Float32Array.from({ length: count }, (_, i) =>
    i % 5 === 4 ? special[Math.floor(random() * special.length)]! : (random() * 2 - 1) * 10 ** (random() * 12 - 8),
  );
}

type Bits = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;

/** Expects the same bits in both arrays; says where they differ first. (toEqual takes seconds on long arrays.) */
export function expectSameBits(got: Bits, wanted: Bits): void {
  expect(got).toHaveLength(wanted.length);
  const bytesOf = (array: Bits): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  if (bytesOf(got).equals(bytesOf(wanted))) return;
  const index = got.findIndex((value, i) => !Object.is(value, wanted[i]));
  throw new Error(`differ first at ${index}: got ${got[index]}, wanted ${wanted[index]}`);
}
