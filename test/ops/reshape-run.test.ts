/** What moves whole tensors: Transpose, Expand, Tile, DepthToSpace, SpaceToDepth, and dimensions that come from data. */
import type { Tensor } from "../../lib/index.js";
import { Weight } from "../../lib/model/index.js";
import { int64 } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

/** The textbook's way: every element of the result, by its index. */
function transposed(x: Tensor, perm: number[]): number[] {
  const dims = perm.map((axis) => x.dims[axis]!);
  const strides = x.dims.map((_, axis) => x.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1));
  return Array.from(x.data as Float32Array, (_, at) => {
    let [rest, place] = [at, 0];
    for (let i = dims.length - 1; i >= 0; i--) {
      place += (rest % dims[i]!) * strides[perm[i]!]!;
      rest = Math.floor(rest / dims[i]!);
    }
    return Number(x.data[place]);
  });
}

const orders: [number[], number[]][] = [
  [
    [2, 3],
    [1, 0],
  ],
  [
    [1, 128, 12, 64],
    [0, 2, 1, 3],
  ],
  [
    [2, 33, 5, 64],
    [0, 2, 3, 1],
  ],
  [
    [2, 40, 3, 17],
    [0, 2, 1, 3],
  ],
  [
    [2, 37, 53, 3],
    [0, 3, 1, 2],
  ],
  [
    [2, 3, 37, 53],
    [0, 2, 3, 1],
  ],
  [
    [3, 70, 90],
    [2, 1, 0],
  ],
  [
    [7, 5, 2, 2],
    [1, 0, 2, 3],
  ],
  [
    [9, 11, 8],
    [1, 0, 2],
  ],
  [
    [2, 3, 4, 5, 6],
    [4, 2, 0, 3, 1],
  ],
  [
    [300, 1, 500],
    [2, 1, 0],
  ],
  [
    [16, 3, 16],
    [1, 2, 0],
  ],
  [
    [4, 0, 3],
    [2, 0, 1],
  ],
  [[5], [0]],
  [[], []],
];
describe.each(["float32", "uint8", "int16", "float64"] as const)("Transpose of %s", (dtype) => {
  test.each(orders)("%j by %j", async (dims, perm) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const x = tensor(
      dtype,
      dims,
      Array.from({ length: count }, (_, i) => (i * 7 + (i >> 7)) % 251),
    );
    const [y] = await runNode({ opType: "Transpose", inputs: [x], attributes: { perm } });
    expect(y!.dims).toEqual(perm.map((axis) => dims[axis]));
    expect(Array.from(y!.data as Float32Array)).toEqual(transposed(x, perm));
  });
});

testRuns({
  "Transpose of two axes without perm": {
    opType: "Transpose",
    inputs: [tensor("bool", [2, 2], [1, 1, 0, 0])],
    outputs: [tensor("bool", [2, 2], [1, 0, 1, 0])],
  },
  "Expand to a shape that is fed": {
    opType: "Expand",
    inputs: [floats([3, 1]), int64s([3], [2, 1, 4])],
    outputs: [floats([2, 3, 4], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])],
  },
  "Expand of a number": {
    opType: "Expand",
    inputs: [tensor("int8", [], [7]), int64(2, 2)],
    outputs: [tensor("int8", [2, 2], [7, 7, 7, 7])],
  },
  "Expand to fewer dimensions": {
    opType: "Expand",
    inputs: [floats([2, 1]), int64(3)],
    outputs: [floats([2, 3], [0, 0, 0, 1, 1, 1])],
  },
  "Expand to nothing": { opType: "Expand", inputs: [floats([1, 2]), int64(0, 2)], outputs: [floats([0, 2])] },
  "Tile by repeats that are fed": {
    opType: "Tile",
    inputs: [tensor("uint16", [2, 2]), int64s([2], [2, 3])],
    outputs: [tensor("uint16", [4, 6], [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3])],
  },
  "Tile by nothing": { opType: "Tile", inputs: [floats([2]), int64(0)], outputs: [floats([0])] },
  "DepthToSpace, depth first": {
    opType: "DepthToSpace",
    inputs: [floats([1, 8, 1, 2])],
    attributes: { blocksize: 2 },
    outputs: [floats([1, 2, 2, 4], [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15])],
  },
  "DepthToSpace, columns first": {
    opType: "DepthToSpace",
    inputs: [floats([1, 8, 1, 2])],
    attributes: { blocksize: 2, mode: "CRD" },
    outputs: [floats([1, 2, 2, 4], [0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15])],
  },
  SpaceToDepth: {
    opType: "SpaceToDepth",
    inputs: [floats([1, 2, 2, 4], [0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15])],
    attributes: { blocksize: 2 },
    outputs: [floats([1, 8, 1, 2])],
  },
  "Reshape to a shape that is fed": {
    opType: "Reshape",
    inputs: [floats([2, 6]), int64s([3], [-1, 4, 1])],
    outputs: [floats([3, 4, 1])],
  },
  "Unsqueeze along axes that are fed": {
    opType: "Unsqueeze",
    inputs: [floats([2]), int64s([2], [0, -1])],
    outputs: [floats([1, 2, 1])],
  },
  "Squeeze along axes that are fed": {
    opType: "Squeeze",
    inputs: [floats([1, 2, 1]), int64s([1], [2])],
    outputs: [floats([1, 2])],
  },
});

testRunErrors({
  "Transpose of packed elements": {
    opType: "Transpose",
    inputs: [new Weight("int4", [2, 2], new Uint8Array(2))],
    code: "PARE_UNSUPPORTED",
    message: /int4 does not run/,
  },
  "Expand to sizes that do not fit": {
    opType: "Expand",
    inputs: [floats([3, 2]), int64s([2], [3, 4])],
    code: "PARE_SHAPE",
    message: /does not broadcast/,
  },
  "Expand to a negative size": {
    opType: "Expand",
    inputs: [floats([3, 1]), int64s([2], [3, -4])],
    code: "PARE_SHAPE",
    message: /-4/,
  },
  "Tile by a negative number": {
    opType: "Tile",
    inputs: [floats([3]), int64s([1], [-1])],
    code: "PARE_SHAPE",
    message: /-1|negative/,
  },
  "Reshape to more than there is": {
    opType: "Reshape",
    inputs: [floats([2, 3]), int64s([2], [2, 4])],
    code: "PARE_SHAPE",
    message: /do not fit/,
  },
  "Reshape of something to nothing and the rest": {
    opType: "Reshape",
    opset: 14,
    inputs: [floats([2, 3]), int64s([2], [0, -1])],
    attributes: { allowzero: 1 },
    code: "PARE_SHAPE",
    message: /do not/,
  },
  "DepthToSpace in a mode that does not exist": {
    opType: "DepthToSpace",
    inputs: [floats([1, 4, 1, 1])],
    attributes: { blocksize: 2, mode: "RCD" },
    code: "PARE_OPTION",
    message: /mode is RCD/,
  },
});
