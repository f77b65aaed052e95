/** Convolutions of 8-bit integers, against the textbook's loops: groups, strides, dilations, padding, zero points. */
import { type Tensor } from "../../lib/index.js";
import { randomNumbers } from "../kernels/levels.js";
import { floats, runNode, tensor, testRunErrors } from "./run.js";

const random = randomNumbers(21);
type Byte = "int8" | "uint8";
const count = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
const least = (dtype: string): number => (dtype === "int8" ? -128 : 0);
const bytes = (dtype: Byte, dims: number[]): Tensor =>
  tensor(
    dtype,
    dims,
    Array.from({ length: count(dims) }, () => least(dtype) + Math.floor(random() * 256)),
  );
const numbers = (x: Tensor): number[] => Array.from(x.data as Float32Array, Number);

interface Shape {
  x: [number, number, number, number];
  filters: number;
  group?: number;
  kernel: [number, number];
  stride?: number;
  dilation?: number;
  /** At the top, the left, the bottom and the right. */
  pads?: [number, number, number, number];
}

/** Sums of one image after the other; a zero point of the filters for each of them. */
function sums(
  shape: Shape,
  x: number[],
  w: number[],
  xZero: number,
  wZeros: number[],
): { dims: number[]; data: number[] } {
  const {
    x: [batch, channels, height, width],
    filters,
    group = 1,
    kernel,
    stride = 1,
    dilation = 1,
  } = shape;
  const [top, left, bottom, right] = shape.pads ?? [0, 0, 0, 0];
  const places = (size: number, taps: number): number => Math.floor((size - (taps - 1) * dilation - 1) / stride) + 1;
  const [rows, columns] = [places(height + top + bottom, kernel[0]), places(width + left + right, kernel[1])];
  const depth = channels / group;
  const data: number[] = [];
  for (let image = 0; image < batch; image++)
    for (let filter = 0; filter < filters; filter++)
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          let sum = 0;
          for (let c = 0; c < depth; c++)
            for (let i = 0; i < kernel[0]; i++)
              for (let j = 0; j < kernel[1]; j++) {
                const [y, z] = [row * stride + i * dilation - top, column * stride + j * dilation - left];
                if (y < 0 || y >= height || z < 0 || z >= width) continue;
                const channel = Math.floor(filter / (filters / group)) * depth + c;
                const value = x[((image * channels + channel) * height + y) * width + z]! - xZero;
                sum += value * (w[((filter * depth + c) * kernel[0] + i) * kernel[1] + j]! - wZeros[filter]!);
              }
          data.push(sum);
        }
  return { dims: [batch, filters, rows, columns], data };
}

const shapes: Record<string, Shape> = {
  "a window of one": { x: [2, 7, 5, 6], filters: 9, kernel: [1, 1] },
  padded: { x: [1, 5, 9, 11], filters: 8, kernel: [3, 3], pads: [1, 1, 1, 1] },
  "strides and dilations": {
    x: [2, 4, 13, 12],
    filters: 6,
    kernel: [3, 2],
    stride: 2,
    dilation: 2,
    pads: [2, 0, 1, 3],
  },
  groups: { x: [1, 6, 8, 8], filters: 9, group: 3, kernel: [3, 3], pads: [0, 1, 2, 1] },
  depthwise: { x: [2, 5, 9, 7], filters: 5, group: 5, kernel: [3, 3], stride: 2, pads: [1, 1, 1, 1] },
  "more padding than image": { x: [1, 3, 2, 2], filters: 4, kernel: [3, 3], pads: [3, 3, 3, 3] },
};

for (const [xType, wType] of [
  ["uint8", "int8"],
  ["uint8", "uint8"],
  ["int8", "int8"],
] as const)
  describe(`${xType} by ${wType}`, () => {
    test.each(Object.entries(shapes))("%s", async (_, shape) => {
      const { filters, group = 1, kernel, stride = 1, dilation = 1, pads = [0, 0, 0, 0] } = shape;
      const [x, w] = [bytes(xType, shape.x), bytes(wType, [filters, shape.x[1] / group, ...kernel])];
      const [xZero, wZero, wZeros] = [bytes(xType, []), bytes(wType, []), bytes(wType, [filters])];
      const attributes = { group, strides: [stride, stride], dilations: [dilation, dilation], pads };
      const [y] = await runNode({ opType: "ConvInteger", inputs: [x, w, xZero, wZero], attributes });
      const zero = numbers(xZero)[0]!;
      const one = Array.from({ length: filters }, () => numbers(wZero)[0]!);
      const want = sums(shape, numbers(x), numbers(w), zero, one);
      expect({ dims: y!.dims, data: numbers(y!) }).toEqual(want);

      const scales = floats(
        [filters],
        Array.from({ length: filters }, (_value, i) => 0.01 + 0.001 * i),
      );
      const bias = tensor(
        "int32",
        [filters],
        Array.from({ length: filters }, (_value, i) => 300 * i - 700),
      );
      const grid = [floats([], [0.5]), xZero, w, scales, wZeros, floats([], [3]), bytes(xType, []), bias];
      const [q] = await runNode({ opType: "QLinearConv", inputs: [x, ...grid], attributes });
      const { dims, data } = sums(shape, numbers(x), numbers(w), zero, numbers(wZeros));
      expect(q!.dims).toEqual(dims);
      const size = dims[2]! * dims[3]!;
      numbers(q!).forEach((byte, at) => {
        const filter = Math.floor(at / size) % filters;
        const exact = (data[at]! + 300 * filter - 700) * ((0.5 * (0.01 + 0.001 * filter)) / 3);
        const clipped = Math.min(least(xType) + 255, Math.max(least(xType), exact + numbers(grid[6]!)[0]!));
        expect(Math.abs(byte - clipped)).toBeLessThan(0.501);
      });
    });
  });

testRunErrors({
  "zero points for some filters": {
    opType: "ConvInteger",
    inputs: [tensor("uint8", [1, 1, 3, 3]), tensor("int8", [4, 1, 1, 1]), null, tensor("int8", [3])],
    code: "PARE_SHAPE",
    message: /w_zero_point has 3 numbers; there must be one, or one a filter/,
  },
});
