/** How the values of an array are distributed. */
import { binding } from "../binding.js";
import type { NativeExtent } from "../binding-types.js";
import { PareError } from "../errors.js";
import { requireFloats, type Invocation, type KernelOptions } from "./kernel.js";

/** The smallest and the largest finite value (Infinity and −Infinity where there is none), and how many are not finite. */
export type Extent = NativeExtent;

export interface HistogramOptions extends KernelOptions {
  /** One more than there are bins, ascending and nearly evenly spaced, as `evenEdges` makes them. */
  edges: Float32Array;
}

export const extent = (x: Float32Array, options?: KernelOptions): Invocation<Extent> => {
  requireFloats(x, "x");
  return { options, native: (call) => binding.extent(x, call), result: (raw) => raw as Extent };
};

export const histogram = (x: Float32Array, options: HistogramOptions): Invocation<Float64Array> => {
  requireFloats(x, "x");
  requireFloats(options.edges, "edges");
  return {
    options,
    native: (call) => binding.histogram(x, options.edges, call),
    result: (raw) => new Float64Array(raw as ArrayBuffer),
  };
};

/** Edges of `bins` bins from low to high, in float32 as numpy.histogram spaces them for float32 data. */
export function evenEdges(low: number, high: number, bins: number): Float32Array {
  if (!(Number.isInteger(bins) && bins > 0) || !(high > low))
    throw new PareError("PARE_OPTION", `bins must be one or more, low below high; got ${bins}, ${low} and ${high}.`);
  const first = Math.fround(low);
  const step = Math.fround(Math.fround(Math.fround(high) - first) / bins);
  const edges = Float32Array.from({ length: bins + 1 }, (_, i) => Math.fround(i * step) + first);
  edges[bins] = high;
  return edges;
}
