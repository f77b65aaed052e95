/** How far a quantized model is from the float one: its outputs, and every activation that became integers. */
import type { Tensor } from "onnxruntime-common";
import { eachBatch, type Batches } from "../../data/batch.js";
import { binding } from "../../binding.js";
import type { NativeComparison } from "../../binding-types.js";
import { kernels } from "../../kernels/index.js";
import { offLoop } from "../../kernels/kernel.js";
import type { Model } from "../../model/index.js";
import type { LongCall } from "../../progress.js";
import { signalToNoise, type ActivationReport } from "../../report/index.js";
import { compile, type InferenceSession } from "../../run/index.js";
import { feedsOf, groupsOf, withOutputs } from "./calibration.js";

/** Where the integers of an activation stand in the quantized model. */
export interface IntegerValue {
  data: string;
  scaleName: string;
  zeroPointName: string;
}

type Call = Pick<LongCall, "threads" | "signal">;

/** Batches to measure on, and what the float model answers; kept in memory. */
export class Reference {
  readonly #model: Model;
  readonly #call: Call;
  readonly #feeds: Record<string, Tensor>[] = [];
  #answers: Record<string, Tensor>[] = [];

  private constructor(model: Model, call: Call) {
    this.#model = model;
    // The caller may hand in more options than these.
    this.#call = {
      ...(call.threads === undefined ? {} : { threads: call.threads }),
      ...(call.signal && { signal: call.signal }),
    };
  }

  /** Runs the float model on the first batches of the data. */
  static async create(model: Model, data: Batches, mostBatches: number, call: Call): Promise<Reference> {
    const reference = new Reference(model, call);
    for await (const batch of eachBatch(data)) {
      reference.#feeds.push(feedsOf(model, batch));
      if (reference.#feeds.length === mostBatches) break;
    }
    reference.#answers = await reference.#run(model);
    return reference;
  }

  get batches(): number {
    return this.#feeds.length;
  }

  /** Signal-to-noise ratio of another model's float32 outputs, all together. */
  async outputsSnrDb(model: Model): Promise<number> {
    let signal = 0;
    let noise = 0;
    for (const [i, answers] of (await this.#run(model)).entries())
      for (const [name, wanted] of Object.entries(this.#answers[i]!)) {
        if (wanted.type !== "float32") continue;
        const sums = await difference(wanted, answers[name]!, this.#call);
        signal += sums.sumSquareA;
        noise += sums.sumSquareError;
      }
    return signalToNoise(signal, noise);
  }

  /** Compares each activation on the first batch with what its integers stand for. */
  async activations(model: Model, integers: ReadonlyMap<string, IntegerValue>): Promise<ActivationReport[]> {
    const rows: ActivationReport[] = [];
    const [feeds] = this.#feeds;
    if (!feeds) return rows;
    const names = [...integers.keys()].filter((name) => this.#model.graph.defines(name));
    for (const group of groupsOf(this.#model, names, feeds)) {
      const floats = await runOnce(withOutputs(this.#model, group), feeds, this.#call);
      const types = model.inferShapes();
      const wanted = group.map((name) => integers.get(name)!.data);
      const made = await runOnce(
        withOutputs(model, wanted, (name) => types.get(name)?.dtype),
        feeds,
        this.#call,
      );
      for (const name of group) {
        const { data, scaleName, zeroPointName } = integers.get(name)!;
        const [x, q] = [floats[name], made[data]];
        if (x?.type !== "float32" || q?.data.length !== x.data.length || x.data.length === 0) continue;
        const scale = model.graph.weight(scaleName)!.toFloats()[0]!;
        const zeroPoint = model.graph.weight(zeroPointName)!.toFloats()[0]!;
        const values = await kernels.async.dequantize(q.data as Int8Array, { scale, zeroPoint, ...this.#call });
        const { snrDb, cosine } = await kernels.async.compare(x.data as Float32Array, values, this.#call);
        const op = this.#model.graph.producer(name)?.opType ?? "";
        rows.push({ name, op, scale, zeroPoint, snrDb, cosine });
      }
    }
    return rows;
  }

  async #run(model: Model): Promise<Record<string, Tensor>[]> {
    const session = await open(model, this.#call);
    const results = [];
    try {
      for (const feeds of this.#feeds) results.push(await run(session, feeds, this.#call));
      return results;
    } finally {
      await session.release();
    }
  }
}

function open(model: Model, { threads }: Call): Promise<InferenceSession> {
  return compile(model, threads === undefined ? {} : { threads });
}

async function run(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  { signal }: Call,
): Promise<Record<string, Tensor>> {
  return await session.run(feeds, signal ? { signal } : {});
}

async function runOnce(model: Model, feeds: Record<string, Tensor>, call: Call): Promise<Record<string, Tensor>> {
  const session = await open(model, call);
  try {
    return await run(session, feeds, call);
  } finally {
    await session.release();
  }
}

async function difference(a: Tensor, b: Tensor, call: Call): Promise<NativeComparison> {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  return (await offLoop((options) => binding.compare(x, y, options), call)) as NativeComparison;
}
