/** transformers.js, unchanged, on pare: the example's project, on a small model and tokenizer made here. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeBert } from "./bert.js";
import { scratchFolder } from "./cli/pare.js";
import { embed } from "./embed.js";
import { cosine, runInOnnxRuntime } from "./onnxruntime.js";

const root = join(__dirname, "..");
const example = join(root, "examples/transformersjs");
const missing = !existsSync(join(example, "node_modules/@huggingface/transformers"))
  ? "npm install --ignore-scripts --prefix examples/transformersjs"
  : !existsSync(join(root, "dist/index.js"))
    ? "npm run build:ts"
    : undefined;
const onPare = missing === undefined ? test : test.skip;
const why = missing === undefined ? "" : ` (skipped: it needs ${missing})`;
const folder = scratchFolder();

const embedded = (model: string, sentences: readonly string[]): ReturnType<typeof embed> =>
  embed([join(example, "embed.mjs")], { model, sentences, cwd: example });

/** Means over the tokens that count, brought to length 1. */
function pooled(states: Float32Array, mask: readonly number[][], width: number): Float32Array[] {
  const length = mask[0]!.length;
  return mask.map((row, i) => {
    const sum = new Float32Array(width);
    row.forEach((counts, token) => {
      if (counts) for (let c = 0; c < width; c++) sum[c]! += states[(i * length + token) * width + c]!;
    });
    const norm = Math.hypot(...sum);
    return sum.map((value) => value / norm);
  });
}

onPare(`sentences become the vectors that onnxruntime-node gives${why}`, () => {
  const shape = { layers: 2, width: 32, heads: 4, hidden: 64, length: 64 };
  const path = join(folder, "small");
  const model = writeBert(path, shape);
  const { dims, vectors } = embedded(path, ["The cats sat", "the dog sat on the mat zebra"]);
  expect(dims).toEqual([2, 32]);
  const ids = [
    [2, 5, 6, 11, 8, 3, 0, 0, 0],
    [2, 5, 7, 8, 9, 5, 10, 1, 3],
  ];
  const mask = ids.map((row) => row.map((id) => (id === 0 ? 0 : 1)));
  const tensor = (rows: readonly number[][]) => ({
    type: "int64" as const,
    dims: [2, 9],
    data: BigInt64Array.from(rows.flat(), BigInt),
  });
  const zeros = ids.map((row) => row.map(() => 0));
  const feeds = { input_ids: tensor(ids), attention_mask: tensor(mask), token_type_ids: tensor(zeros) };
  const [outputs] = runInOnnxRuntime([{ model: model.toBytes(), feeds }]);
  if (outputs === undefined || outputs instanceof Error) throw outputs ?? new Error("no outputs");
  const expected = pooled(outputs.last_hidden_state!.data, mask, shape.width);
  vectors.forEach((vector, i) => {
    expect(cosine(Float32Array.from(vector), expected[i]!)).toBeGreaterThan(0.9999);
  });
});

onPare(`a timer of a millisecond ticks while the model runs${why}`, () => {
  const path = join(folder, "slow");
  writeBert(path, { layers: 4, width: 256, heads: 4, hidden: 1024, length: 512 });
  const text = "the cat sat on the mat ".repeat(80);
  const { dims, runMs, ticks, longestGapMs } = embedded(path, Array<string>(8).fill(text));
  expect(dims).toEqual([8, 256]);
  // onnxruntime-node's run holds the event loop from its beginning to its end.
  expect(ticks).toBeGreaterThan(10);
  expect(longestGapMs).toBeLessThan(runMs * 0.8);
});
