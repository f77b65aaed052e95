/** What calibration remembers of an activation: its extremes, and a histogram that grows with what it sees. */
import type { Extent } from "../../kernels/index.js";
import { kernels } from "../../kernels/index.js";
import { evenEdges } from "../../kernels/histogram.js";
import type { LongCall } from "../../progress.js";

/** Counts of values between edges that lie evenly from −threshold to threshold. */
export interface Histogram {
  counts: Float64Array;
  edges: Float32Array;
  threshold: number;
}

/** The most bins that a histogram grows to; beyond, pairs of bins become one. */
const mostBins = 1 << 13;

export class Observer {
  readonly name: string;
  /** Of all batches; of the averages over batches where asked for. */
  low = Infinity;
  high = -Infinity;
  /** Values seen, and those among them that are NaN or infinite. */
  count = 0;
  nonFinite = 0;
  histogram: Histogram | undefined;
  readonly #bins: number;
  readonly #average: boolean;
  readonly #lows: number[] = [];
  readonly #highs: number[] = [];

  /** @param bins of the histogram; 0: extremes alone. @param average extremes are means over the batches. */
  constructor(name: string, { bins, average }: { bins: number; average: boolean }) {
    this.name = name;
    this.#bins = bins;
    this.#average = average;
  }

  /** Takes in the values of a batch. */
  async add(values: Float32Array, call: Pick<LongCall, "threads" | "signal">): Promise<void> {
    const extent = await kernels.async.extent(values, call);
    this.count += values.length;
    this.nonFinite += extent.nanCount + extent.infiniteCount;
    if (extent.low > extent.high) return;
    this.#addExtent(extent);
    if (this.#bins > 0) await this.#addHistogram(values, extent, call);
  }

  #addExtent({ low, high }: Extent): void {
    if (!this.#average) {
      this.low = Math.min(this.low, low);
      this.high = Math.max(this.high, high);
      return;
    }
    this.#lows.push(low);
    this.#highs.push(high);
    this.low = mean(this.#lows);
    this.high = mean(this.#highs);
  }

  /** As HistogramCollector.collect_value and merge_histogram of onnxruntime.quantization, in float32. */
  async #addHistogram(
    values: Float32Array,
    { low, high }: Extent,
    call: Pick<LongCall, "threads" | "signal">,
  ): Promise<void> {
    const threshold = Math.max(Math.abs(low), Math.abs(high));
    const old = this.histogram;
    const grown = old ? grow(old, threshold) : fresh(this.#bins, threshold);
    const counts = await kernels.async.histogram(values, { ...call, edges: grown.edges });
    for (let i = 0; i < counts.length; i++) counts[i]! += grown.counts[i]!;
    this.histogram = { ...grown, counts };
  }
}

/** An empty histogram; of zeros alone, numpy's from −0.5 to 0.5. */
function fresh(bins: number, threshold: number): Histogram {
  const [low, high] = threshold > 0 ? [-threshold, threshold] : [-0.5, 0.5];
  return { counts: new Float64Array(bins), edges: evenEdges(low, high, bins), threshold };
}

/** The same counts within edges that reach the threshold at least. */
function grow(old: Histogram, threshold: number): Histogram {
  if (threshold <= old.threshold) return old;
  if (old.threshold === 0) {
    const { edges } = fresh(old.counts.length, threshold);
    const zeros = old.counts.reduce((sum, count) => sum + count, 0);
    const counts = new Float64Array(old.counts.length);
    counts[counts.length >> 1] = zeros;
    return { counts, edges, threshold };
  }
  const bins = old.counts.length;
  const stride = Math.fround(Math.fround(2 * old.threshold) / bins);
  const half = Math.floor(Math.fround(Math.fround(threshold - old.threshold) / stride)) + 1;
  if (bins + 2 * half > mostBins && bins % 4 === 0) return grow(halved(old), threshold);
  const reached = Math.fround(Math.fround(half * stride) + old.threshold);
  const counts = new Float64Array(bins + 2 * half);
  counts.set(old.counts, half);
  return { counts, edges: evenEdges(-reached, reached, counts.length), threshold: reached };
}

/** Half as many bins, each twice as wide. */
function halved({ counts, threshold }: Histogram): Histogram {
  const bins = counts.length / 2;
  const sums = Float64Array.from({ length: bins }, (_, i) => counts[2 * i]! + counts[2 * i + 1]!);
  return { counts: sums, edges: evenEdges(-threshold, threshold, bins), threshold };
}

const mean = (values: readonly number[]): number =>
  Math.fround(values.reduce((sum, value) => sum + value, 0) / values.length);
