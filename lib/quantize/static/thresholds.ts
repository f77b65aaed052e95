/** From what was observed of an activation to the range that its integers cover. */
import { PareError } from "../../errors.js";
import type { Histogram, Observer } from "./observer.js";

export const calibrationMethods = ["minmax", "entropy", "percentile", "mse"] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/** What integers cover; both ends are float32. */
export interface Range {
  low: number;
  high: number;
}

export interface ThresholdOptions {
  method: CalibrationMethod;
  /** "percentile": percents of the values that lie within. */
  percentile: number;
  /** "entropy": bins that a distribution is squeezed into. */
  quantizedBins: number;
  /** Steps between the ends of a range: 255 for eight bits. */
  steps: number;
  /** Ranges lie evenly around zero. "percentile": the same share of |x| is cut, as onnxruntime.quantization does. */
  symmetric: boolean;
}

/** @throws PareError PARE_OPTION where no finite value was seen. */
export function rangeOf(observer: Observer, options: ThresholdOptions): Range {
  const { name, low, high, histogram, count } = observer;
  if (low > high)
    throw new PareError(
      "PARE_OPTION",
      count === 0
        ? `the activation "${name}" had no elements on any batch of the calibration data.`
        : `the activation "${name}" had no finite value on the calibration data, only NaN and infinities (${count} of them).`,
    );
  const chosen = histogram ? choose(histogram, options) : { low, high };
  // Clipping never widens.
  const within = { low: Math.max(chosen.low, low), high: Math.min(chosen.high, high) };
  if (!options.symmetric || options.method === "percentile") return within;
  const largest = Math.max(Math.abs(within.low), Math.abs(within.high));
  return { low: -largest, high: largest };
}

function choose(histogram: Histogram, options: ThresholdOptions): Range {
  switch (options.method) {
    case "percentile":
      return options.symmetric ? symmetricPercentile(histogram, options) : percentileRange(histogram, options);
    case "entropy":
      return entropyRange(histogram, options);
    case "mse":
      return leastSquares(histogram, options);
    case "minmax":
      return { low: -Infinity, high: Infinity };
  }
}

/** The first index whose running share reaches `share`; the last one where rounding keeps it below. */
function firstAt(counts: Float64Array | readonly number[], share: number): number {
  let total = 0;
  for (const count of counts) total += count;
  let sum = 0;
  for (const [i, count] of counts.entries()) {
    sum += count / total;
    if (sum >= share) return i;
  }
  return counts.length;
}

function percentileRange({ counts, edges }: Histogram, { percentile }: ThresholdOptions): Range {
  const cut = (100 - percentile) / 200;
  return { low: edges[firstAt(counts, cut)]!, high: edges[firstAt(counts, 1 - cut)]! };
}

function symmetricPercentile({ counts, edges }: Histogram, { percentile }: ThresholdOptions): Range {
  const middle = counts.length >> 1;
  const folded = Array.from({ length: middle }, (_, i) => counts[middle + i]! + counts[middle - 1 - i]!);
  const high = edges[middle + firstAt(folded, percentile / 100)]!;
  return { low: -high, high };
}

/**
 * The range whose clipped distribution keeps the most of what the whole one says (least Kullback-Leibler divergence) when
 * squeezed into `quantizedBins`: HistogramCollector.get_entropy_threshold of onnxruntime.quantization, after Migacz, 8-bit
 * inference with TensorRT (2017).
 */
function entropyRange({ counts, edges }: Histogram, { quantizedBins }: ThresholdOptions): Range {
  const bins = counts.length;
  const middle = bins >> 1;
  let best: Range = { low: edges[0]!, high: edges[bins]! };
  let least = Infinity;
  for (let i = quantizedBins >> 1; i <= middle; i++) {
    const start = middle - i;
    const end = Math.min(middle + i + 1, bins);
    const divergence = divergenceOf(counts, start, end, quantizedBins);
    if (divergence < least || i === quantizedBins >> 1) {
      least = divergence;
      best = { low: edges[start]!, high: edges[end]! };
    }
  }
  return best;
}

/** What an empty bin gets of the others' counts, so that logarithms are finite. */
const little = 1e-4;

/**
 * Σ p log(p / q) of the counts of bins [start, end), those beyond added to the ends, against the same squeezed into fewer
 * bins and spread again. Both are smoothed first, which leaves their sums as they are.
 */
function divergenceOf(counts: Float64Array, start: number, end: number, quantizedBins: number): number {
  const size = end - start;
  const merged = Math.floor(size / quantizedBins);
  const p = counts.slice(start, end);
  for (let i = 0; i < start; i++) p[0]! += counts[i]!;
  for (let i = end; i < counts.length; i++) p[size - 1]! += counts[i]!;
  let empty = 0;
  let all = 0;
  for (const count of p) {
    all += count;
    if (count === 0) empty++;
  }
  if (empty === size) return Infinity;
  const less = (little * empty) / (size - empty);
  const emptyTerm = little * Math.log(little);
  // Of each squeezed bin: its value once spread, and the smoothed counts that it stands for.
  const spread = new Float64Array(quantizedBins + 1);
  const stoodFor = new Float64Array(quantizedBins + 1);
  let entropy = 0;
  let allSpread = 0;
  let emptySpread = size - quantizedBins * merged;
  for (let bin = 0; bin <= quantizedBins; bin++) {
    const isRest = bin === quantizedBins;
    const to = isRest ? size : (bin + 1) * merged;
    let sum = 0;
    let filled = 0;
    for (let i = bin * merged; i < to; i++) {
      const count = p[i]!;
      sum += counts[start + i]!;
      if (count === 0) {
        stoodFor[bin]! += little;
        entropy += emptyTerm;
      } else {
        filled++;
        stoodFor[bin]! += count - less;
        entropy += (count - less) * Math.log(count - less);
      }
    }
    if (isRest) break;
    // What does not divide evenly counts for the last bin, and is not spread.
    if (bin === quantizedBins - 1) for (let i = to; i < size; i++) sum += counts[start + i]!;
    spread[bin] = filled > 0 ? Math.trunc(sum / filled) : 0;
    allSpread += spread[bin]! * merged;
    if (spread[bin] === 0) emptySpread += merged;
  }
  if (emptySpread === size) return Infinity;
  const lessSpread = (little * emptySpread) / (size - emptySpread);
  let cross = 0;
  for (const [bin, value] of spread.entries())
    cross += stoodFor[bin]! * Math.log(value === 0 ? little : value - lessSpread);
  return (entropy - cross) / all - Math.log(all) + Math.log(allSpread);
}

/** Candidates for each end of the range. */
const candidates = 100;

/**
 * The range of the least squared error: rounding costs step²/12 for each value within, clipping the squared distance for
 * each beyond. Both ends are tried at every hundredth of the way from zero.
 */
function leastSquares({ counts, edges }: Histogram, { steps, symmetric }: ThresholdOptions): Range {
  const bins = counts.length;
  // Running sums of 1, x and x² over the bins' middles.
  const sums = [0, 1, 2].map(() => new Float64Array(bins + 1));
  for (let i = 0; i < bins; i++) {
    const x = (edges[i]! + edges[i + 1]!) / 2;
    sums.forEach((sum, power) => (sum[i + 1] = sum[i]! + counts[i]! * x ** power));
  }
  const [ones, firsts, squares] = sums as [Float64Array, Float64Array, Float64Array];
  /** Σ (x − end)² of bins [from, to). */
  const beyond = (end: number, from: number, to: number): number =>
    squares[to]! - squares[from]! - 2 * end * (firsts[to]! - firsts[from]!) + end * end * (ones[to]! - ones[from]!);
  const used = [...counts.keys()].filter((i) => counts[i]! > 0);
  const low = Math.min(0, edges[used[0] ?? 0]!);
  const high = Math.max(0, edges[(used.at(-1) ?? bins - 1) + 1]!);
  const width = edges[1]! - edges[0]!;
  const binOf = (x: number): number => Math.min(bins, Math.max(0, Math.round((x - edges[0]!) / width)));
  let best = { low, high };
  let least = Infinity;
  const steps100 = Array.from({ length: candidates }, (_, i) => (i + 1) / candidates);
  const largest = Math.max(-low, high);
  const ranges = symmetric
    ? steps100.map((share) => ({ low: -share * largest, high: share * largest }))
    : (low === 0 ? [1] : steps100).flatMap((below) =>
        (high === 0 ? [1] : steps100).map((above) => ({ low: low * below, high: high * above })),
      );
  for (const range of ranges) {
    const [from, to] = [binOf(range.low), binOf(range.high)];
    const step = (range.high - range.low) / steps;
    const error =
      beyond(range.low, 0, from) + beyond(range.high, to, bins) + ((step * step) / 12) * (ones[to]! - ones[from]!);
    if (error < least) [best, least] = [range, error];
  }
  return { low: Math.fround(best.low), high: Math.fround(best.high) };
}
