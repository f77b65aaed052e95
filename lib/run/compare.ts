/** Two models on the same inputs: how far their outputs are apart, and how long each takes. */
import { stat } from "node:fs/promises";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativeComparison } from "../binding-types.js";
import { eachBatch, type Batches } from "../data/batch.js";
import { PareError } from "../errors.js";
import { offLoop } from "../kernels/kernel.js";
import type { LongCall } from "../progress.js";
import { signalToNoise } from "../report/report.js";
import { castTo, floatsOf } from "./casts.js";
import { Comparison, type ModelTiming, type OutputComparison } from "./comparison.js";
import { namedInputs } from "./feeds.js";
import { describeInputs, generateInputs, type InputDescription } from "./inputs.js";
import { measureLatencies } from "./latency.js";
import { runNamed, type Runnable } from "./onnxruntime.js";
import { createSession, nameOf, type RuntimeOptions } from "./runtime.js";

export interface CompareOptions extends LongCall, RuntimeOptions {
  /** What to run on; inputs that it leaves out are generated. Default: generated inputs. */
  data?: Batches;
  /** Sizes of symbolic dimensions, by their name in the model or as "input.axis". Default: 1 for an input's first, else 64. */
  dims?: Record<string, number>;
  /** For generated inputs. Default 0. */
  seed?: number;
  /** Timed runs of each model, in turns, each after one that is not timed; fewer where they take long. Default 20; 0 measures no time. */
  runs?: number;
}

/** One output's sums so far. */
type Sums = NativeComparison & { type: string; dims: readonly number[] };

/**
 * Runs both models on the same inputs, in pare or in onnxruntime-node. Errors: PARE_UNSUPPORTED for a model that the runtime
 * cannot run, PARE_FILE and PARE_MODEL for one that does not load, PARE_SHAPE where inputs or outputs do not match,
 * PARE_OPTION for dims.
 */
export async function compare(a: Runnable, b: Runnable, options: CompareOptions = {}): Promise<Comparison> {
  const { data = { x: {} }, runs = 20, signal, onProgress } = options;
  if (!Number.isInteger(runs) || runs < 0)
    throw new PareError("PARE_OPTION", `runs must be a whole number, 0 for no timing; got ${runs}.`);
  const models = [a, b] as const;
  const sessions: InferenceSession[] = [];
  try {
    for (const model of models) {
      signal?.throwIfAborted();
      sessions.push(await createSession(model, options));
    }
    const [first, second] = sessions as [InferenceSession, InferenceSession];
    const sums = new Map<string, Sums>();
    let batches = 0;
    let feeds: [Record<string, Tensor>, Record<string, Tensor>] | undefined;
    let inputs: InputDescription[] = [];
    for await (const batch of eachBatch(data)) {
      signal?.throwIfAborted();
      const given = generateInputs(first, namedInputs(first, batch), options);
      inputs = describeInputs(given);
      const values = Object.fromEntries(given.map(({ name, tensor }) => [name, tensor]));
      feeds = [castFeeds(first, values, nameOf(a, "a")), castFeeds(second, values, nameOf(b, "b"))];
      const results = [
        await runNamed(first, feeds[0], nameOf(a, "a")),
        await runNamed(second, feeds[1], nameOf(b, "b")),
      ] as const;
      for (const [name, one] of Object.entries(results[0]))
        await addSums(sums, name, one, counterpart(name, results, models), options);
      batches++;
    }
    if (!feeds) throw new PareError("PARE_OPTION", "data holds no batch to run on.");
    const both = feeds;
    const times =
      runs === 0
        ? []
        : await measureLatencies([() => first.run(both[0]), () => second.run(both[1])], {
            turns: runs,
            signal,
            onProgress,
          });
    const sizes = await Promise.all(models.map(bytesOf));
    const timing = (i: 0 | 1): ModelTiming => ({
      name: nameOf(models[i], "ab"[i]!),
      bytes: sizes[i],
      medianMs: times[i]?.medianMs,
      minMs: times[i]?.minMs,
    });
    return new Comparison(inputs, Array.from(sums, summarize), [timing(0), timing(1)], batches);
  } finally {
    for (const session of sessions) await session.release();
  }
}

/** The tensors that this session takes, in its own types: a float16 model takes the same values. */
function castFeeds(session: InferenceSession, values: Record<string, Tensor>, model: string): Record<string, Tensor> {
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      const tensor = values[input.name];
      if (!tensor)
        throw new PareError(
          "PARE_SHAPE",
          `${model} has an input "${input.name}" that the other model lacks (it has ${Object.keys(values).join(", ")}).`,
        );
      return [input.name, input.isTensor ? castTo(tensor, input.type, `input "${input.name}" of ${model}`) : tensor];
    }),
  );
}

/** The same output of the other model: by name, else by place where both have as many. */
function counterpart(
  name: string,
  [first, second]: readonly [Record<string, Tensor>, Record<string, Tensor>],
  [a, b]: readonly [Runnable, Runnable],
): Tensor {
  const names = [Object.keys(first), Object.keys(second)] as const;
  const found =
    second[name] ?? (names[0].length === names[1].length ? second[names[1][names[0].indexOf(name)]!] : undefined);
  const one = first[name]!;
  if (!found)
    throw new PareError("PARE_SHAPE", `${nameOf(b, "b")} has no output "${name}"; it has ${names[1].join(", ")}.`);
  if (found.dims.join() !== one.dims.join())
    throw new PareError(
      "PARE_SHAPE",
      `output "${name}" is [${one.dims.join(", ")}] in ${nameOf(a, "a")} and [${found.dims.join(", ")}] in ${nameOf(b, "b")}.`,
    );
  return found;
}

async function addSums(
  sums: Map<string, Sums>,
  name: string,
  a: Tensor,
  b: Tensor,
  options: CompareOptions,
): Promise<void> {
  if (a.type === "string") return;
  const found = (await offLoop((call) => binding.compare(floatsOf(a), floatsOf(b), call), options)) as NativeComparison;
  const before = sums.get(name);
  const sum = (key: keyof NativeComparison): number => found[key] + (before?.[key] ?? 0);
  sums.set(name, {
    type: a.type,
    dims: a.dims,
    count: sum("count"),
    maxError: Math.max(found.maxError, before?.maxError ?? 0),
    sumError: sum("sumError"),
    sumSquareA: sum("sumSquareA"),
    sumSquareB: sum("sumSquareB"),
    sumSquareError: sum("sumSquareError"),
    dot: sum("dot"),
    nanCount: sum("nanCount"),
  });
}

function summarize([name, sums]: [string, Sums]): OutputComparison {
  const { type, dims, count, nanCount } = sums;
  const norms = Math.sqrt(sums.sumSquareA) * Math.sqrt(sums.sumSquareB);
  return {
    name,
    type,
    dims,
    elements: count + nanCount,
    maxError: sums.maxError,
    meanError: sums.sumError / Math.max(1, count),
    cosine: norms === 0 ? (sums.sumSquareA === sums.sumSquareB ? 1 : 0) : sums.dot / norms,
    snrDb: signalToNoise(sums.sumSquareA, sums.sumSquareError),
    nanCount,
  };
}

async function bytesOf(model: Runnable): Promise<number | undefined> {
  if (typeof model === "string") return (await stat(model)).size;
  return "toBytes" in model ? undefined : model.byteLength;
}
