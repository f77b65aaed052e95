/** Importance by what the loss would change, to first order, without a weight: Σ(w · ∂loss/∂w)² (Molchanov et al. 2019, arXiv:1906.10771). */
import { PareError } from "../errors.js";
import type { Importance } from "./importance.js";

/** `scores` by name, on data; a model alone has none. */
export const gradientOf = (scores: ReadonlyMap<string, Float32Array>): Importance => ({
  name: "gradient",
  score: ({ name }) => {
    const found = scores.get(name);
    if (found) return new Uint8Array(found.buffer, found.byteOffset, found.byteLength);
    throw new PareError("PARE_OPTION", 'importance "gradient" looks at data; prune step by step, with retrain.');
  },
});

export const gradient = gradientOf(new Map());
