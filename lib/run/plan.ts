/** A model made a plan of native code, and what a session shows of it. */
import type { InferenceSession as Common, Tensor } from "onnxruntime-common";
import { binding } from "../binding.js";
import type { NativePlan } from "../binding-types.js";
import { PareError } from "../errors.js";
import { describe } from "../model/describe.js";
import type { DataType } from "../model/dtype.js";
import type { Model } from "../model/index.js";
import type { Value } from "../model/value.js";
import { canonical } from "../rewrite/canonical.js";
import type { Evaluate } from "../rewrite/fold.js";
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

/** What a session shows of its plan. */
export interface PlanFace {
  inputs: readonly Common.ValueMetadata[];
  outputs: readonly Common.ValueMetadata[];
  /** Everything that may be fed, in the plan's order: inputs, and initializers that a feed overrides. */
  feedNames: readonly string[];
  nodes: readonly Omit<NodeStats, "milliseconds">[];
  fusions: readonly FusionOutcome[];
  threads: number | undefined;
}

/** A session's plan for other threads of the process; structured cloning carries it. */
export interface SharedSession {
  /** By which native code knows the plan. */
  plan: number;
  face: PlanFace;
}

/** Compiles a model; `evaluate` computes its constants. A model that nobody else holds need not be copied: `inPlace`. */
export function createPlan(
  model: Model,
  { threads, memoryLimit, optimize = true, inPlace }: CompileOptions & { inPlace: boolean },
  changing: Variables | undefined,
  evaluate: Evaluate,
): { plan: NativePlan; face: PlanFace } {
  const { graph } = model;
  // As in ONNX Runtime, an input that has a value already is not listed, and may still be fed.
  const inputs = graph.inputs.filter(({ name }) => !graph.weight(name)).map(metadataOf);
  const outputs = graph.outputs.map(metadataOf);
  // Variables are not to be folded, nor their names lost.
  const { model: compiled, outcomes } =
    optimize === false || changing
      ? { model, outcomes: [] }
      : canonical(model, evaluate, { ...(optimize === true ? {} : optimize), inPlace });
  const { words, strings, bytes, scopes } = describe(compiled, "all");
  const numberOf = (name: string): number => scopes.get(compiled.graph)!.get(name)!;
  const plan = binding.createPlan(words, strings, bytes, {
    ...(threads === undefined ? {} : { threads }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(changing && {
      variables: Int32Array.from(changing.variables, numberOf),
      updates: Int32Array.from((changing.updates ?? []).flat(), numberOf),
    }),
  });
  const face: PlanFace = {
    inputs,
    outputs,
    // Of the plan: old files list every weight as an input, and newer operators end that.
    feedNames: compiled.graph.inputs.map(({ name }) => name),
    nodes: compiled.graph.nodes.map(({ name, opType: op, domain, outputs: made }) => ({
      name,
      op,
      domain,
      outputs: [...made],
    })),
    fusions: outcomes,
    threads,
  };
  return { plan, face };
}

function metadataOf({ name, dtype, dims }: Value): Common.ValueMetadata {
  if (dtype === undefined) return { name, isTensor: false };
  return { name, isTensor: true, type: tensorType(name, dtype), shape: (dims ?? []).map((dim) => dim ?? "") };
}

/** A type as Tensors name it. @throws PareError PARE_UNSUPPORTED for those that have no arrays */
export function tensorType(name: string, dtype: DataType): Tensor.Type {
  if (dtype === "bfloat16" || dtype.startsWith("float8") || dtype === "float4e2m1" || dtype.startsWith("complex"))
    throw new PareError("PARE_UNSUPPORTED", `"${name}" is ${dtype}, which no Tensor holds; Cast it in the model.`);
  return dtype as Tensor.Type;
}
