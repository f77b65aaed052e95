/** Models in onnxruntime-node, run in a process of their own. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Feed {
  type: "float32" | "float64" | "int64" | "int32" | "bool" | "uint8";
  dims: readonly number[];
  data: NodeJS.TypedArray;
}
export type Feeds = Record<string, Feed>;
export type Outputs = Record<string, { type: string; dims: number[]; data: Float32Array }>;

/** Outputs of each job, in order; an Error in the place of those that fail. Only float32 outputs have meaningful data. */
export function runInOnnxRuntime(jobs: { model: string | Uint8Array; feeds: Feeds }[]): (Outputs | Error)[] {
  const folder = mkdtempSync(join(tmpdir(), "pare-ort-"));
  try {
    const input = jobs.map(({ model, feeds }, i) => {
      const path = typeof model === "string" ? model : join(folder, `${i}.onnx`);
      if (typeof model !== "string") writeFileSync(path, model);
      const encoded = Object.entries(feeds).map(([name, { type, dims, data }]) => [
        name,
        { type, dims, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") },
      ]);
      return { model: path, feeds: Object.fromEntries(encoded) as unknown };
    });
    const child = spawnSync(process.execPath, [join(__dirname, "onnxruntime-process.cjs")], {
      input: JSON.stringify(input),
      maxBuffer: 1 << 30,
      encoding: "utf8",
    });
    if (child.status !== 0) throw new Error(`onnxruntime-node's process ended with ${child.status}: ${child.stderr}`);
    const results = JSON.parse(child.stdout) as ({ error: string } | { outputs: Record<string, Encoded> })[];
    return results.map((result) => ("error" in result ? new Error(result.error) : decode(result.outputs)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Encoded {
  type: string;
  dims: number[];
  data: string;
}

function decode(outputs: Record<string, Encoded>): Outputs {
  const decoded = Object.entries(outputs).map(([name, { type, dims, data }]) => {
    const bytes = new Uint8Array(Buffer.from(data, "base64"));
    return [name, { type, dims, data: new Float32Array(bytes.buffer, 0, bytes.byteLength >> 2) }];
  });
  return Object.fromEntries(decoded) as Outputs;
}

/** Cosine of the angle between two outputs: 1 where they point the same way. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Repeatable floats from a seed, roughly in −1 … 1. */
export function floats(count: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
