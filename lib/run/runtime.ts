/** Where a model runs: in pare's own engine, or in the optional onnxruntime-node. */
import type { InferenceSession, Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { createOnnxRuntimeSession, type Runnable } from "./onnxruntime.js";
import { compile } from "./session.js";

export type RuntimeName = "pare" | "onnxruntime";
export const runtimeNames: readonly RuntimeName[] = ["pare", "onnxruntime"];

export interface RuntimeOptions {
  /** What runs it. Default "pare"; "onnxruntime" needs the package onnxruntime-node. */
  runtime?: RuntimeName;
  /** Threads of a run; default: the runtime's own choice. */
  threads?: number;
}

/** A session of either runtime; give it back with `release()`. Throws PARE_FILE, PARE_MODEL and PARE_UNSUPPORTED with the model's name. */
export async function createSession(
  model: Runnable,
  { runtime = "pare", threads }: RuntimeOptions = {},
): Promise<InferenceSession> {
  const options = threads === undefined ? {} : { threads };
  if (runtime === "onnxruntime") return createOnnxRuntimeSession(model, options);
  if (!runtimeNames.includes(runtime))
    throw new PareError(
      "PARE_OPTION",
      `runtime must be one of ${runtimeNames.join(", ")}; got "${runtime as string}".`,
    );
  try {
    return await compile(model, options);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== "PARE_UNSUPPORTED") throw error;
    throw new PareError(
      "PARE_UNSUPPORTED",
      `${nameOf(model, "the model")} does not run in pare: ${message.replace(/\.?$/, ".")} The runtime "onnxruntime" may run it.`,
      { cause: error },
    );
  }
}

/** Loads a model, runs it once and lets it go: outputs by name. */
export async function runModel(
  model: Runnable,
  feeds: Record<string, Tensor>,
  options?: RuntimeOptions,
): Promise<Record<string, Tensor>> {
  const session = await createSession(model, options);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** What a model is called: its path, if it has one. */
export function nameOf(model: Runnable, otherwise: string): string {
  if (typeof model === "string") return model;
  return ("path" in model ? model.path : undefined) ?? otherwise;
}
