// Sentences as vectors by transformers.js, its code unchanged: package.json's "overrides" puts pare in onnxruntime-node's place.
//   node embed.mjs [MODEL] [SENTENCE…]     MODEL is a folder (config.json, tokenizer.json, onnx/model.onnx) or a name on huggingface.co
// Prints one JSON object: the vectors, and how often a timer of one millisecond ticked while the model ran.
import { existsSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { env, pipeline } from "@huggingface/transformers";

const [model = "Xenova/all-MiniLM-L6-v2", ...given] = process.argv.slice(2);
const sentences =
  given.length > 0 ? given : ["A cat sits on the mat.", "A kitten rests on a rug.", "Shares fell on Monday."];

let name = model;
if (existsSync(model)) {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(resolve(model));
  name = basename(resolve(model));
}
const extract = await pipeline("feature-extraction", name, { dtype: "fp32", device: "cpu" });

let ticks = 0;
let longestGapMs = 0;
let last = performance.now();
const pause = () => {
  const now = performance.now();
  longestGapMs = Math.max(longestGapMs, now - last);
  last = now;
};
const timer = setInterval(() => {
  pause();
  ticks++;
}, 1);

const start = performance.now();
const vectors = await extract(sentences, { pooling: "mean", normalize: true });
const runMs = performance.now() - start;
clearInterval(timer);
pause();

console.log(
  JSON.stringify({
    sentences: sentences.length,
    dims: vectors.dims,
    vectors: vectors.tolist(),
    runMs,
    ticks,
    longestGapMs,
  }),
);
