/** Four-bit packing: every level against the reference, and what is refused. */
import { kernels } from "../../lib/index.js";
import { expectError } from "../errors.js";
import { eachLevel, expectSameBits, hardFloats, onReference } from "./levels.js";

const sizes: [k: number, n: number][] = [
  [1, 1],
  [32, 1],
  [33, 7],
  [64, 64],
  [95, 65],
  [300, 131],
  [256, 16],
];

eachLevel((level) => {
  for (const [k, n] of sizes)
    for (const blockSize of [16, 32, 256]) {
      const x = new Float32Array(k * n + 1).subarray(1);
      x.set(hardFloats(k * n, k + n));
      for (const symmetric of [true, false])
        test(`MatMulNBits of ${k} × ${n}, blocks of ${blockSize}, symmetric ${symmetric}, on ${level}`, () => {
          const pack = (): ReturnType<typeof kernels.packMatMulNBits> =>
            kernels.packMatMulNBits(x, { k, n, blockSize, symmetric });
          const got = pack();
          const wanted = onReference(pack);
          expectSameBits(got.data, wanted.data);
          expectSameBits(got.scales, wanted.scales);
          expect(got.zeroPoints).toEqual(wanted.zeroPoints);
        });
      for (const type of ["nf4", "fp4"] as const)
        test(`MatMulBnb4 of ${k} × ${n}, blocks of ${blockSize}, ${type}, on ${level}`, () => {
          const pack = (): ReturnType<typeof kernels.packBnb4> => kernels.packBnb4(x, { k, n, blockSize, type });
          const got = pack();
          const wanted = onReference(pack);
          expectSameBits(got.data, wanted.data);
          expectSameBits(got.absmax, wanted.absmax);
        });
    }
});

test("threads change nothing, the asynchronous forms neither", async () => {
  const x = hardFloats(300 * 200, 1);
  const one = kernels.packMatMulNBits(x, { k: 300, n: 200, symmetric: false, threads: 1 });
  expect(kernels.packMatMulNBits(x, { k: 300, n: 200, symmetric: false, threads: 2 })).toEqual(one);
  expect(await kernels.async.packMatMulNBits(x, { k: 300, n: 200, symmetric: false })).toEqual(one);
  expect(await kernels.async.packBnb4(x, { k: 300, n: 200 })).toEqual(
    kernels.packBnb4(x, { k: 300, n: 200, threads: 1 }),
  );
});

describe("refuses", () => {
  const x = new Float32Array(64);
  const cases: [string, () => unknown, { code: string; message: RegExp }][] = [
    ["a wrong shape", () => kernels.packMatMulNBits(x, { k: 9, n: 7 }), { code: "PARE_SHAPE", message: /9 × 7/ }],
    [
      "a block that is no power of two",
      () => kernels.packMatMulNBits(x, { k: 64, n: 1, blockSize: 48 }),
      { code: "PARE_OPTION", message: /16 to 256; got 48/ },
    ],
    [
      "an unknown code",
      () => kernels.packBnb4(x, { k: 64, n: 1, type: "nf8" as never }),
      { code: "PARE_OPTION", message: /nf8/ },
    ],
    ["a plain array", () => kernels.packBnb4([1] as never, { k: 1, n: 1 }), { code: "PARE_TYPE", message: /Array/ }],
  ];
  test.each(cases)("%s", (_, call, { code, message }) => {
    expectError(call, code, message);
  });
});
