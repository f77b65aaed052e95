/** The native addon's functions as TypeScript sees them; native/binding/ checks every argument. */

/** Any typed array over an ordinary or a shared buffer. */
export type TypedArray = NodeJS.TypedArray;

/** float32 values: a Float32Array, or their raw bytes at any offset. */
export type Floats = Float32Array | Uint8Array;

/** How a native call runs; with `async` it returns a promise of the same result. */
export interface NativeCall {
  threads?: number;
  async?: boolean;
  /** One element; the call stops soon after it becomes non-zero. */
  cancel?: Int32Array;
}

export interface Information {
  level: string;
  levels: string[];
  threads: number;
  processors: number;
  processor: string;
  warning: string;
}

/** Results are new ArrayBuffers, or the `out` that was given; `unknown` where a call may also be a promise of it. */
export interface Binding {
  information(): Information;
  setLevel(level: string): void;
  mapFile(path: string): ArrayBuffer;
  allocate(byteLength: number, spillFolder?: string): ArrayBuffer;

  toHalf(format: "float16" | "bfloat16", x: Floats, out?: TypedArray, call?: NativeCall): unknown;
  fromHalf(format: "float16" | "bfloat16", h: TypedArray, out?: TypedArray, call?: NativeCall): unknown;
}
