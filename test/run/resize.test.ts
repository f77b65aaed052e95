/** Resize and Upsample beside onnxruntime: modes, coordinates, shapes, types, and inputs that fit nothing. */
import { Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { floats } from "../onnxruntime.js";
import { differences, f32, i64, runNode, type OneNode } from "./fed-node.js";

const none = f32([0], []);
const image = (...dims: number[]): Tensor =>
  f32(
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      3,
    ),
  );
const bytes = (...dims: number[]): Tensor =>
  new Tensor(
    "uint8",
    Uint8Array.from(image(...dims).data as Float32Array, (x) => (x + 1) * 127),
    dims,
  );

const coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"];
const sizes: [number[], number[]][] = [
  [
    [1, 3, 12, 20],
    [1, 3, 24, 40],
  ],
  [
    [2, 5, 9, 7],
    [2, 5, 4, 16],
  ],
  [
    [1, 2, 40, 33],
    [1, 2, 13, 9],
  ],
  [
    [3, 1, 5, 1],
    [3, 1, 1, 6],
  ],
];

function* resizing(): Generator<OneNode> {
  for (const mode of ["nearest", "linear", "cubic"])
    for (const coordinate_transformation_mode of coordinates)
      for (const [from, to] of sizes) {
        const attributes = { mode, coordinate_transformation_mode };
        const title = `${mode} ${coordinate_transformation_mode} ${from.join()} to ${to.join()}`;
        yield { title, opType: "Resize", inputs: [image(...from), null, null, i64([4], to)], attributes };
      }
  for (const nearest_mode of ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    for (const scales of [
      [1, 1, 2, 1.5],
      [1, 1, 0.4, 0.75],
    ])
      for (const x of [image(1, 2, 10, 14), bytes(1, 2, 10, 14)])
        yield {
          opType: "Resize",
          inputs: [x, null, f32([4], scales)],
          attributes: { mode: "nearest", nearest_mode },
          outputs: [x.type],
        };
  for (const mode of ["linear", "cubic"])
    for (const exclude_outside of mode === "cubic" ? [0, 1] : [0]) {
      const attributes = { mode, antialias: 1, exclude_outside };
      yield { opType: "Resize", inputs: [image(1, 2, 40, 30), null, f32([4], [1, 1, 0.3, 0.6])], attributes };
      yield { opType: "Resize", inputs: [image(1, 2, 10, 30), null, null, i64([4], [1, 2, 25, 7])], attributes };
    }
  for (const mode of ["nearest", "linear"]) {
    const attributes = { mode, coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 7 };
    for (const region of [
      [0, 0, 0.2, 0.1, 1, 1, 0.8, 0.7],
      [0, 0, -0.3, 0.2, 1, 1, 1.2, 1.4],
    ])
      yield {
        opType: "Resize",
        inputs: [image(1, 2, 9, 11), f32([8], region), null, i64([4], [1, 2, 6, 14])],
        attributes,
      };
  }
  for (const mode of ["nearest", "linear"]) {
    yield { opType: "Upsample", opset: 9, inputs: [image(1, 3, 6, 7), f32([4], [1, 1, 2, 3])], attributes: { mode } };
    yield { opType: "Resize", opset: 10, inputs: [image(1, 3, 6, 8), f32([4], [1, 1, 0.5, 2])], attributes: { mode } };
    yield { opType: "Resize", inputs: [image(2, 3, 6), none, f32([3], [1, 1, 2])], attributes: { mode } };
    yield { opType: "Resize", inputs: [image(9, 8), none, f32([2], [1.5, 2])], attributes: { mode } };
    yield { opType: "Resize", inputs: [image(1, 2, 3, 4, 5), none, f32([5], [1, 1, 2, 2, 2])], attributes: { mode } };
  }
  yield {
    title: "channels last",
    opType: "Resize",
    inputs: [image(1, 6, 7, 5), null, f32([4], [1, 2, 2, 1])],
    attributes: { mode: "linear" },
  };
  for (const keep_aspect_ratio_policy of ["stretch", "not_larger", "not_smaller"])
    yield {
      opType: "Resize",
      inputs: [image(1, 2, 10, 14), null, null, i64([2], [7, 22])],
      attributes: { mode: "linear", axes: [2, 3], keep_aspect_ratio_policy },
    };
}

// onnxruntime's own inference wants to see sizes.
const withWeights = (node: OneNode): OneNode => (node.inputs[3] ? { ...node, weights: [3] } : node);

test("sizes and scales give what onnxruntime gives", async () => {
  expect(await differences([...resizing()].map(withWeights))).toEqual([]);
});

test("the same bits for any number of bands, and nothing for nothing", async () => {
  const wide = (
    await runNode({
      opType: "Resize",
      inputs: [image(1, 1, 300, 200), null, f32([4], [1, 1, 2, 2])],
      attributes: { mode: "linear" },
    })
  ).y0!;
  expect(wide.dims).toEqual([1, 1, 600, 400]);
  const empty = await runNode({ opType: "Resize", inputs: [image(0, 3, 4, 4), null, f32([4], [1, 1, 2, 2])] });
  expect(empty.y0!.dims).toEqual([0, 3, 8, 8]);
});

const x = image(1, 1, 4, 4);
const crop = { coordinate_transformation_mode: "tf_crop_and_resize" };
const wrong: [string, OneNode, string, RegExp][] = [
  [
    "an absurd size",
    { opType: "Resize", inputs: [x, null, null, i64([4], [1, 1, 2 ** 40, 2 ** 40])] },
    "PARE_SHAPE",
    /elements/,
  ],
  [
    "a large size",
    { opType: "Resize", inputs: [x, null, null, i64([4], [1, 1, 2 ** 30, 2 ** 20])] },
    "PARE_MEMORY",
    /./,
  ],
  ["a negative size", { opType: "Resize", inputs: [x, null, null, i64([4], [1, 1, -1, 4])] }, "PARE_SHAPE", /negative/],
  ["a scale of NaN", { opType: "Resize", inputs: [x, null, f32([4], [1, 1, NaN, 1])] }, "PARE_OPTION", /scale/],
  ["no scale for an axis", { opType: "Resize", inputs: [x, null, f32([3], [1, 1, 2])] }, "PARE_SHAPE", /3 scales/],
  [
    "something out of nothing",
    { opType: "Resize", inputs: [image(1, 1, 0, 4), null, null, i64([4], [1, 1, 2, 2])] },
    "PARE_SHAPE",
    /nothing/,
  ],
  [
    "a region of NaN",
    { opType: "Resize", inputs: [x, f32([8], [0, 0, NaN, 0, 1, 1, 1, 1]), f32([4], [1, 1, 2, 2])], attributes: crop },
    "PARE_SHAPE",
    /no result/,
  ],
  [
    "an unknown mode",
    { opType: "Resize", inputs: [x, null, f32([4], [1, 1, 2, 2])], attributes: { mode: "area" } },
    "PARE_UNSUPPORTED",
    /area/,
  ],
];
test.each(wrong)("refuses %s", async (_title, node, code, message) => {
  await expectRejection(runNode(node), code, message);
});
