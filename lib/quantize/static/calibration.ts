/** Running a model on the user's data, and watching its activations, in memory that does not grow with the data. */
import type { Tensor } from "onnxruntime-common";
import { eachBatch, type Batch, type Batches } from "../../data/batch.js";
import { PareError } from "../../errors.js";
import type { DataType, Model } from "../../model/index.js";
import { valueInfo } from "../../model/value.js";
import type { LongCall } from "../../progress.js";
import { namedInputs } from "../../run/feeds.js";
import { compile, type InferenceSession } from "../../run/index.js";
import { Observer } from "./observer.js";
import { rangeOf, type Range, type ThresholdOptions } from "./thresholds.js";

export interface CalibrationOptions extends LongCall, ThresholdOptions {
  /** Bins that a histogram begins with. */
  bins: number;
  /** "minmax": the ends of the range are means over the batches. */
  movingAverage: boolean;
}

export interface Calibration {
  ranges: Map<string, Range>;
  batches: number;
  /** Activations in which NaN or infinities were met, and how many. */
  nonFinite: Map<string, number>;
}

/** Bytes of activations that one run hands out; more than that are watched in several runs of a batch. */
const bytesAtOnce = 2 ** 28;

/**
 * Observes float32 values of the model's main graph on every batch.
 * @throws PareError PARE_OPTION for data without a batch, what a session says of inputs that do not fit.
 */
export async function calibrate(
  model: Model,
  names: readonly string[],
  data: Batches,
  options: CalibrationOptions,
): Promise<Calibration> {
  const { method, bins, movingAverage, threads, signal, onProgress } = options;
  const call = { ...(threads === undefined ? {} : { threads }), ...(signal === undefined ? {} : { signal }) };
  const settings = { bins: method === "minmax" ? 0 : bins, average: method === "minmax" && movingAverage };
  const observers = new Map(names.map((name) => [name, new Observer(name, settings)]));
  const inputs = new Set(model.graph.inputs.map(({ name }) => name));
  let sessions: InferenceSession[] | undefined;
  let batches = 0;
  try {
    for await (const batch of eachBatch(data)) {
      signal?.throwIfAborted();
      onProgress?.({ done: batches, total: Math.max(batches + 1, 1), what: "calibrating" });
      const feeds = feedsOf(model, batch);
      sessions ??= await open(model, groupsOf(model, names, feeds), call);
      for (const name of names) if (inputs.has(name)) await watch(observers.get(name)!, feeds[name], call);
      for (const session of sessions) {
        const results = await session.run(feeds, signal ? { signal } : {});
        for (const name of session.outputNames) {
          const observer = observers.get(name);
          if (observer) await watch(observer, results[name], call);
        }
      }
      batches++;
    }
  } finally {
    for (const session of sessions ?? []) await session.release();
  }
  if (batches === 0)
    throw new PareError("PARE_OPTION", "calibration data holds no batch; static quantization needs one at least.");
  const all = [...observers.values()];
  return {
    ranges: new Map(all.map((observer) => [observer.name, rangeOf(observer, options)])),
    batches,
    nonFinite: new Map(all.filter(({ nonFinite }) => nonFinite > 0).map(({ name, nonFinite }) => [name, nonFinite])),
  };
}

async function watch(observer: Observer, tensor: Tensor | undefined, call: Pick<LongCall, "threads" | "signal">) {
  if (tensor?.type !== "float32" || tensor.data.length === 0) return;
  await observer.add(tensor.data as Float32Array, call);
}

/** The batch's tensors by input name; refuses a batch that lacks one. */
export function feedsOf(model: Model, batch: Batch): Record<string, Tensor> {
  const names = model.graph.inputs.map(({ name }) => name).filter((name) => !model.graph.isOverridable(name));
  const feeds = namedInputs({ inputNames: names }, batch);
  for (const name of names)
    if (feeds[name] === undefined)
      throw new PareError(
        "PARE_OPTION",
        `a batch of the data lacks the input "${name}"; it has ${Object.keys(feeds).join(", ") || "none"}.`,
      );
  return feeds;
}

/** A copy of the model that hands out these values as well; their type is float32 unless `dtypeOf` says otherwise. */
export function withOutputs(
  model: Model,
  names: readonly string[],
  dtypeOf: (name: string) => DataType | undefined = () => "float32",
): Model {
  const copy = model.clone();
  const { graph } = copy;
  for (const name of names) if (!graph.isOutput(name)) graph.addOutput(name, dtypeOf(name) ?? "float32");
  return copy;
}

async function open(
  model: Model,
  groups: readonly (readonly string[])[],
  call: Pick<LongCall, "threads">,
): Promise<InferenceSession[]> {
  const sessions = [];
  for (const group of groups)
    sessions.push(
      await compile(withOutputs(model, group), call.threads === undefined ? {} : { threads: call.threads }),
    );
  return sessions;
}

/** Values that fit memory together, by what shape inference says of this batch. */
export function groupsOf(model: Model, names: readonly string[], feeds: Record<string, Tensor>): string[][] {
  const sized = model.clone();
  for (const input of sized.graph.proto.input) {
    const feed = feeds[input.name];
    if (feed) input.type = valueInfo(input.name, feed.type, feed.dims).type!;
  }
  sized.changed();
  const shapes = shapesOf(sized);
  const groups: string[][] = [[]];
  let bytes = 0;
  for (const name of names) {
    if (model.graph.inputs.some((input) => input.name === name)) continue;
    const size = (shapes.get(name)?.dims ?? []).reduce<number>((all, dim) => all * (Number(dim) || 1), 4);
    if (bytes > 0 && bytes + size > bytesAtOnce) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(name);
    bytes += size;
  }
  return groups;
}

/** Nothing where the batch does not fit: the session says so better. */
function shapesOf(model: Model): ReadonlyMap<string, { dims?: readonly unknown[] }> {
  try {
    return model.inferShapes();
  } catch {
    return new Map();
  }
}
