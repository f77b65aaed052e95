/** Running models in the optional package onnxruntime-node, which is loaded when it is first needed. */
import { createRequire } from "node:module";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type * as OnnxRuntime from "onnxruntime-common";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { RunOptions } from "./session.js";

/** A model to run: its file, its bytes, or a Model. External data is found beside a file only. */
export type Runnable = string | Uint8Array | Model;

export interface SessionOptions {
  /** Threads of one operator; default: ONNX Runtime's, one a physical core. */
  threads?: number;
  /** ONNX Runtime's graph optimizations; default "all". */
  graphOptimizationLevel?: "disabled" | "basic" | "extended" | "all";
}

type Runtime = typeof OnnxRuntime;
let runtime: Runtime | undefined;

/** onnxruntime-node's module. Throws PARE_UNSUPPORTED, with what to install, where it is missing. */
export function onnxRuntime(): Runtime {
  if (runtime) return runtime;
  let cause: unknown;
  // Beside pare first; else in the project that a globally installed pare is called from.
  for (const origin of [__filename, join(process.cwd(), "package.json")]) {
    try {
      runtime = createRequire(origin)("onnxruntime-node") as Runtime;
      return runtime;
    } catch (error) {
      cause ??= error;
    }
  }
  const missing = (cause as { code?: string }).code === "MODULE_NOT_FOUND";
  throw new PareError(
    "PARE_UNSUPPORTED",
    missing
      ? "Running a model needs the package onnxruntime-node, which is not installed: npm install onnxruntime-node"
      : `onnxruntime-node is installed but does not load: ${oneLine(cause)}`,
    { cause },
  );
}

/** A session of onnxruntime-node. Throws PARE_FILE where the file is none, PARE_MODEL where the runtime refuses it. */
export async function createOnnxRuntimeSession(
  model: Runnable,
  { threads, graphOptimizationLevel = "all" }: SessionOptions = {},
): Promise<InferenceSession> {
  const { InferenceSession: sessions } = onnxRuntime();
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel,
    logSeverityLevel: 3,
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
  if (typeof model === "string") await requireFile(model);
  try {
    if (typeof model === "string") return await sessions.create(model, options);
    return await sessions.create("toBytes" in model ? model.toBytes() : model, options);
  } catch (error) {
    const name = typeof model === "string" ? model : "the model";
    throw new PareError("PARE_MODEL", `onnxruntime-node cannot load ${name}: ${oneLine(error)}`, { cause: error });
  }
}

async function requireFile(path: string): Promise<void> {
  let isFile: boolean;
  try {
    isFile = (await stat(path)).isFile();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new PareError("PARE_FILE", `${path}: ${code === "ENOENT" ? "there is no such file" : code}.`, {
      cause: error,
    });
  }
  if (!isFile) throw new PareError("PARE_FILE", `${path} is not a file.`);
}

/** An error's message on one line. */
export function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, " ").trim();
}

/** Runs a session of either runtime; an error of onnxruntime-node becomes one that says which model got what. */
export async function runNamed(
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  model: string,
  options: RunOptions = {},
): Promise<Record<string, Tensor>> {
  try {
    return await session.run(feeds, options);
  } catch (error) {
    if ((error as { code?: unknown }).code !== undefined || options.signal?.aborted) throw error;
    const fed = Object.entries(feeds).map(([name, { type, dims }]) => `${name} ${type} [${dims.join(", ")}]`);
    throw new PareError("PARE_MODEL", `${model} does not run on ${fed.join("; ")}: ${oneLine(error)}`, {
      cause: error,
    });
  }
}
