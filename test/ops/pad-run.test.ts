/** Pad in its modes, every way of giving it its numbers, held against one element at a time. */
import type { Tensor } from "../../lib/index.js";
import { int64 } from "./infer.js";
import { floats, int64s, runNode, tensor, testRunErrors, testRuns } from "./run.js";

/** Where an element comes from along one axis; undefined: the value. */
function source(mode: string, at: number, size: number): number | undefined {
  if (at >= 0 && at < size) return at;
  if (mode === "constant") return undefined;
  if (mode === "edge") return at < 0 ? 0 : size - 1;
  if (mode === "wrap") return ((at % size) + size) % size;
  const period = Math.max(2 * (size - 1), 1);
  const place = ((at % period) + period) % period;
  return size === 1 ? 0 : place < size ? place : period - place;
}

function padded(x: Tensor, pads: number[], mode: string, value: number): { dims: number[]; data: number[] } {
  const rank = x.dims.length;
  const dims = x.dims.map((dim, axis) => dim + pads[axis]! + pads[axis + rank]!);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = Array.from({ length: count }, (_, i) => {
    let [rest, place, step] = [i, 0, 1];
    for (let axis = rank - 1; axis >= 0; axis--) {
      const from = source(mode, (rest % dims[axis]!) - pads[axis]!, x.dims[axis]!);
      if (from === undefined) return value;
      place += from * step;
      step *= x.dims[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    return Number(x.data[place]);
  });
  return { dims, data };
}

const cases: [number[], number[]][] = [
  [[5], [2, 3]],
  [
    [3, 4],
    [1, 2, 0, 3],
  ],
  [
    [1, 2, 5, 6],
    [0, 0, 1, 1, 0, 0, 1, 1],
  ],
  [
    [2, 3, 4],
    [1, 0, 2, 2, 1, 3],
  ],
  [
    [2, 70, 300],
    [0, 3, 5, 0, 2, 7],
  ],
  [
    [3, 1],
    [0, 4, 0, 2],
  ],
  [[3], [7, 9]],
  [
    [2, 0, 3],
    [0, 0, 0, 1, 0, 0],
  ],
];
describe.each(["constant", "reflect", "edge", "wrap"])("Pad, mode %s", (mode) => {
  test.each(cases)("%j by %j", async (dims, pads) => {
    for (const dtype of ["float32", "uint8", "int64"] as const) {
      const count = dims.reduce((product, dim) => product * dim, 1);
      const x = tensor(
        dtype,
        dims,
        Array.from({ length: count }, (_, i) => i % 100),
      );
      const inputs = [x, int64s([pads.length], pads), tensor(dtype, [], [123])];
      const [y] = await runNode({ opType: "Pad", opset: 19, inputs, attributes: { mode } }, 1, true);
      const want = padded(x, pads, mode, 123);
      expect(y!.dims).toEqual(want.dims);
      expect(Array.from(y!.data as Float32Array, Number)).toEqual(want.data);
    }
  });
});

testRuns({
  "Pad by attributes": {
    opType: "Pad",
    opset: 10,
    inputs: [tensor("float16", [1, 2], [1, 2])],
    attributes: { pads: [0, 1, 1, 0], value: 0.5 },
    outputs: [tensor("float16", [2, 3], [0.5, 1, 2, 0.5, 0.5, 0.5])],
  },
  "Pad along some axes": {
    opType: "Pad",
    inputs: [floats([1, 2]), int64(1, 1), null, int64(-1)],
    outputs: [floats([1, 4], [0, 0, 1, 0])],
  },
  "Pad that cuts": {
    opType: "Pad",
    inputs: [floats([2, 3]), int64(-1, 1, 0, -1)],
    outputs: [floats([1, 3], [0, 3, 4])],
  },
  "Pad that cuts both sides": {
    opType: "Pad",
    inputs: [floats([5]), int64s([2], [-1, -2])],
    outputs: [floats([2], [1, 2])],
  },
  "Pad that cuts, then mirrors what stays": {
    opType: "Pad",
    inputs: [floats([4]), int64(-1, 2)],
    attributes: { mode: "reflect" },
    outputs: [floats([5], [1, 2, 3, 2, 1])],
  },
});

testRunErrors({
  "Pad that cuts more than there is": {
    opType: "Pad",
    inputs: [floats([3]), int64s([2], [-2, -2])],
    code: "PARE_SHAPE",
    message: /cannot lose more|negative/,
  },
  "Pad that mirrors nothing": {
    opType: "Pad",
    inputs: [floats([0, 2]), int64s([4], [1, 0, 0, 0])],
    attributes: { mode: "edge" },
    code: "PARE_SHAPE",
    message: /nothing that borders/,
  },
  "Pad by too few numbers": {
    opType: "Pad",
    inputs: [floats([3, 3]), int64s([2], [1, 1])],
    code: "PARE_SHAPE",
    message: /pads/,
  },
});
