/** pare's own engine behind onnxruntime-common's InferenceSession: a plan of native code, one call a run. */
import { Tensor, type InferenceSession as Common, type OnnxValue } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativeResult, NativePlan, TypedArray } from "../binding-types.js";
import { PareError } from "../errors.js";
import { BoundRun } from "./bound-run.js";
import { offLoop } from "../kernels/kernel.js";
import { codeOf, dataTypeOf, type DataType } from "../model/dtype.js";
import { load, type Model } from "../model/index.js";
import { typedArrayOf, Weight } from "../model/weight.js";
import {
  createPlan,
  tensorType,
  type CompileOptions,
  type PlanFace,
  type SessionStats,
  type SharedSession,
  type Variables,
} from "./plan.js";

export interface RunOptions extends Common.RunOptions {
  /** Aborts the run soon, between two of its pieces; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Which outputs: their names, or tensors whose buffers take the results (null: a new one). */
export type Fetches = Common.FetchesType;

/** An InferenceSession as onnxruntime-common describes it, whose `run` computes off the event loop, and `runSync`. */
export class InferenceSession implements Common {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly Common.ValueMetadata[];
  readonly outputMetadata: readonly Common.ValueMetadata[];
  readonly #plan: NativePlan;
  readonly #face: PlanFace;
  readonly #inputs: ReadonlySet<string>;
  #bound: BoundRun | undefined;
  #lastShapes = "";

  /** @internal Sessions come from `compile`, `InferenceSession.create` and `InferenceSession.fromShared`. */
  constructor(source: Model | SharedSession, options: CompileOptions = {}, changing?: Variables, inPlace = false) {
    const { plan, face } =
      "face" in source
        ? { plan: binding.sharedPlan(source.plan), face: source.face }
        : createPlan(source, { ...options, inPlace }, changing, evaluateConstants);
    this.#plan = plan;
    this.#face = face;
    this.inputNames = face.inputs.map(({ name }) => name);
    this.outputNames = face.outputs.map(({ name }) => name);
    this.inputMetadata = face.inputs;
    this.outputMetadata = face.outputs;
    this.#inputs = new Set(face.feedNames);
  }

  /** Loads and compiles a model: its path, or its bytes. ONNX Runtime's own options are taken and mean nothing here, save `intraOpNumThreads` and `externalData`. */
  static async create(
    model: string | ArrayBufferLike | Uint8Array,
    ...rest: (number | (Common.SessionOptions & CompileOptions) | undefined)[]
  ): Promise<InferenceSession> {
    const numbers = rest.filter((one) => typeof one === "number");
    const options = rest.find((one) => typeof one === "object") ?? {};
    const source =
      typeof model === "string" || ArrayBuffer.isView(model)
        ? model
        : new Uint8Array(model, numbers[0] ?? 0, numbers[1]);
    const threads = options.threads ?? (options.intraOpNumThreads === 0 ? undefined : options.intraOpNumThreads);
    const loaded = await load(source, {
      externalData: Object.fromEntries((options.externalData ?? []).map(dataFileOf)),
    });
    return new InferenceSession(loaded, { ...options, ...(threads === undefined ? {} : { threads }) }, undefined, true);
  }

  /**
   * A session of the same plan, weights and all, that another thread made: `share()` there, `postMessage`, this here. The
   * memory is one; runs of all go on at once. Throws PARE_OPTION where no session of the plan is left.
   */
  static fromShared(shared: SharedSession): InferenceSession {
    return new InferenceSession(shared);
  }

  /** What `fromShared` takes in a worker thread; this session must live until that has. */
  share(): SharedSession {
    return { plan: binding.sharePlan(this.#plan), face: this.#face };
  }

  /**
   * Runs the model off the event loop. Feeds are taken as they are when it is called.
   * @param fetches names of outputs, or `{ name: Tensor | null }`: a tensor's buffer takes that result. Default: all.
   */
  run(feeds: Common.FeedsType, options?: RunOptions): Promise<Common.ReturnType>;
  run(feeds: Common.FeedsType, fetches: Fetches, options?: RunOptions): Promise<Common.ReturnType>;
  async run(
    feeds: Common.FeedsType,
    fetchesOrOptions?: Fetches | RunOptions,
    maybeOptions?: RunOptions,
  ): Promise<Common.ReturnType> {
    const [fetches, options] = this.#readArguments(fetchesOrOptions, maybeOptions);
    const { header, arrays } = this.#readFeeds(feeds);
    const outs = this.#readFetches(fetches);
    const raw = await offLoop((call) => binding.runPlan(this.#plan, header, arrays, outs?.buffers, call), {
      ...(this.#face.threads === undefined ? {} : { threads: this.#face.threads }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return this.#makeResults(raw as NativeResult[], outs);
  }

  /** The same, now: for models of microseconds. */
  runSync(feeds: Common.FeedsType, fetches?: Fetches): Common.ReturnType {
    if (this.#bound && !Array.isArray(fetches) && this.#bound.take(feeds)) {
      const results = this.#bound.run(fetches as Common.NullableOnnxValueMapType | undefined);
      if (results) return results;
    }
    const { header, arrays } = this.#readFeeds(feeds);
    this.#bind(header, feeds);
    const outs = this.#readFetches(fetches);
    const raw = binding.runPlan(this.#plan, header, arrays, outs?.buffers, this.#face.threads);
    return this.#makeResults(raw as NativeResult[], outs);
  }

  /** Feeds of these shapes will be copied to where native code looks for them, if they are small. */
  #bind(header: Float64Array, feeds: Common.FeedsType): void {
    const shapes = header.join();
    if (shapes === this.#lastShapes) return;
    this.#unbind();
    this.#lastShapes = shapes;
    const tensors = feeds as Record<string, Tensor>;
    this.#bound = BoundRun.create(
      this.#plan,
      header,
      tensors,
      this.#face.feedNames,
      this.outputNames,
      this.#face.threads,
    );
  }

  #unbind(): void {
    this.#bound?.release();
    this.#bound = undefined;
    this.#lastShapes = "";
  }

  /** Gives the plan's memory back; a run that goes on ends first. The session cannot run afterwards. */
  release(): Promise<void> {
    this.#unbind();
    binding.releasePlan(this.#plan);
    return Promise.resolve();
  }

  /** Gives back the memory that waits for the next run. */
  trim(): void {
    this.#unbind();
    binding.trimPlan(this.#plan);
  }

  /** Begins to count the time of each node, from zero; `stats` tells it. Costs some 50 ns a node. */
  startProfiling(): void {
    binding.profilePlan(this.#plan, true);
  }
  endProfiling(): void {
    binding.profilePlan(this.#plan, false);
  }

  /** What the session made of the model, and where the time of the runs since `startProfiling` went. */
  get stats(): SessionStats {
    const { arenaBytes, runs, nanoseconds } = binding.planStats(this.#plan);
    const nodes = this.#face.nodes.map((node, i) => ({
      ...node,
      milliseconds: nanoseconds[i]! / 1e6 / Math.max(1, runs),
    }));
    return { nodes, fusions: this.#face.fusions, arenaBytes, profiledRuns: runs };
  }

  #readArguments(first?: Fetches | RunOptions, second?: RunOptions): [Fetches | undefined, RunOptions] {
    if (second !== undefined) return [first as Fetches, second];
    if (first === undefined || Array.isArray(first)) return [first as Fetches | undefined, {}];
    const isFetches = Object.entries(first).some(
      ([name, value]) => this.outputNames.includes(name) && (value === null || isTensor(value)),
    );
    return isFetches ? [first as Fetches, {}] : [undefined, first as RunOptions];
  }

  #readFeeds(feeds: Common.FeedsType): { header: Float64Array; arrays: (TypedArray | undefined)[] } {
    for (const name in feeds)
      if (!this.#inputs.has(name))
        throw new PareError(
          "PARE_OPTION",
          `there is no input "${name}"; the model takes ${quoted(this.#face.feedNames)}.`,
        );
    const words: number[] = [];
    const arrays = this.#face.feedNames.map((name) => {
      const feed = feeds[name];
      if (feed === undefined) {
        words.push(-1);
        return undefined;
      }
      if (!isTensor(feed)) throw new PareError("PARE_TYPE", `the input "${name}" must be a Tensor.`);
      if (feed.type === "string")
        throw new PareError("PARE_UNSUPPORTED", `the input "${name}" is a tensor of strings, which pare does not run.`);
      words.push(codeOf(feed.type), feed.dims.length, ...feed.dims);
      return feed.data as TypedArray;
    });
    return { header: Float64Array.from(words), arrays };
  }

  #readFetches(
    fetches: Fetches | undefined,
  ): { wanted: Set<string>; buffers: (TypedArray | undefined)[]; given: Map<string, Tensor> } | undefined {
    if (fetches === undefined) return undefined;
    const given = new Map<string, Tensor>();
    const names = Array.isArray(fetches) ? (fetches as readonly string[]) : Object.keys(fetches);
    for (const name of names) {
      if (!this.outputNames.includes(name))
        throw new PareError(
          "PARE_OPTION",
          `there is no output "${name}"; the model gives ${quoted(this.outputNames)}.`,
        );
      const tensor = Array.isArray(fetches) ? null : (fetches as Common.NullableOnnxValueMapType)[name];
      if (isTensor(tensor)) given.set(name, tensor);
    }
    const buffers = this.outputNames.map((name) => given.get(name)?.data as TypedArray | undefined);
    return { wanted: new Set(names), buffers, given };
  }

  #makeResults(
    raw: NativeResult[],
    outs: { wanted: Set<string>; given: Map<string, Tensor> } | undefined,
  ): Record<string, Tensor> {
    const results: Record<string, Tensor> = {};
    raw.forEach(({ dtype, dims, data }, i) => {
      const name = this.outputNames[i]!;
      if (outs && !outs.wanted.has(name)) return;
      results[name] = outs?.given.get(name) ?? tensorOf(name, dataTypeOf(dtype)!, dims, data!);
    });
    return results;
  }
}

/** Makes a model ready to run: a Model, a path, or bytes. PARE_UNSUPPORTED lists every operator that does not run. */
export async function compile(
  model: Model | string | Uint8Array,
  options: CompileOptions = {},
): Promise<InferenceSession> {
  if (typeof model === "string" || ArrayBuffer.isView(model))
    return new InferenceSession(await load(model), options, undefined, true);
  return new InferenceSession(model, options);
}

/** A data file's name in the model, and its contents. */
function dataFileOf(file: NonNullable<Common.SessionOptions["externalData"]>[number]): [string, Uint8Array] {
  const { path, data } = typeof file === "string" ? { path: file, data: file } : file;
  if (!ArrayBuffer.isView(data) && Object.prototype.toString.call(data) !== "[object ArrayBuffer]")
    throw new PareError(
      "PARE_TYPE",
      `externalData "${path}" must come with its bytes; files beside the model are found.`,
    );
  return [path, data as Uint8Array];
}

/** The results of a model without inputs. */
export function evaluateConstants(model: Model): Map<string, Weight> {
  const session = new InferenceSession(model, { optimize: false });
  const results = session.runSync({}) as Record<string, Tensor>;
  void session.release();
  return new Map(
    Object.entries(results).map(([name, { type, dims, data }]) => [
      name,
      Weight.of(type as DataType, dims, data as TypedArray),
    ]),
  );
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

/** By its shape: a Tensor may come from another copy of onnxruntime-common. */
function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "dims" in value && "data" in value && "type" in value;
}

function tensorOf(name: string, dtype: DataType, dims: readonly number[], data: ArrayBuffer): Tensor {
  return new Tensor(tensorType(name, dtype) as "float32", typedArrayOf(dtype, data) as Float32Array, dims);
}

export type { OnnxValue };

/** The types that onnxruntime-common declares under the same name. */
// eslint-disable-next-line @typescript-eslint/no-namespace -- code for ONNX Runtime says InferenceSession.SessionOptions
export declare namespace InferenceSession {
  export type OnnxValueMapType = Common.OnnxValueMapType;
  export type NullableOnnxValueMapType = Common.NullableOnnxValueMapType;
  export type FeedsType = Common.FeedsType;
  export type FetchesType = Common.FetchesType;
  export type ReturnType = Common.ReturnType;
  export type SessionOptions = Common.SessionOptions;
  export type ExecutionProviderOptionMap = Common.ExecutionProviderOptionMap;
  export type ExecutionProviderName = Common.ExecutionProviderName;
  export type ExecutionProviderConfig = Common.ExecutionProviderConfig;
  export type ExecutionProviderOption = Common.ExecutionProviderOption;
  export type CpuExecutionProviderOption = Common.CpuExecutionProviderOption;
  export type CudaExecutionProviderOption = Common.CudaExecutionProviderOption;
  export type DmlExecutionProviderOption = Common.DmlExecutionProviderOption;
  export type TensorRtExecutionProviderOption = Common.TensorRtExecutionProviderOption;
  export type WebAssemblyExecutionProviderOption = Common.WebAssemblyExecutionProviderOption;
  export type WebGLExecutionProviderOption = Common.WebGLExecutionProviderOption;
  export type XnnpackExecutionProviderOption = Common.XnnpackExecutionProviderOption;
  export type WebGpuExecutionProviderOption = Common.WebGpuExecutionProviderOption;
  export type WebNNExecutionProviderOption = Common.WebNNExecutionProviderOption;
  export type QnnExecutionProviderOption = Common.QnnExecutionProviderOption;
  export type CoreMLExecutionProviderOption = Common.CoreMLExecutionProviderOption;
  export type NnapiExecutionProviderOption = Common.NnapiExecutionProviderOption;
  export type RunOptions = Common.RunOptions;
  export type ValueMetadata = Common.ValueMetadata;
  export type NonTensorValueMetadata = Common.NonTensorValueMetadata;
  export type TensorValueMetadata = Common.TensorValueMetadata;
}
