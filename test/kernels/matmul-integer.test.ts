/** The 8-bit matrix product: exact at every level, the reference included, over the full ranges of both types. */
import fc from "fast-check";
import { kernels } from "../../lib/index.js";
import { expectError } from "../errors.js";
import { eachLevel, expectSameBits, onReference, randomNumbers } from "./levels.js";

type Bytes = Int8Array | Uint8Array;
type Constructor = Int8ArrayConstructor | Uint8ArrayConstructor;
const signs: [Constructor, Constructor][] = [
  [Uint8Array, Int8Array],
  [Uint8Array, Uint8Array],
  [Int8Array, Int8Array],
  [Int8Array, Uint8Array],
];

function randomBytes(Type: Constructor, count: number, seed: number): Bytes {
  const random = randomNumbers(seed);
  const bytes = new Type(count);
  for (let i = 0; i < count; i++) bytes[i] = Math.floor(random() * 256);
  return bytes;
}

interface Case {
  m: number;
  n: number;
  k: number;
  aZeroPoint?: Bytes;
  bZeroPoint?: Bytes;
}

function tripleLoop(a: Bytes, b: Bytes, { m, n, k, aZeroPoint: aZero, bZeroPoint: bZero }: Case): Int32Array {
  const c = new Int32Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      const zeroA = aZero ? aZero[aZero.length > 1 ? i : 0]! : 0;
      const zeroB = bZero ? bZero[bZero.length > 1 ? j : 0]! : 0;
      for (let u = 0; u < k; u++) c[i * n + j]! += (a[i * k + u]! - zeroA) * (b[u * n + j]! - zeroB);
    }
  return c;
}

function check(a: Bytes, b: Bytes, options: Case): void {
  const { n, k } = options;
  const want = tripleLoop(a, b, options);
  for (const threads of [1, 2, 3]) expectSameBits(kernels.matmulInteger(a, b, { ...options, threads }), want);
  expectSameBits(kernels.matmulInteger(a, kernels.pack(b, { k, n }), options), want);
  const turned = b.slice();
  for (let u = 0; u < k; u++) for (let j = 0; j < n; j++) turned[j * k + u] = b[u * n + j]!;
  expectSameBits(kernels.matmulInteger(a, kernels.pack(turned, { k, n, transpose: true }), options), want);
}

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [1, 300, 67],
  [2, 5, 3],
  [6, 16, 256],
  [15, 33, 31],
  [29, 63, 1030],
  [70, 130, 66],
];

function checkProducts(): void {
  for (const [A, B] of signs)
    for (const [m, n, k] of sizes) {
      const a = randomBytes(A, m * k, m + k);
      const b = randomBytes(B, k * n, n + k);
      check(a, b, { m, n, k });
      check(a, b, { m, n, k, aZeroPoint: A.of(100), bZeroPoint: B.of(17) });
      check(a, b, { m, n, k, aZeroPoint: randomBytes(A, m, 3), bZeroPoint: randomBytes(B, n, 4) });
      check(a, b, { m, n, k, bZeroPoint: randomBytes(B, n, 5) });
    }
}

/** Pairs of the largest products: what saturates in 16 bits is found here. */
function checkExtremes(): void {
  const [m, n, k] = [15, 33, 70];
  for (const [A, B] of signs) {
    const [lowestA, highestA] = A === Int8Array ? [-128, 127] : [0, 255];
    const [lowestB, highestB] = B === Int8Array ? [-128, 127] : [0, 255];
    for (const x of [lowestA, highestA])
      for (const y of [lowestB, highestB]) {
        const a = new A(m * k).fill(x);
        const b = new B(k * n).fill(y);
        check(a, b, { m, n, k });
        for (const zeroA of [lowestA, highestA])
          for (const zeroB of [lowestB, highestB])
            check(a, b, { m, n, k, aZeroPoint: A.of(zeroA), bZeroPoint: B.of(zeroB) });
      }
  }
}

test("equals the triple loop on the reference", () => {
  onReference(checkProducts);
  onReference(checkExtremes);
});

eachLevel((level) => {
  test(`equals the triple loop on ${level}, with any number of threads, packed and not`, checkProducts);
  test(`the largest products do not saturate on ${level}`, checkExtremes);

  test(`a depth of zero on ${level}`, () => {
    const empty = new Uint8Array(0);
    expect(Array.from(kernels.matmulInteger(empty, empty, { m: 1, n: 2, k: 0, aZeroPoint: 3 }))).toEqual([0, 0]);
    const packed = kernels.pack(empty, { k: 0, n: 2 });
    expect(Array.from(kernels.matmulInteger(empty, packed, { m: 1, n: 2, k: 0, bZeroPoint: 3 }))).toEqual([0, 0]);
    expect(kernels.matmulInteger(empty, new Int8Array(6), { m: 0, n: 2, k: 3 })).toHaveLength(0);
  });

  test(`random shapes and values on ${level} equal the triple loop`, () => {
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(size, size, size, fc.nat(3), fc.nat(1000), (m, n, k, sign, seed) => {
        const [A, B] = signs[sign]!;
        const a = randomBytes(A, m * k, seed);
        const b = randomBytes(B, k * n, seed + 1);
        check(a, b, { m, n, k, aZeroPoint: randomBytes(A, 1, seed + 2), bZeroPoint: randomBytes(B, n, seed + 3) });
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

test("sums past 32 bits wrap", () => {
  const k = 70000;
  const a = new Uint8Array(k).fill(255);
  expect(kernels.matmulInteger(a, a, { m: 1, n: 1, k })[0]).toBe((k * 255 * 255) | 0);
});

test("the asynchronous form gives the same, into out", async () => {
  const [m, n, k] = [40, 50, 60];
  const a = randomBytes(Uint8Array, m * k, 1);
  const b = randomBytes(Int8Array, k * n, 2);
  const out = new Int32Array(m * n);
  expect(await kernels.async.matmulInteger(a, b, { m, n, k, aZeroPoint: 128, out })).toBe(out);
  expect(out).toEqual(tripleLoop(a, b, { m, n, k, aZeroPoint: Uint8Array.of(128) }));
});

describe("refuses", () => {
  const six = new Uint8Array(6);
  const shape = { m: 3, n: 3, k: 2 };
  const shared = new ArrayBuffer(16);
  const cases: [string, () => unknown, string, RegExp][] = [
    [
      "floats",
      () => kernels.matmulInteger(new Float32Array(6) as never, six, shape),
      "PARE_TYPE",
      /a must be.*Float32/,
    ],
    ["a b that is too short", () => kernels.matmulInteger(six, six, { m: 1, n: 3, k: 6 }), "PARE_SHAPE", /b has 6/],
    [
      "a zero point out of range",
      () => kernels.matmulInteger(six, six, { ...shape, aZeroPoint: -1 }),
      "PARE_OPTION",
      /between 0 and 255; got -1/,
    ],
    [
      "a zero point of the other sign",
      () => kernels.matmulInteger(six, six, { ...shape, bZeroPoint: Int8Array.of(1) }),
      "PARE_TYPE",
      /bZeroPoint must have the type/,
    ],
    [
      "zero points of another count",
      () => kernels.matmulInteger(six, six, { ...shape, aZeroPoint: new Uint8Array(2) }),
      "PARE_SHAPE",
      /2 values; 1 or 3/,
    ],
    [
      "a packed float matrix",
      () => kernels.matmulInteger(six, kernels.pack(new Float32Array(6), { k: 2, n: 3 }), shape),
      "PARE_TYPE",
      /packed float32/,
    ],
    [
      "an out that lies on b",
      () =>
        kernels.matmulInteger(six.subarray(0, 4), new Uint8Array(shared, 0, 4), {
          m: 2,
          n: 2,
          k: 2,
          out: new Int32Array(shared),
        }),
      "PARE_OPTION",
      /shares memory with b/,
    ],
  ];
  test.each(cases)("%s", (_, call, code, message) => {
    expectError(call, code, message);
  });
});
