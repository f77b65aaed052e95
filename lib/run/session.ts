/** pare's own engine behind onnxruntime-common's InferenceSession: a plan of native code, one call a run. */
import { Tensor, type InferenceSession as Common, type OnnxValue } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativeResult, NativePlan, TypedArray } from "../binding-types.js";
import { PareError } from "../errors.js";
import { BoundRun } from "./bound-run.js";
import { offLoop } from "../kernels/kernel.js";
import { describe } from "../model/describe.js";
import { codeOf, dataTypeOf, type DataType } from "../model/dtype.js";
import { load, type Model } from "../model/index.js";
import type { Value } from "../model/value.js";
import { typedArrayOf, Weight } from "../model/weight.js";
import { canonical } from "../rewrite/canonical.js";
import type { FusionOptions, FusionOutcome } from "../rewrite/fusion/index.js";

export interface CompileOptions {
  /** Threads of a run; default: `PARE_THREADS`, else the processors that this process may use. */
  threads?: number;
  /** Whether nodes are fused and constants computed ahead; `without` leaves fusions out by name. Default true. */
  optimize?: boolean | FusionOptions;
  /** Bytes; a run that would take more is refused (PARE_MEMORY) before it takes any. Default: three quarters of the memory. */
  memoryLimit?: number;
}

/** What training compiles with beside the options. */
export interface Variables {
  /** Initializers that runs change in their own bytes, which other sessions may share. */
  variables: readonly string[];
  /** Values that become those of variables after a run: [value, variable]. */
  updates?: readonly (readonly [string, string])[];
}

export interface RunOptions extends Common.RunOptions {
  /** Aborts the run soon, between two of its pieces; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A node of the model as it runs. */
export interface NodeStats {
  name: string;
  op: string;
  /** Empty for ONNX's own operators. */
  domain: string;
  outputs: readonly string[];
  /** Mean of the profiled runs. 0 for what costs nothing: views, and what shapes alone tell. */
  milliseconds: number;
}

export interface SessionStats {
  /** In the order in which they run. */
  nodes: readonly NodeStats[];
  /** What became of every place where nodes might be fused. */
  fusions: readonly FusionOutcome[];
  /** Memory of one run at the latest shapes, beside weights, feeds and results; 0 before the first run. */
  arenaBytes: number;
  profiledRuns: number;
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
  readonly #threads: number | undefined;
  /** Everything that may be fed, in the plan's order: inputs, and initializers that a feed overrides. */
  readonly #feedNames: readonly string[];
  readonly #inputs: ReadonlySet<string>;
  readonly #nodes: readonly Omit<NodeStats, "milliseconds">[];
  readonly #fusions: readonly FusionOutcome[];
  #bound: BoundRun | undefined;
  #lastShapes = "";

  /** @internal Sessions come from `compile` and `InferenceSession.create`. */
  constructor(model: Model, { threads, memoryLimit, optimize = true }: CompileOptions = {}, changing?: Variables) {
    // Variables are not to be folded, nor their names lost.
    const { model: compiled, outcomes } =
      optimize === false || changing
        ? { model, outcomes: [] }
        : canonical(model, evaluateConstants, optimize === true ? {} : optimize);
    const { words, strings, bytes, scopes } = describe(compiled, "all");
    const numberOf = (name: string): number => scopes.get(compiled.graph)!.get(name)!;
    this.#plan = binding.createPlan(words, strings, bytes, {
      ...(threads === undefined ? {} : { threads }),
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
      ...(changing && {
        variables: Int32Array.from(changing.variables, numberOf),
        updates: Int32Array.from((changing.updates ?? []).flat(), numberOf),
      }),
    });
    this.#threads = threads;
    const { inputs, outputs } = model.graph;
    // As in ONNX Runtime, an input that has a value already is not listed, and may still be fed.
    const needed = inputs.filter(({ name }) => !model.graph.weight(name));
    this.inputNames = needed.map(({ name }) => name);
    this.outputNames = outputs.map(({ name }) => name);
    this.inputMetadata = needed.map(metadataOf);
    this.outputMetadata = outputs.map(metadataOf);
    // Of the plan: old files list every weight as an input, and newer operators end that.
    this.#feedNames = compiled.graph.inputs.map(({ name }) => name);
    this.#inputs = new Set(this.#feedNames);
    this.#fusions = outcomes;
    this.#nodes = compiled.graph.nodes.map(({ name, opType: op, domain, outputs }) => ({ name, op, domain, outputs }));
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
    return compile(loaded, { ...options, ...(threads === undefined ? {} : { threads }) });
  }

  /**
   * Runs the model off the event loop. Buffers of feeds must not change meanwhile.
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
      ...(this.#threads === undefined ? {} : { threads: this.#threads }),
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
    const raw = binding.runPlan(this.#plan, header, arrays, outs?.buffers, this.#threads);
    return this.#makeResults(raw as NativeResult[], outs);
  }

  /** Feeds of these shapes will be copied to where native code looks for them, if they are small. */
  #bind(header: Float64Array, feeds: Common.FeedsType): void {
    const shapes = header.join();
    if (shapes === this.#lastShapes) return;
    this.#lastShapes = shapes;
    const tensors = feeds as Record<string, Tensor>;
    this.#bound = BoundRun.create(this.#plan, header, tensors, this.#feedNames, this.outputNames, this.#threads);
  }

  /** Gives the plan's memory back; a run that goes on ends first. The session cannot run afterwards. */
  release(): Promise<void> {
    this.#bound = undefined;
    binding.releasePlan(this.#plan);
    return Promise.resolve();
  }

  /** Gives back the memory that waits for the next run. */
  trim(): void {
    this.#bound = undefined;
    this.#lastShapes = "";
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
    const nodes = this.#nodes.map((node, i) => ({ ...node, milliseconds: nanoseconds[i]! / 1e6 / Math.max(1, runs) }));
    return { nodes, fusions: this.#fusions, arenaBytes, profiledRuns: runs };
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
        throw new PareError("PARE_OPTION", `there is no input "${name}"; the model takes ${quoted(this.#feedNames)}.`);
    const words: number[] = [];
    const arrays = this.#feedNames.map((name) => {
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
  return new InferenceSession(
    typeof model === "string" || ArrayBuffer.isView(model) ? await load(model) : model,
    options,
  );
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
  const results = new InferenceSession(model, { optimize: false }).runSync({}) as Record<string, Tensor>;
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

function metadataOf({ name, dtype, dims }: Value): Common.ValueMetadata {
  if (dtype === undefined) return { name, isTensor: false };
  return { name, isTensor: true, type: tensorType(name, dtype), shape: (dims ?? []).map((dim) => dim ?? "") };
}

function tensorType(name: string, dtype: DataType): Tensor.Type {
  if (dtype === "bfloat16" || dtype.startsWith("float8") || dtype === "float4e2m1" || dtype.startsWith("complex"))
    throw new PareError("PARE_UNSUPPORTED", `"${name}" is ${dtype}, which no Tensor holds; Cast it in the model.`);
  return dtype as Tensor.Type;
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
