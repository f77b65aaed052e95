/** Products by packed weights run: MatMulNBits and MatMulBnb4 against products by what their codes stand for. */
import { kernels, type Tensor } from "../../lib/index.js";
import { Weight } from "../../lib/model/index.js";
import { randomNumbers } from "../kernels/levels.js";
import { floats, runNode, tensor, testRunErrors } from "./run.js";

const domain = "com.microsoft";
const random = randomNumbers(9);
const reals = (count: number): Float32Array => Float32Array.from({ length: count }, () => 2 * random() - 1);
const bytesOf = (dims: number[], data: Uint8Array): Weight => Weight.of("uint8", dims, data);
const floatsOf = (dims: number[], data: Float32Array): Weight => Weight.of("float32", dims, data);

function expectProduct(y: Tensor, a: Float32Array, weights: Float32Array, m: number, n: number, k: number): void {
  const want = kernels.matmul(a, weights, { m, n, k });
  (y.data as Float32Array).forEach((value, i) => {
    expect(Math.abs(value - want[i]!)).toBeLessThan(1e-5 * k);
  });
}

describe("MatMulNBits", () => {
  const sizes = [
    [1, 64, 40, 16],
    [3, 48, 33, 32],
    [7, 100, 5, 16],
    [40, 129, 70, 32],
    [20, 512, 31, 256],
  ] as const;
  for (const [m, k, n, blockSize] of sizes)
    for (const symmetric of [true, false])
      test(`${m} × ${k} × ${n} by blocks of ${blockSize}, ${symmetric ? "symmetric" : "with zero points"}`, async () => {
        const [a, w, bias] = [reals(m * k), reals(k * n), reals(n)];
        const packed = kernels.packMatMulNBits(w, { k, n, blockSize, symmetric });
        const blocks = Math.ceil(k / blockSize);
        const zero = (j: number, b: number): number =>
          packed.zeroPoints ? (packed.zeroPoints[j * ((blocks + 1) >> 1) + (b >> 1)]! >> ((b & 1) * 4)) & 15 : 8;
        const restored = Float32Array.from({ length: k * n }, (_, at) => {
          const [u, j] = [Math.floor(at / n), at % n];
          const b = Math.floor(u / blockSize);
          const code = (packed.data[(j * blocks * blockSize + u) >> 1]! >> ((u & 1) * 4)) & 15;
          return (code - zero(j, b)) * packed.scales[j * blocks + b]!;
        });
        const zeros = packed.zeroPoints ? bytesOf([packed.zeroPoints.length], packed.zeroPoints) : null;
        const realZeros = floatsOf(
          [n, blocks],
          Float32Array.from({ length: n * blocks }, (_, i) => zero(Math.floor(i / blocks), i % blocks)),
        );
        for (const points of [zeros, realZeros]) {
          const [y] = await runNode({
            opType: "MatMulNBits",
            domain,
            inputs: [
              floats([m, k], Array.from(a)),
              bytesOf([n, blocks, blockSize / 2], packed.data),
              floatsOf([n * blocks], packed.scales),
              points,
              null,
              floatsOf([n], bias),
            ],
            attributes: { K: k, N: n, bits: 4, block_size: blockSize },
          });
          const product = floats(
            [m, n],
            Array.from(y!.data as Float32Array, (value, i) => value - bias[i % n]!),
          );
          expectProduct(product, a, restored, m, n, k);
        }
      });

  test("eight bits", async () => {
    const [m, k, n, blockSize] = [5, 40, 19, 32];
    const [a, scales] = [reals(m * k), reals(n * 2)];
    const codes = Uint8Array.from({ length: n * 64 }, () => Math.floor(random() * 256));
    const restored = Float32Array.from({ length: k * n }, (_, at) => {
      const [u, j] = [Math.floor(at / n), at % n];
      return ((codes[j * 64 + u]! - 128) * scales[j * 2 + (u >> 5)]!) / 128;
    });
    const small = scales.map((scale) => scale / 128);
    const [y] = await runNode({
      opType: "MatMulNBits",
      domain,
      inputs: [floats([m, k], Array.from(a)), bytesOf([n, 2, 32], codes), floatsOf([n * 2], small)],
      attributes: { K: k, N: n, bits: 8, block_size: blockSize },
    });
    expectProduct(y!, a, restored, m, n, k);
  });
});

describe("MatMulBnb4", () => {
  const nf4 = [
    -1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0, 0.0795803, 0.1609302, 0.2461123,
    0.33791524, 0.44070983, 0.562617, 0.72295684, 1,
  ];
  const fp4Magnitudes = [0, 0.005208333, 0.6666667, 1, 0.33333334, 0.5, 0.16666667, 0.25];
  const codes = { nf4, fp4: [...fp4Magnitudes, ...fp4Magnitudes.map((value) => -value)] };
  for (const type of ["nf4", "fp4"] as const)
    for (const [m, k, n] of [
      [1, 128, 9],
      [4, 50, 7],
      [33, 64, 40],
    ] as const)
      test(`${type}, ${m} × ${k} × ${n}`, async () => {
        const [a, w, blockSize] = [reals(m * k), reals(k * n), 64];
        const packed = kernels.packBnb4(w, { k, n, blockSize, type });
        const restored = Float32Array.from({ length: k * n }, (_, at) => {
          const i = (at % n) * k + Math.floor(at / n);
          const code = (packed.data[i >> 1]! >> (i & 1 ? 0 : 4)) & 15;
          return codes[type][code]! * packed.absmax[Math.floor(i / blockSize)]!;
        });
        const [y] = await runNode({
          opType: "MatMulBnb4",
          domain,
          inputs: [
            floats([m, k], Array.from(a)),
            bytesOf([packed.data.length], packed.data),
            floatsOf([packed.absmax.length], packed.absmax),
          ],
          attributes: { K: k, N: n, block_size: blockSize, quant_type: type === "nf4" ? 1 : 0 },
        });
        expectProduct(y!, a, restored, m, n, k);
      });
});

const attributes = { K: 32, N: 2, bits: 4, block_size: 32 };
testRunErrors({
  "too few codes": {
    opType: "MatMulNBits",
    domain,
    inputs: [floats([1, 32]), tensor("uint8", [2, 1, 15]), floats([2])],
    attributes,
    code: "PARE_SHAPE",
    message: /B has 30 elements where there must be 32/,
  },
  "three bits": {
    opType: "MatMulNBits",
    domain,
    inputs: [floats([1, 32]), tensor("uint8", [2, 1, 16]), floats([2])],
    attributes: { ...attributes, bits: 3 },
    code: "PARE_UNSUPPORTED",
    message: /3 bits do not run/,
  },
});
