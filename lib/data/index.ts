/** Examples for models: readers of files, and batches. */
export { batchesOf, exampleCount, sliceExamples, takeExamples } from "./batch.js";
export type { Batch, Batches, Dataset, Labels } from "./batch.js";
export { csvBatches, readCsv, type CsvOptions } from "./csv.js";
export { decodeIdx, readIdx, readIdxDataset, type IdxOptions } from "./idx.js";
export { joinBatches } from "./join.js";
export { ImageFolder, readImages, type ImageOptions } from "./images.js";
export { decodeNpy, encodeNpy, readNpy, writeNpy } from "./npy.js";
export { decodeNpz, readNpz } from "./npz.js";
export type { PixelOptions } from "./pixels.js";
export { readData, type ReadOptions } from "./read.js";
