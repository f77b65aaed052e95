/** What every fast transform shares: one description serves the synchronous and the asynchronous form. */
import type { NativeCall, TypedArray } from "../binding-types.js";
import { PareError } from "../errors.js";

/** Options that every kernel takes. */
export interface KernelOptions {
  /** Threads for this call; default: `PARE_THREADS`, else the processors this process may use. */
  threads?: number;
  /** Asynchronous form only: aborts the call soon; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A call that has been understood: how to start it, and what its raw result means. */
export interface Invocation<Result> {
  options: KernelOptions | undefined;
  native: (call: NativeCall | undefined) => unknown;
  result: (raw: unknown) => Result;
}

/** The form that computes now and returns the result. */
export function synchronous<Arguments extends unknown[], Result>(
  describe: (...args: Arguments) => Invocation<Result>,
): (...args: Arguments) => Result {
  return (...args) => {
    const { options, native, result } = describe(...args);
    return result(native(options?.threads));
  };
}

/** The form that computes off the event loop and returns a promise of the result. */
export function asynchronous<Arguments extends unknown[], Result>(
  describe: (...args: Arguments) => Invocation<Result>,
): (...args: Arguments) => Promise<Result> {
  return async (...args) => {
    const { options, native, result } = describe(...args);
    return result(await offLoop(native, options));
  };
}

/** Starts a native call off the event loop; the signal cancels it and rejects with its reason. */
export async function offLoop(
  native: (call: NativeCall) => unknown,
  { threads, signal }: KernelOptions = {},
): Promise<unknown> {
  signal?.throwIfAborted();
  const cancel = new Int32Array(1);
  const abort = (): void => {
    Atomics.store(cancel, 0, 1);
  };
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await native({ async: true, cancel, ...(threads === undefined ? {} : { threads }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** The kind of a typed array by its tag: `instanceof` fails for arrays of another realm. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Refuses everything but a Float32Array, in the caller's words. */
export function requireFloats(value: unknown, name: string): asserts value is Float32Array {
  const kind = kindOf(value);
  if (kind !== "Float32Array") throw new PareError("PARE_TYPE", `${name} must be a Float32Array; got ${kind}.`);
}

/** Refuses an `out` of another element type than the result's. */
export function requireOut(out: TypedArray | undefined, ...kinds: string[]): void {
  if (out === undefined) return;
  const kind = kindOf(out);
  if (!kinds.includes(kind)) throw new PareError("PARE_TYPE", `out must be a ${kinds.join(" or ")}; got ${kind}.`);
}
