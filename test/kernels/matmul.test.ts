/** The float32 matrix product: every level, the reference included, against a triple loop in double precision. */
import { kernels } from "../../lib/index.js";
import { binding } from "../../lib/binding.js";
import { expectError, expectRejection } from "../errors.js";
import { eachLevel, expectSameBits, onReference, randomNumbers } from "./levels.js";

interface Case {
  m: number;
  n: number;
  k: number;
  transposeA?: boolean;
  transposeB?: boolean;
}

function randomMatrix(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = randomNumbers(seed);
  return Float32Array.from({ length: count }, () => random() * 2 - 1);
}

/** C in double precision, and for each element how far float32 may stray: (k + 1) roundings of Σ|a·b|. */
function tripleLoop(a: Float32Array, b: Float32Array, { m, n, k, transposeA, transposeB }: Case) {
  const sums = new Float64Array(m * n);
  const tolerances = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let norm = 0;
      for (let u = 0; u < k; u++) {
        const product = a[transposeA ? u * m + i : i * k + u]! * b[transposeB ? j * k + u : u * n + j]!;
        sums[i * n + j]! += product;
        norm += Math.abs(product);
      }
      tolerances[i * n + j] = (k + 1) * 2 ** -24 * norm;
    }
  return { sums, tolerances };
}

function expectClose(got: Float32Array, { sums, tolerances }: ReturnType<typeof tripleLoop>): void {
  let worst = -1;
  const excess = (i: number): number => Math.abs(got[i]! - sums[i]!) - tolerances[i]!;
  for (let i = 0; i < sums.length; i++) if (!(excess(i) <= 0) && (worst < 0 || excess(i) > excess(worst))) worst = i;
  if (worst >= 0) throw new Error(`at ${worst}: got ${got[worst]}, want ${sums[worst]} ± ${tolerances[worst]}`);
  expect(got.length).toBe(sums.length);
}

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [1, 300, 17],
  [1, 1031, 64],
  [1, 690, 811],
  [300, 1, 33],
  [2, 5, 3],
  [3, 64, 129],
  [6, 16, 256],
  [14, 32, 257],
  [15, 33, 31],
  [29, 63, 520],
  [64, 300, 78],
  [130, 257, 66],
  [310, 70, 130],
];
const transposes = [
  { transposeA: false, transposeB: false },
  { transposeA: true, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: true },
];

const products = sizes.flatMap(([m, n, k]) =>
  transposes.map((options) => {
    const shape = { m, n, k, ...options };
    const a = randomMatrix(m * k, m + k);
    const b = randomMatrix(k * n, n + k);
    return { shape, a, b, want: tripleLoop(a, b, shape) };
  }),
);

function checkProducts(): void {
  for (const { shape, a, b, want } of products) {
    const { m, n, k, transposeA, transposeB } = shape;
    const one = kernels.matmul(a, b, { ...shape, threads: 1 });
    expectClose(one, want);
    expectSameBits(kernels.matmul(a, b, { ...shape, threads: 2 }), one);
    expectSameBits(kernels.matmul(a, b, { ...shape, threads: 3 }), one);
    const packed = kernels.pack(b, { k, n, transpose: transposeB });
    const fromPacked = kernels.matmul(a, packed, { m, n, k, transposeA, threads: 1 });
    expectClose(fromPacked, want);
    expectSameBits(kernels.matmul(a, packed, { m, n, k, transposeA, threads: 3 }), fromPacked);
  }
}

test("equals the triple loop on the reference", () => {
  onReference(checkProducts);
});

eachLevel((level) => {
  test(`equals the triple loop on ${level}, with any number of threads, packed and not`, checkProducts);

  test(`a depth or a side of zero on ${level}`, () => {
    const out = new Float32Array(6).fill(7);
    expect(Array.from(kernels.matmul(new Float32Array(0), new Float32Array(0), { m: 2, n: 3, k: 0, out }))).toEqual(
      new Array(6).fill(0),
    );
    expect(kernels.matmul(new Float32Array(0), new Float32Array(6), { m: 0, n: 3, k: 2 })).toHaveLength(0);
    expect(kernels.matmul(new Float32Array(6), new Float32Array(0), { m: 3, n: 0, k: 2 })).toHaveLength(0);
    const packed = kernels.pack(new Float32Array(0), { k: 0, n: 3 });
    expect(Array.from(kernels.matmul(new Float32Array(0), packed, { m: 1, n: 3, k: 0 }))).toEqual([0, 0, 0]);
  });

  test(`infinities and NaN reach their rows and columns, and only those, on ${level}`, () => {
    const [m, n, k] = [17, 37, 19];
    const a = randomMatrix(m * k, 1);
    const b = randomMatrix(k * n, 2);
    a[3 * k + 4] = NaN;
    a[5 * k + 18] = Infinity;
    b[2 * n + 36] = NaN;
    const c = kernels.matmul(a, b, { m, n, k });
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        const got = c[i * n + j]!;
        if (i === 3 || j === 36) expect(got).toBeNaN();
        else if (i === 5) expect(got).toBe(Math.sign(b[18 * n + j]!) * Infinity);
        else expect(Number.isFinite(got)).toBe(true);
      }
    b.fill(0);
    expect(kernels.matmul(a, b, { m, n, k })[5 * n]).toBeNaN(); // Infinity · 0
  });

  test(`writes into out and nowhere else, at offsets, into shared memory, on ${level}`, () => {
    const [m, n, k] = [5, 19, 23];
    const a = new Float32Array(new SharedArrayBuffer((m * k + 1) * 4), 4).map((_, i) => i % 7);
    const b = randomMatrix(k * n + 3, 4).subarray(3);
    const buffer = new Float32Array(m * n + 2).fill(9);
    const out = buffer.subarray(1, m * n + 1);
    expect(kernels.matmul(a, b, { m, n, k, out })).toBe(out);
    expectClose(out, tripleLoop(a, b, { m, n, k }));
    expect([buffer[0], buffer[m * n + 1]]).toEqual([9, 9]);
    const first = out.slice();
    kernels.matmul(a, b, { m, n, k, out });
    expect(out).toEqual(first);
  });
});

test("a matrix packed for one level works after a switch to another", () => {
  const { level, levels } = binding.information();
  const [m, n, k] = [9, 40, 21];
  const a = randomMatrix(m * k, 5);
  const b = randomMatrix(k * n, 6);
  try {
    for (const other of levels) {
      binding.setLevel(other);
      const packed = kernels.pack(b, { k, n });
      expect(packed).toMatchObject({ k, n, dtype: "float32", level: other });
      expect(packed.byteLength).toBe(packed.data.byteLength);
      binding.setLevel(level);
      expectClose(kernels.matmul(a, structuredClone(packed), { m, n, k }), tripleLoop(a, b, { m, n, k }));
    }
  } finally {
    binding.setLevel(level);
  }
});

test("the asynchronous forms give the same", async () => {
  const [m, n, k] = [100, 130, 140];
  const a = randomMatrix(m * k, 7);
  const b = randomMatrix(k * n, 8);
  const want = kernels.matmul(a, b, { m, n, k });
  expect(await kernels.async.matmul(a, b, { m, n, k })).toEqual(want);
  const packed = await kernels.async.pack(b, { k, n });
  expect(await kernels.async.matmul(a, packed, { m, n, k, threads: 1 })).toEqual(want);
});

test("an aborted product rejects with the signal's reason", async () => {
  const size = 1500;
  const matrix = new Float32Array(size * size);
  const controller = new AbortController();
  const pending = kernels.async.matmul(matrix, matrix, { m: size, n: size, k: size, signal: controller.signal });
  controller.abort();
  await expect(pending).rejects.toMatchObject({ name: "AbortError" });
});

describe("refuses", () => {
  const six = new Float32Array(6);
  const packed = kernels.pack(six, { k: 2, n: 3 });
  const cases: [string, () => unknown, string, RegExp][] = [
    ["an a that is too short", () => kernels.matmul(six, six, { m: 4, n: 3, k: 2 }), "PARE_SHAPE", /a has 6.*\[4, 2\]/],
    ["a b that is too long", () => kernels.matmul(six, six, { m: 3, n: 2, k: 2 }), "PARE_SHAPE", /b has 6.*needs 4/],
    [
      "an out of the wrong length",
      () => kernels.matmul(six, six, { m: 3, n: 3, k: 2, out: new Float32Array(8) }),
      "PARE_SHAPE",
      /32 bytes; the result has 36/,
    ],
    [
      "an out that lies on a",
      () => kernels.matmul(six, six.slice(), { m: 2, n: 2, k: 3, out: six.subarray(2) }),
      "PARE_OPTION",
      /shares memory with a/,
    ],
    [
      "sizes whose product overflows",
      () => kernels.matmul(six, six, { m: 2 ** 40, n: 2 ** 40, k: 2 ** 40 }),
      "PARE_SHAPE",
      /more than a buffer can hold/,
    ],
    [
      "a result past memory",
      () => kernels.matmul(new Float32Array(0), new Float32Array(0), { m: 2 ** 40, n: 2 ** 40, k: 0 }),
      "PARE_SHAPE",
      /too large/,
    ],
    ["a fractional size", () => kernels.matmul(six, six, { m: 1.5, n: 3, k: 2 }), "PARE_OPTION", /m must be/],
    [
      "integers",
      () => kernels.matmul(new Int8Array(6) as never, six, { m: 3, n: 3, k: 2 }),
      "PARE_TYPE",
      /Float32Array/,
    ],
    [
      "another packed shape",
      () => kernels.matmul(six, packed, { m: 2, n: 2, k: 3 }),
      "PARE_SHAPE",
      /packed as \[2, 3\]/,
    ],
    [
      "packed integers",
      () => kernels.matmul(six, kernels.pack(new Int8Array(6), { k: 2, n: 3 }), { m: 3, n: 3, k: 2 }),
      "PARE_TYPE",
      /packed int8/,
    ],
    [
      "transposeB of a packed b",
      () => kernels.matmul(six, packed, { m: 3, n: 3, k: 2, transposeB: true }),
      "PARE_OPTION",
      /transpose to pack/,
    ],
    [
      "packed data of another length",
      () => kernels.matmul(six, { ...packed, data: new ArrayBuffer(8) }, { m: 3, n: 3, k: 2 }),
      "PARE_SHAPE",
      /packed data has 8 bytes/,
    ],
    [
      "a level of another machine",
      () => kernels.matmul(six, { ...packed, level: "v9" }, { m: 3, n: 3, k: 2 }),
      "PARE_UNSUPPORTED",
      /packed for v9/,
    ],
    ["doubles to pack", () => kernels.pack(new Float64Array(6) as never, { k: 2, n: 3 }), "PARE_TYPE", /Float64Array/],
  ];
  test.each(cases)("%s", (_, call, code, message) => {
    expectError(call, code, message);
  });
  test("the same asynchronously", async () => {
    await expectRejection(kernels.async.matmul(six, six, { m: 4, n: 3, k: 2 }), "PARE_SHAPE", /a has 6/);
  });
});
