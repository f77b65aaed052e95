/** Importance by lot: the baseline that every other importance should beat. */
import { kernels } from "../kernels/index.js";
import { allocateBytes } from "../model/index.js";
import type { Importance } from "./importance.js";

export const random: Importance = {
  name: "random",
  // One stream of numbers a tensor: the lots in one do not depend on the others.
  score: ({ values, index, seed, ...call }) =>
    kernels.async.randomScores({
      seed,
      stream: index,
      count: values.byteLength / 4,
      out: new Float32Array(allocateBytes(values.byteLength).buffer),
      ...call,
    }),
};
