/** Examples for models: readers, and inputs made up from a seed. */
export type { Batch, Batches } from "./batch.js";
export { decodeNpy, readNpy } from "./npy.js";
