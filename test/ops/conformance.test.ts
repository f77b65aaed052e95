/** Shape rules against ONNX's conformance tests: what is inferred agrees with the tensors that the cases expect. */
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { binding } from "../../lib/binding.js";
import { dataTypeOf, loadSync, type Dim, type Model } from "../../lib/model/index.js";
import type { TensorProto } from "../../lib/model/proto.js";
import { valueInfo } from "../../lib/model/value.js";
import { casesOf, isInstalled, root, setsOf, tensors } from "../testdata.js";

const known = new Set(binding.operators().map(({ domain, name }) => `${domain}:${name}`));

/** How much the inference is told: numbers, also the values of small inputs, or symbols in place of numbers. */
type Mode = "dimensions" | "values" | "symbols";
interface Counts {
  cases: number;
  outputs: number;
  full: number;
}

/** Gives the model's inputs the types that the case feeds. */
function bind(model: Model, feeds: readonly (TensorProto | undefined)[], mode: Mode): void {
  const { graph } = model;
  const inputs = graph.proto.input.filter(({ name }) => graph.weight(name) === undefined);
  inputs.forEach((input, i) => {
    const feed = feeds[i];
    if (!feed || input.type?.value.case !== "tensorType") return;
    const dims: Dim[] = feed.dims.map(Number);
    if (mode === "symbols") dims.forEach((dim, at) => (dims[at] = Number(dim) > 1 ? `d${dim}` : dim));
    input.type = valueInfo(input.name, dataTypeOf(feed.dataType)!, dims).type!;
    const isSmall = feed.dims.reduce((product, dim) => product * Number(dim), 1) <= 64;
    if (mode !== "dimensions" && isSmall) graph.proto.initializer.push({ ...feed, name: input.name });
  });
  // Types that the file declares would hide what the rules do not know.
  graph.proto.valueInfo = [];
  for (const output of graph.proto.output) if (output.type?.value.case === "tensorType") delete output.type;
}

/** The number that a dimension stands for; undefined for what depends on data. */
function evaluate(dim: Dim): number | undefined {
  if (typeof dim !== "string") return dim;
  if (dim.includes("unk__")) return undefined;
  const text = dim.replaceAll(/\bd(\d+)\b/g, "$1");
  return runInNewContext(text, {
    floor: Math.floor,
    min: Math.min,
    max: Math.max,
    broadcast: (a: number, b: number) => (a === 1 ? b : a),
  }) as number;
}

function check(path: string, mode: Mode, counts: Counts): string[] {
  const model = loadSync(join(path, "model.onnx"));
  for (const graph of model.graph.walk())
    if (graph.nodes.some(({ domain, opType }) => !known.has(`${domain}:${opType}`))) return [];
  const wrong: string[] = [];
  for (const set of setsOf(path)) {
    const bound = model.clone();
    bind(bound, tensors(set, "input"), mode);
    counts.cases++;
    const shapes = bound.inferShapes();
    tensors(set, "output").forEach((output, i) => {
      const name = bound.graph.proto.output[i]!.name;
      if (!output) return;
      counts.outputs++;
      const { dtype, dims } = shapes.get(name)!;
      // Some cases keep bfloat16 as uint16 in their files; the model tells.
      const types = [dataTypeOf(output.dataType), model.graph.outputs[i]!.dtype];
      const real = output.dims.map(Number);
      const got = dims?.map(evaluate);
      const fits = got?.length === real.length && got.every((dim, at) => dim === undefined || dim === real[at]);
      const says = `${dtype} [${dims?.join(", ")}] for ${dataTypeOf(output.dataType)} [${real.join(", ")}]`;
      if ((dims && !fits) || (dtype !== undefined && !types.includes(dtype)))
        wrong.push(`${path.slice(root.length)} ${name}: ${says}`);
      else if (dtype !== undefined && got?.every((dim) => dim !== undefined)) counts.full++;
      else if (process.env.PARE_UNKNOWN) console.log(`${path.slice(root.length)} ${name}: ${says}`);
    });
  }
  return wrong;
}

// The least shares of outputs that must be known in full; what remains depends on data (NonZero, Unique, …).
const modes: [Mode, number][] = [
  ["dimensions", 0.8],
  ["values", 0.9],
  ["symbols", 0.9],
];
(isInstalled ? describe : describe.skip)("the conformance tests of ONNX, given", () => {
  test.each(modes)("%s", (mode, share) => {
    const counts: Counts = { cases: 0, outputs: 0, full: 0 };
    const wrong = ["node", "simple", "pytorch-converted", "pytorch-operator"].flatMap((folder) =>
      casesOf(folder).flatMap((path) => check(path, mode, counts)),
    );
    expect(wrong).toEqual([]);
    expect(counts.cases).toBeGreaterThan(900);
    expect(counts.full / counts.outputs).toBeGreaterThan(share);
    if (process.env.PARE_UNKNOWN) console.log(mode, counts);
  });
});
