/** Folders of pictures as batches of tensors, decoded by the optional package sharp: a folder's name is a class. */
import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import type sharpFunction from "sharp";
import { PareError } from "../errors.js";
import { findPackages } from "../packages.js";
import type { Batch } from "./batch.js";
import { normalizer, type PixelOptions } from "./pixels.js";

export interface ImageOptions extends PixelOptions {
  /** Pixels that every picture is brought to. */
  width: number;
  height: number;
  /** How: "cover" cuts what is over (as Resize and CenterCrop do), "contain" fills up with black, "fill" stretches. Default "cover". */
  fit?: "cover" | "contain" | "fill";
  /** Default 32. */
  batchSize?: number;
  /** Folders in the order of their labels. Default: all that there are, sorted; names that are all numbers are the labels. */
  classNames?: readonly string[];
}

const extensions = new Set([".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".avif"]);

/** The pictures of a folder, always in the same order: by class, then by name. Decoded when they are asked for. */
export class ImageFolder implements AsyncIterable<Batch> {
  constructor(
    /** Paths, in order. */
    readonly files: readonly string[],
    /** Of each file; absent where the pictures lie in the folder itself. */
    readonly labels: Int32Array | undefined,
    readonly classNames: readonly string[] | undefined,
    private readonly options: ImageOptions,
  ) {}

  /** Throws PARE_FILE for a picture that cannot be decoded, and where sharp is not installed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    const sharp = loadSharp();
    const { width, height, batchSize = 32 } = this.options;
    const { channels, run, release } = await normalizer(this.options, width, height);
    const size = channels * width * height;
    try {
      for (let start = 0; start < this.files.length; start += batchSize) {
        const files = this.files.slice(start, start + batchSize);
        const pixels = new Uint8Array(files.length * size);
        await Promise.all(
          files.map(async (file, i) => {
            pixels.set(await decode(sharp, file, channels, this.options), i * size);
          }),
        );
        const x = await run(pixels, files.length);
        yield { x, ...(this.labels ? { y: this.labels.subarray(start, start + files.length) } : {}) };
      }
    } finally {
      await release();
    }
  }
}

/** Finds the pictures; a folder inside is a class. Throws PARE_FILE where there are none, PARE_OPTION for options that do not fit. */
export async function readImages(folder: string, options: ImageOptions): Promise<ImageFolder> {
  for (const key of ["width", "height", "batchSize"] as const) {
    const value = options[key] ?? 1;
    if (!Number.isInteger(value) || value < 1)
      throw new PareError("PARE_OPTION", `${key} must be a whole number of at least 1; got ${value}.`);
  }
  const inside = await list(folder);
  const found = inside.folders.sort();
  const own = inside.files;
  if (found.length === 0) {
    if (own.length === 0)
      throw new PareError("PARE_FILE", `${folder} holds no pictures (${[...extensions].join(", ")}).`);
    return new ImageFolder(own, undefined, options.classNames, options);
  }
  const names = options.classNames ?? classesOf(found);
  const files: string[] = [];
  const labels: number[] = [];
  for (const name of names.filter((one) => found.includes(one)))
    for (const file of (await list(join(folder, name))).files) {
      files.push(file);
      labels.push(names.indexOf(name));
    }
  const unknown = found.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new PareError(
      "PARE_OPTION",
      `${folder} has folders that classNames lacks: ${unknown.slice(0, 5).join(", ")}.`,
    );
  if (files.length === 0) throw new PareError("PARE_FILE", `${folder} holds no pictures in its folders.`);
  return new ImageFolder(files, Int32Array.from(labels), names, options);
}

/** Sorted names; numbers stand in their own places, so that 10 does not come before 2. */
function classesOf(folders: readonly string[]): string[] {
  const numbers = folders.map(Number);
  if (!folders.every((name) => /^\d{1,5}$/.test(name))) return [...folders];
  const names = Array.from({ length: Math.max(...numbers) + 1 }, (_, i) => String(i));
  folders.forEach((name, i) => (names[numbers[i]!] = name));
  return names;
}

async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such folder" : code === "ENOTDIR" ? "this is no folder" : message;
    throw new PareError("PARE_FILE", `${folder}: ${reason}.`, { cause: error });
  });
  const seen = entries.filter(({ name }) => !name.startsWith("."));
  return {
    folders: seen.filter((entry) => entry.isDirectory()).map(({ name }) => name),
    files: seen
      .filter((entry) => !entry.isDirectory() && extensions.has(extname(entry.name).toLowerCase()))
      .map(({ name }) => join(folder, name))
      .sort(),
  };
}

type SharpFunction = typeof sharpFunction;

function loadSharp(): SharpFunction {
  return createRequire(__filename)(findPackages("reading pictures", ["sharp"]).sharp) as SharpFunction;
}

/** Pixels in rows, `channels` bytes each. */
async function decode(
  sharp: SharpFunction,
  file: string,
  channels: 1 | 3,
  { width, height, fit = "cover" }: ImageOptions,
): Promise<Uint8Array> {
  try {
    const image = sharp(file, { failOn: "error" })
      .rotate() // as the camera was held
      .resize(width, height, { fit, background: "black" })
      .flatten({ background: "black" })
      .toColourspace(channels === 1 ? "b-w" : "srgb");
    const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
    if (info.channels !== channels) throw new Error(`it decodes to ${info.channels} channels instead of ${channels}`);
    return data;
  } catch (error) {
    throw new PareError("PARE_FILE", `${file} cannot be decoded: ${(error as Error).message.split("\n")[0]!}.`, {
      cause: error,
    });
  }
}
