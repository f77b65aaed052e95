/** Data by its name: a folder of pictures, idx, npy, npz or csv. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { Batches, Dataset } from "./batch.js";
import { readCsv, type CsvOptions } from "./csv.js";
import { readIdx, readIdxDataset } from "./idx.js";
import { readImages, type ImageFolder, type ImageOptions } from "./images.js";
import { readNpy } from "./npy.js";
import { readNpz } from "./npz.js";

export interface ReadOptions {
  /** A file of labels (npy or idx) beside one of examples. Default for idx: by MNIST's names. */
  labels?: string;
  csv?: CsvOptions;
  images?: Partial<ImageOptions>;
  /** Shape of the model's input: what pictures are brought to where `images` does not say, [N, 3, 224, 224] for example. */
  shape?: readonly (number | string | undefined)[];
}

const kinds: [RegExp, (path: string, options: ReadOptions) => Promise<Dataset>][] = [
  [/\.(csv|tsv)(\.gz)?$/i, (path, { csv }) => readCsv(path, csv)],
  [/\.npy$/i, async (path, { labels }) => withLabels({ x: await readNpy(path) }, labels)],
  [/\.npz$/i, async (path, { labels }) => withLabels(splitArrays(await readNpz(path), path), labels)],
  [/idx|ubyte/i, (path, { labels }) => readIdxDataset(path, labels === undefined ? {} : { labels })],
];

/** Throws PARE_FILE for what is damaged or missing, PARE_OPTION for a name that tells no kind of data. */
export async function readData(path: string, options: ReadOptions = {}): Promise<Dataset | ImageFolder> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return readImages(path, imageOptions(options));
  const kind = kinds.find(([pattern]) => pattern.test(basename(path)));
  if (!kind)
    throw new PareError(
      "PARE_OPTION",
      `${path}: the name tells no kind of data; known are folders of pictures, .csv, .tsv, .npy, .npz and idx (…-idx3-ubyte, .gz too).`,
    );
  return kind[1](path, options);
}

/** The names of classes that data brings along. */
export function classNamesOf(data: Batches): readonly string[] | undefined {
  return (data as Partial<Dataset>).classNames;
}

/** What an error about a label beyond the model's classes adds where folders named by numbers may be the reason. */
export function numbersHint(classNames: readonly string[] | undefined, classes: number): string {
  return classNames !== undefined && classNames.length > classes
    ? " Folders whose names are numbers are labels; class names in their order (--class-names) make classes of them."
    : "";
}

async function withLabels(data: Dataset, labels: string | undefined): Promise<Dataset> {
  if (labels === undefined) return data;
  const y = /\.npy$/i.test(labels) ? await readNpy(labels) : await readIdx(labels);
  return { ...data, y };
}

/** The array y of an archive holds labels; the others are inputs. */
function splitArrays(arrays: Record<string, Tensor>, path: string): Dataset {
  const { y, ...inputs } = arrays;
  const [only, ...others] = Object.values(inputs);
  if (!only)
    throw new PareError(
      "PARE_FILE",
      `${path} holds no array of examples; it has ${Object.keys(arrays).join(", ") || "none"}.`,
    );
  return { x: others.length === 0 && "x" in inputs ? only : inputs, ...(y ? { y } : {}) };
}

function imageOptions({ images = {}, shape = [] }: ReadOptions): ImageOptions {
  const rest = shape.slice(1);
  const layout = images.layout ?? (isChannels(rest[0]) || !isChannels(rest[2]) ? "NCHW" : "NHWC");
  const [channels, height, width] = layout === "NCHW" ? rest : [rest[2], rest[0], rest[1]];
  const size = (name: "width" | "height", own: unknown): number => {
    const value = images[name] ?? own;
    if (typeof value !== "number")
      throw new PareError(
        "PARE_OPTION",
        `the model's input does not say the ${name} of pictures; give both (--size 224x224).`,
      );
    return value;
  };
  return {
    ...images,
    layout,
    channels: images.channels ?? (channels === 1 ? 1 : 3),
    width: size("width", width),
    height: size("height", height),
  };
}

const isChannels = (dim: unknown): boolean => dim === 1 || dim === 3;
