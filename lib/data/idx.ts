/** Files in MNIST's format idx (yann.lecun.com/exdb/mnist), plain or gzipped: a type, dimensions, big-endian elements. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { kernels } from "../kernels/index.js";
import { copyAligned } from "./aligned.js";
import type { Dataset } from "./batch.js";
import { readBytes } from "./file.js";

/** The third byte of a file: type and bytes of an element. */
const types: Record<number, readonly [Tensor.Type, number]> = {
  0x08: ["uint8", 1],
  0x09: ["int8", 1],
  0x0b: ["int16", 2],
  0x0c: ["int32", 4],
  0x0d: ["float32", 4],
  0x0e: ["float64", 8],
};

/** Reads an array. Throws PARE_FILE where the file is none. */
export async function readIdx(path: string): Promise<Tensor> {
  return decodeIdx(await readBytes(path), path);
}

/** The array in an idx file's bytes; `where` names it in errors. */
export function decodeIdx(bytes: Uint8Array, where: string): Tensor {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = types[file[2] ?? 0];
  const rank = file[3] ?? 0;
  if (file[0] !== 0 || file[1] !== 0 || !type)
    throw new PareError("PARE_FILE", `${where} is not an idx file: it does not begin as one.`);
  const start = 4 + 4 * rank;
  if (file.length < start) throw new PareError("PARE_FILE", `${where}: the idx header is cut short.`);
  const dims = Array.from({ length: rank }, (_, axis) => file.readUInt32BE(4 + 4 * axis));
  const [name, size] = type;
  const needed = dims.reduce((product, dim) => product * dim, size);
  if (file.length - start !== needed)
    throw new PareError(
      "PARE_FILE",
      `${where}: [${dims.join(", ")}] ${name} needs ${needed} bytes; the file holds ${file.length - start}.`,
    );
  const data = copyAligned(file.subarray(start), name) as Uint8Array;
  const own = Buffer.from(data.buffer);
  if (size === 2) own.swap16();
  else if (size === 4) own.swap32();
  else if (size === 8) own.swap64();
  return new Tensor(name as "uint8", data, dims);
}

export interface IdxOptions {
  /** The file of labels. Default: the one that MNIST's names give, train-images-idx3-ubyte → train-labels-idx1-ubyte. */
  labels?: string;
  /** What pixels of 8 bits are multiplied by, as float32. Default 1/255: values from 0 to 1. */
  scale?: number;
}

/** Images and their labels. Throws PARE_FILE where either file is none, PARE_SHAPE where they differ in their counts. */
export async function readIdxDataset(images: string, { labels, scale = 1 / 255 }: IdxOptions = {}): Promise<Dataset> {
  const pixels = await readIdx(images);
  const file = labels ?? (await labelsBeside(images));
  const y = file === undefined ? undefined : await readIdx(file);
  if (y && (y.dims.length !== 1 || !/^u?int/.test(y.type)))
    throw new PareError(
      "PARE_FILE",
      `${file!} holds [${y.dims.join(", ")}] ${y.type}; labels are one integer an example.`,
    );
  if (y && y.dims[0] !== pixels.dims[0])
    throw new PareError(
      "PARE_SHAPE",
      `${images} holds ${pixels.dims[0] ?? 0} examples and ${file!} ${y.dims[0]!} labels; they must be as many.`,
    );
  const x =
    pixels.type === "uint8"
      ? new Tensor("float32", await kernels.async.dequantize(pixels.data as Uint8Array, { scale }), pixels.dims)
      : pixels;
  return { x, ...(y ? { y } : {}) };
}

/** The file of labels that belongs to a file of images, by MNIST's names. */
async function labelsBeside(images: string): Promise<string | undefined> {
  const wanted = basename(images)
    .replace(/\.gz$/, "")
    .replace(/images([-.])idx\d/, "labels$1idx1");
  if (wanted === basename(images).replace(/\.gz$/, "")) return undefined;
  const names = await readdir(dirname(images));
  const found = [wanted, `${wanted}.gz`].find((name) => names.includes(name));
  return found === undefined ? undefined : join(dirname(images), found);
}
