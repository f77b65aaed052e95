/** Einsum, determinants, folds, signals and random numbers. */
import type { Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { differences, f32, i64, runNode, type OneNode } from "./fed-node.js";

const some = (dims: number[], seed = 1): Tensor =>
  f32(
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  );

const equations: [string, ...number[][]][] = [
  ["ij,jk->ik", [5, 7], [7, 4]],
  ["ij,kj->ik", [5, 7], [4, 7]],
  ["bij,bjk->bik", [3, 5, 7], [3, 7, 4]],
  ["bhqd,bhkd->bhqk", [2, 3, 5, 8], [2, 3, 6, 8]],
  ["bqhd,bkhd->bhqk", [2, 5, 3, 8], [2, 6, 3, 8]],
  ["...ij,...jk", [2, 5, 3, 4], [2, 5, 4, 2]],
  ["ij->ji", [4, 6]],
  ["ij->", [4, 6]],
  ["ii->i", [5, 5]],
  ["iij->j", [3, 3, 4]],
  ["i,j->ij", [4], [5]],
  ["i,i->", [9], [9]],
  ["ij,jk,kl->il", [3, 4], [4, 5], [5, 2]],
  ["abc,cd,de->abe", [2, 3, 4], [4, 5], [5, 6]],
  ["ij,k->j", [3, 4], [5]],
  ["b...d,...d->b...", [2, 3, 4], [3, 4]],
];

function* products(): Generator<OneNode> {
  for (const [equation, ...shapes] of equations)
    yield { opType: "Einsum", inputs: shapes.map((dims, i) => some(dims, i + 1)), attributes: { equation } };
  yield { opType: "Det", inputs: [some([2, 3, 4, 4])] };
  yield { opType: "Det", inputs: [f32([3, 3], [0, 1, 2, 0, 3, 4, 0, 5, 6])] };
  yield {
    opType: "MaxUnpool",
    inputs: [some([1, 1, 2, 2]), i64([1, 1, 2, 2], [5, 7, 13, 15])],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  };
  for (const shape of [
    [3, 8],
    [7, 2],
    [5, 5],
  ])
    yield { opType: "CenterCropPad", inputs: [some([5, 5]), i64([2], shape)] };
  yield {
    opType: "Col2Im",
    inputs: [some([2, 12, 15]), i64([2], [5, 7]), i64([2], [2, 2])],
    attributes: { strides: [2, 2], pads: [0, 1, 1, 2] },
  };
  for (const length of [8, 12, 15]) {
    yield { opType: "DFT", inputs: [some([2, 10, 1]), i64([], [length])] };
    yield { opType: "DFT", inputs: [some([2, 10, 2]), i64([], [length])], attributes: { inverse: 1 } };
    yield { opType: "DFT", inputs: [some([2, 10, 1]), i64([], [length])], attributes: { onesided: 1 } };
  }
  yield { opType: "STFT", inputs: [some([2, 50, 1]), i64([], [8]), some([16], 2)] };
  for (const opType of ["HannWindow", "HammingWindow", "BlackmanWindow"])
    for (const periodic of [0, 1]) yield { opType, inputs: [i64([], [11])], attributes: { periodic } };
  yield {
    opType: "MelWeightMatrix",
    inputs: [i64([], [8]), i64([], [64]), i64([], [8000]), f32([], [20]), f32([], [3800])],
  };
}

test("products, folds and signals give what onnxruntime gives", async () => {
  expect(await differences([...products()])).toEqual([]);
});

test("random numbers are of the range that is asked for, and repeat with a seed", async () => {
  const shape = { shape: [50, 40] };
  const uniform = { opType: "RandomUniform", inputs: [], attributes: { ...shape, seed: 0.5, low: 2.5, high: 5.5 } };
  const [a, b] = [await runNode(uniform), await runNode(uniform)];
  expect(a.y0).toEqual(b.y0);
  for (const value of a.y0!.data as Float32Array) expect(value >= 2.5 && value <= 5.5).toBe(true);
  const normal = { opType: "RandomNormal", inputs: [], attributes: { ...shape, mean: 1.5, scale: 2.5, seed: 1.5 } };
  const data = (await runNode(normal)).y0!.data as Float32Array;
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
  expect(mean).toBeCloseTo(1.5, 0);
  expect(Math.sqrt(variance)).toBeCloseTo(2.5, 0);
  const free = { opType: "RandomUniform", inputs: [], attributes: shape };
  expect((await runNode(free)).y0).not.toEqual((await runNode(free)).y0);
  const coins = await runNode({
    opType: "Bernoulli",
    inputs: [f32([3], [0, 1, 1])],
    outputs: ["int32"],
    attributes: { dtype: 6 },
  });
  expect(coins.y0!.data).toEqual(Int32Array.of(0, 1, 1));
  const drawn = await runNode({
    opType: "Multinomial",
    inputs: [f32([2, 3], [-90, 0, -90, 0, -90, -90])],
    attributes: { sample_size: 4 },
    outputs: ["int32"],
  });
  expect(drawn.y0!.data).toEqual(Int32Array.of(1, 1, 1, 1, 0, 0, 0, 0));
});

const wrong: [string, OneNode, string, RegExp][] = [
  [
    "an index outside",
    { opType: "MaxUnpool", inputs: [some([1, 1, 1]), i64([1, 1, 1], [9])], attributes: { kernel_shape: [2] } },
    "PARE_SHAPE",
    /index 9/,
  ],
  ["matrices that are not square", { opType: "Det", inputs: [some([2, 3])] }, "PARE_SHAPE", /square/],
  ["a step of zero", { opType: "STFT", inputs: [some([1, 9, 1]), i64([], [0]), some([4])] }, "PARE_SHAPE", /steps/],
  [
    "a frame beyond the signal",
    { opType: "STFT", inputs: [some([1, 9, 1]), i64([], [1]), null, i64([], [10])] },
    "PARE_SHAPE",
    /./,
  ],
  ["a negative window", { opType: "HannWindow", inputs: [i64([], [-3])] }, "PARE_SHAPE", /./],
  ["a huge window", { opType: "HannWindow", inputs: [i64([], [2 ** 52])] }, "PARE_MEMORY", /./],
  [
    "blocks that do not fit",
    { opType: "Col2Im", inputs: [some([1, 4, 9]), i64([2], [5, 5]), i64([2], [2, 2])] },
    "PARE_SHAPE",
    /columns/,
  ],
];
test.each(wrong)("refuses %s", async (_title, node, code, message) => {
  await expectRejection(runNode(node), code, message);
});
