/** Pruning: every level against the reference, against sorting, and the laws of counts and ties. */
import fc from "fast-check";
import { binding } from "../../lib/binding.js";
import type { NativePruned } from "../../lib/binding-types.js";
import { kernels } from "../../lib/index.js";
import { pruneCount } from "../../lib/kernels/index.js";
import { expectError } from "../errors.js";
import { eachLevel, expectSameBits, hardFloats, onReference, randomNumbers } from "./levels.js";

/** |x| as it is ordered: its bit pattern without the sign. */
function patternOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]! & 0x7fffffff;
}

/** Indexes in the order in which they are pruned. */
function pruningOrder(x: Float32Array): number[] {
  const patterns = Array.from(x, patternOf);
  return patterns.map((_, i) => i).sort((a, b) => patterns[a]! - patterns[b]! || a - b);
}

const arrays: [string, Float32Array<ArrayBuffer>][] = [
  ["one value", Float32Array.of(-3)],
  ["hard values", hardFloats(5003, 7)],
  ["equal values", new Float32Array(1001).fill(-2)],
  ["zeros of both signs", Float32Array.from({ length: 777 }, (_, i) => (i % 3 ? 0 : -0))],
  ["NaNs mostly", Float32Array.from({ length: 100 }, (_, i) => (i % 10 ? NaN : i - 50))],
  ["few values", Float32Array.from({ length: 70_001 }, (_, i) => ((i * 7919) % 5) - 2)],
  ["more than one histogram", hardFloats(600_001, 8)],
];

eachLevel((level) => {
  for (const [title, x] of arrays) {
    const order = pruningOrder(x);
    for (const sparsity of [0, 0.1, 0.5, 0.9, 1])
      test(`${title}, ${sparsity * 100} % pruned on ${level}`, () => {
        const k = pruneCount(sparsity, x.length);
        const threshold = kernels.magnitudeThreshold(x, { sparsity });
        if (k > 0) expect(patternOf(threshold)).toBe(patternOf(x[order[k - 1]!]!));
        else expect(threshold).toBe(0);
        const mask = new Uint8Array(x.length).fill(1);
        for (const index of order.slice(0, k)) mask[index] = 0;
        const got = kernels.pruneMagnitude(x, { sparsity });
        expectSameBits(got.mask, mask);
        expectSameBits(
          got.data,
          x.map((value, i) => (mask[i] ? value : 0)),
        );
        expect(got.zeros).toBe(k);
      });
  }

  const groups: [string, Parameters<typeof kernels.pruneNM>[1] & { shape: number[] }][] = [
    ["2:4", { shape: [1000] }],
    ["2:4 with a ragged end", { shape: [50, 33] }],
    ["1:4", { n: 1, shape: [7, 64] }],
    ["0:4", { n: 0, shape: [7, 64] }],
    ["4:4", { n: 4, shape: [7, 62] }],
    ["4:8", { n: 4, m: 8, shape: [5, 40] }],
    ["3:7 with a ragged end", { n: 3, m: 7, shape: [5, 40] }],
    ["1:64", { n: 1, m: 64, shape: [3, 200] }],
    ["2:4 down the first axis", { shape: [37, 130], axis: 0 }],
    ["2:4 in the middle", { shape: [3, 18, 9], axis: 1 }],
    ["1:2 over wide columns", { n: 1, m: 2, shape: [5, 2100], axis: 0 }],
    ["a long ragged row", { shape: [70_001] }],
    ["nothing", { shape: [0] }],
  ];
  for (const [title, options] of groups)
    test(`${title} on ${level} equals the reference`, () => {
      const count = options.shape.reduce((all, dim) => all * dim, 1);
      for (const values of [hardFloats(count, 5), Float32Array.from({ length: count }, (_, i) => ((i * 31) % 7) - 3)]) {
        const x = new Float32Array(count + 1).subarray(1);
        x.set(values);
        const got = kernels.pruneNM(x, options);
        const wanted = onReference(() => kernels.pruneNM(x, options));
        expectSameBits(got.data, wanted.data);
        expectSameBits(got.mask, wanted.mask);
      }
    });

  test(`random numbers on ${level} equal the reference and Random123's known answers`, () => {
    const got = kernels.randomScores({ seed: 0, count: 70_003 });
    const words = [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8];
    expect(Array.from(got.slice(0, 4), (value) => value * 2 ** 24)).toEqual(words.map((word) => word >>> 8));
    expectSameBits(
      got,
      onReference(() => kernels.randomScores({ seed: 0, count: 70_003 })),
    );
    const other = { seed: 2 ** 40 + 5, stream: 2 ** 33 + 1, count: 1001 };
    expectSameBits(
      kernels.randomScores(other),
      onReference(() => kernels.randomScores(other)),
    );
  });
});

describe("laws", () => {
  const values = fc.array(fc.float(), { minLength: 1, maxLength: 200 }).map((list) => Float32Array.from(list));
  test("exactly round(sparsity · n) go, and the threshold is what sorting gives", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (x, sparsity) => {
        const k = pruneCount(sparsity, x.length);
        const { mask, zeros } = kernels.pruneMagnitude(x, { sparsity });
        expect(zeros).toBe(k);
        expect(mask.filter((kept) => kept === 0)).toHaveLength(k);
        const sorted = Array.from(x, patternOf).sort((a, b) => a - b);
        if (k > 0) expect(patternOf(kernels.magnitudeThreshold(x, { sparsity }))).toBe(sorted[k - 1]);
      }),
    );
  });
  test("n of every m stay, and no pruned one was larger", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 9 }), fc.nat(9), (x, m, some) => {
        const n = Math.min(some, m);
        const { mask } = kernels.pruneNM(x, { n, m });
        for (let i = 0; i < x.length; i += m) {
          const group = Array.from(mask.slice(i, i + m));
          expect(group.reduce((sum, kept) => sum + kept, 0)).toBe(Math.min(n, group.length));
          const patterns = Array.from(x.slice(i, i + m), patternOf);
          const kept = patterns.filter((_, j) => group[j]);
          const pruned = patterns.filter((_, j) => !group[j]);
          expect(Math.max(-1, ...pruned)).toBeLessThanOrEqual(Math.min(Infinity, ...kept));
        }
      }),
    );
  });
  test("counts round half to even, as Python does", () => {
    expect([0.5, 1.5, 2.5, 3.5].map((exact) => pruneCount(exact / 10, 10))).toEqual([0, 2, 2, 4]);
    expect(pruneCount(0.3, 10)).toBe(3);
    expect(pruneCount(1, 7)).toBe(7);
  });
  test("threads change nothing", async () => {
    const x = hardFloats(700_001, 2);
    const one = kernels.pruneMagnitude(x, { sparsity: 0.37, threads: 1 });
    for (const other of [
      kernels.pruneMagnitude(x, { sparsity: 0.37, threads: 2 }),
      await kernels.async.pruneMagnitude(x, { sparsity: 0.37 }),
    ]) {
      expectSameBits(other.data, one.data);
      expectSameBits(other.mask, one.mask);
    }
    expect(await kernels.async.magnitudeThreshold(x, { sparsity: 0.37 })).toBe(
      kernels.magnitudeThreshold(x, { sparsity: 0.37, threads: 1 }),
    );
    expectSameBits((await kernels.async.pruneNM(x)).data, kernels.pruneNM(x, { threads: 1 }).data);
    const scores = { seed: 1, count: 100_000 };
    expectSameBits(await kernels.async.randomScores(scores), kernels.randomScores({ ...scores, threads: 1 }));
  });
});

describe("several arrays together", () => {
  const random = randomNumbers(4);
  const xs = [1000, 0, 1, 50_000].map((count) =>
    Float32Array.from({ length: count }, () => Math.round(random() * 40 - 20) / 8),
  );
  const joined = Float32Array.from(xs.flatMap((x) => Array.from(x)));
  test("prune as one array would", () => {
    const count = 31_007;
    const { data, masks, zeros } = binding.pruneMagnitude(xs, { count }) as NativePruned;
    const whole = binding.pruneMagnitude([joined], { count }) as NativePruned;
    const join = (parts: NativePruned["data"]): Buffer =>
      Buffer.concat(parts.map((part) => Buffer.from(part as ArrayBuffer)));
    expect(join(data).equals(join(whole.data))).toBe(true);
    expect(join(masks!).equals(join(whole.masks!))).toBe(true);
    expect(zeros.reduce((sum, n) => sum + n, 0)).toBe(count);
    expect(binding.magnitudeThreshold(xs, count)).toBe(binding.magnitudeThreshold([joined], count));
  });
  test("go by given scores, without masks, in place", () => {
    const x = Float32Array.of(5, 6, 7, 8);
    const result = binding.pruneMagnitude([x], { count: 2, scores: [Float32Array.of(4, 1, 3, -2)], mask: false }, [x]);
    expect(result).toEqual({ data: [x], zeros: [2] });
    expect(x).toEqual(Float32Array.of(5, 0, 7, 0));
  });
});

test("a threshold prunes what is not above it; NaN stays", () => {
  const x = Float32Array.of(1, -2, NaN, 2.5, -0, Infinity);
  const { data, mask, zeros } = kernels.pruneMagnitude(x, { threshold: 2 });
  expect(data).toEqual(Float32Array.of(0, 0, NaN, 2.5, 0, Infinity));
  expect(mask).toEqual(Uint8Array.of(0, 0, 1, 1, 0, 1));
  expect(zeros).toBe(3);
});

test("writes over x, or into out and mask", () => {
  const x = hardFloats(100, 1);
  const wanted = kernels.pruneMagnitude(x, { sparsity: 0.5 });
  const out = new Float32Array(100);
  const mask = new Uint8Array(100);
  const given = kernels.pruneMagnitude(x, { sparsity: 0.5, out, mask });
  expect(given.data).toBe(out);
  expect(given.mask).toBe(mask);
  expect(given).toEqual(wanted);
  const copy = x.slice();
  expect(kernels.pruneMagnitude(copy, { sparsity: 0.5, inPlace: true }).data).toBe(copy);
  expectSameBits(copy, wanted.data);
  const groups = x.slice();
  expect(kernels.pruneNM(groups, { inPlace: true }).data).toBe(groups);
  expectSameBits(groups, kernels.pruneNM(x).data);
});

describe("refuses", () => {
  const x = new Float32Array(8);
  const cases: [string, () => unknown, { code: string; message: RegExp }][] = [
    [
      "a percentage",
      () => kernels.pruneMagnitude(x, { sparsity: 15 }),
      { code: "PARE_OPTION", message: /got 15\. For 15 %, pass 0\.15/ },
    ],
    ["no number", () => kernels.magnitudeThreshold(x, { sparsity: NaN }), { code: "PARE_OPTION", message: /NaN/ }],
    ["neither", () => kernels.pruneMagnitude(x, {} as never), { code: "PARE_OPTION", message: /either/ }],
    [
      "a negative threshold",
      () => kernels.pruneMagnitude(x, { threshold: -1 }),
      { code: "PARE_OPTION", message: /at least 0/ },
    ],
    [
      "out and inPlace",
      () => kernels.pruneMagnitude(x, { sparsity: 0.5, inPlace: true, out: x }),
      { code: "PARE_OPTION", message: /not both/ },
    ],
    [
      "a mask of another length",
      () => kernels.pruneMagnitude(x, { sparsity: 0.5, mask: new Uint8Array(7) }),
      { code: "PARE_SHAPE", message: /mask has 7 bytes/ },
    ],
    ["5 of 4", () => kernels.pruneNM(x, { n: 5 }), { code: "PARE_OPTION", message: /n = 5, m = 4/ }],
    ["a shape of another count", () => kernels.pruneNM(x, { shape: [3, 3] }), { code: "PARE_SHAPE", message: /9/ }],
    ["a count beyond all", () => binding.pruneMagnitude([x], { count: 9 }), { code: "PARE_OPTION", message: /most 8/ }],
    ["a rank of zero", () => binding.magnitudeThreshold([x], 0), { code: "PARE_OPTION", message: /from 1 to 8/ }],
    [
      "scores of another length",
      () => binding.pruneMagnitude([x], { count: 1, scores: [new Float32Array(7)] }),
      { code: "PARE_SHAPE", message: /scores/ },
    ],
    ["a negative seed", () => kernels.randomScores({ seed: -1, count: 1 }), { code: "PARE_OPTION", message: /seed/ }],
  ];
  test.each(cases)("%s", (_, call, { code, message }) => {
    expectError(call, code, message);
  });
});
