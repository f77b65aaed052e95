/** Ops that read images at computed places, beside onnxruntime. */
import type { Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { differences, f32, i64, runNode, type OneNode } from "./fed-node.js";

const some = (dims: number[], seed = 1, scale = 1): Tensor =>
  f32(
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ).map((x) => x * scale),
  );
const regions = f32([4, 4], [1, 1, 9, 8, 0, 0, 12, 12, -3, 2.5, 6, 30, 4, 4, 4, 4]);

function* reading(): Generator<OneNode> {
  for (const mode of ["bilinear", "nearest", "bicubic"])
    for (const padding_mode of ["zeros", "border", "reflection"])
      for (const align_corners of [0, 1])
        yield {
          opType: "GridSample",
          inputs: [some([2, 3, 7, 9]), some([2, 5, 6, 2], 2, 1.6)],
          attributes: { mode, padding_mode, align_corners },
        };
  for (const mode of ["linear", "nearest"])
    yield {
      opType: "GridSample",
      opset: 20,
      inputs: [some([1, 2, 4, 5, 6]), some([1, 3, 3, 3, 3], 2, 1.3)],
      attributes: { mode },
    };
  for (const align_corners of [0, 1]) {
    yield {
      opType: "AffineGrid",
      opset: 20,
      inputs: [some([2, 2, 3]), i64([4], [2, 3, 5, 4])],
      attributes: { align_corners },
    };
    yield {
      opType: "AffineGrid",
      opset: 20,
      inputs: [some([2, 3, 4]), i64([5], [2, 3, 5, 4, 3])],
      attributes: { align_corners },
    };
  }
  for (const mode of ["avg", "max"])
    for (const [opset, transformation] of [
      [10, undefined],
      [16, "half_pixel"],
      [16, "output_half_pixel"],
    ] as const)
      for (const sampling_ratio of [0, 2])
        yield {
          opType: "RoiAlign",
          opset,
          inputs: [some([2, 3, 13, 12]), regions, i64([4], [0, 1, 1, 0])],
          attributes: {
            mode,
            sampling_ratio,
            output_height: 3,
            output_width: 4,
            spatial_scale: 0.9,
            ...(transformation && { coordinate_transformation_mode: transformation }),
          },
        };
  const pooled = f32([3, 5], [0, 1, 1, 9, 8, 1, 0, 0, 12, 12, 0, 4, 4, 4, 4]);
  yield {
    opType: "MaxRoiPool",
    inputs: [some([2, 3, 13, 12]), pooled],
    attributes: { pooled_shape: [3, 2], spatial_scale: 0.7 },
  };
}

test("grids and regions give what onnxruntime gives", async () => {
  expect(await differences([...reading()])).toEqual([]);
});

const x = some([1, 1, 4, 4]);
const wrong: [string, OneNode, string, RegExp][] = [
  [
    "a region of no image",
    { opType: "RoiAlign", inputs: [x, f32([1, 4], [0, 0, 1, 1]), i64([1], [1])] },
    "PARE_SHAPE",
    /image 1/,
  ],
  [
    "a region without end",
    { opType: "RoiAlign", inputs: [x, f32([1, 4], [0, 0, Infinity, 1]), i64([1], [0])] },
    "PARE_SHAPE",
    /too large/,
  ],
  [
    "a huge region",
    { opType: "RoiAlign", inputs: [x, f32([1, 4], [0, 0, 1e5, 1e5]), i64([1], [0])] },
    "PARE_SHAPE",
    /too large/,
  ],
  [
    "a pooled region of no image",
    { opType: "MaxRoiPool", inputs: [x, f32([1, 5], [-1, 0, 0, 1, 1])], attributes: { pooled_shape: [1, 1] } },
    "PARE_SHAPE",
    /no image/,
  ],
];
test.each(wrong)("refuses %s", async (_title, node, code, message) => {
  await expectRejection(runNode(node), code, message);
});

test("a grid of NaN and infinities reads zeros", async () => {
  const grid = f32([1, 1, 3, 2], [NaN, 0, Infinity, 0, 1e30, -1e30]);
  expect((await runNode({ opType: "GridSample", inputs: [x, grid] })).y0!.data).toEqual(new Float32Array(3));
});
