/** `pare run` as a process: inputs given and made up, outputs, times. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readNpy, Tensor, writeNpy } from "../../lib/index.js";
import { mlp, writeModel } from "./models.js";
import { pare, scratchFolder } from "./pare.js";

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const model = writeModel(at("mlp.onnx"), mlp(8, 16));

interface Answer {
  inputs: { name: string; dims: number[]; source: string }[];
  outputs: { name: string; type: string; dims: number[]; mean: number; top: { index: number; value: number }[] }[];
  loadMs: number;
  latency?: { medianMs: number; p95Ms: number; minMs: number; turns: number };
  files?: Record<string, string>;
}

async function ran(...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await pare(["run", model, ...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Answer;
}

test("made-up inputs of any shape, repeatable; times", async () => {
  const first = await ran("--shape", "x=3,8", "--seed", "5", "--repeat", "20", "--threads", "1");
  expect(first.inputs).toEqual([{ name: "x", type: "float32", dims: [3, 8], source: "generated" }]);
  expect(first.outputs).toMatchObject([{ name: "y", type: "float32", dims: [3, 8], nanCount: 0 }]);
  const { medianMs, p95Ms, minMs, turns } = first.latency!;
  expect([turns, minMs <= medianMs, medianMs <= p95Ms]).toEqual([20, true, true]);
  const again = await ran("--dim", "batch=3", "--seed", "5");
  expect(again.outputs).toEqual(first.outputs);
  expect(again.latency).toBeUndefined();
  expect((await ran("--dim", "batch=3", "--seed", "6")).outputs).not.toEqual(first.outputs);
});

test("files in and out, the same in either runtime", async () => {
  await writeNpy(at("x.npy"), new Tensor("float32", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [1, 8]));
  const results: Tensor[] = [];
  for (const runtime of ["pare", "onnxruntime"]) {
    const out = at(`out-${runtime}`);
    const { inputs, files, outputs } = await ran("--input", `x=${at("x.npy")}`, "-o", out, "--runtime", runtime);
    expect(inputs[0]!.source).toBe("given");
    expect(files).toEqual({ y: join(out, "y.npy") });
    results.push(await readNpy(files!.y!));
    const values = results.at(-1)!.data as Float32Array;
    const { index, value } = outputs[0]!.top[0]!;
    expect([value, values[index]]).toEqual([Math.max(...values), value]);
  }
  const [own, other] = results.map(({ data }) => data as Float32Array) as [Float32Array, Float32Array];
  own.forEach((value, i) => {
    expect(value).toBeCloseTo(other[i]!, 5);
  });
  expect(readFileSync(at("out-pare/y.npy")).subarray(1, 6).toString()).toBe("NUMPY");
});

test("prints tables", async () => {
  const { stdout } = await pare(["run", model, "--repeat", "3"]);
  expect(stdout).toMatch(/x float32 1×8 \(generated\)/);
  expect(stdout).toMatch(/^y +float32 +1×8 +-?[\d.e-]+ +[\d.e-]+ +-?[\d.e-]+$/m);
  expect(stdout).toMatch(/y: \d+ \(.*\), \d+ \(/);
  expect(stdout).toMatch(/median +.* of 3 more runs/);
});

test.each<[string, string[], number, RegExp]>([
  ["a missing model", ["none.onnx"], 1, /none\.onnx: there is no such file/],
  [
    "a shape of another rank",
    [model, "--shape", "x=8"],
    2,
    /shape \[8\] does not fit input "x", which is \[batch, 8\]/,
  ],
  ["a shape of another size", [model, "--shape", "x=1,9"], 2, /shape \[1, 9\] does not fit/],
  ["a shape that is none", [model, "--shape", "x=1,y"], 2, /shape \[1, NaN\] does not fit/],
  ["an input that the model lacks", [model, "--shape", "z=1"], 2, /no input "z"; it has x/],
  ["a file that is none", [model, "--input", "x=none.npy"], 1, /none\.npy: there is no such file/],
  [
    "a runtime that is none",
    [model, "--runtime", "torch"],
    2,
    /'torch' is invalid\. Allowed choices are pare, onnxruntime/,
  ],
  ["a folder that is a file", [model, "-o", model], 1, /PARE_FILE: .*mlp\.onnx cannot be made/],
])("refuses %s", async (_, args, exitCode, message) => {
  const { code, stdout, stderr } = await pare(["run", ...args]);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
  expect(stderr.replace(/\s+/g, " ")).toMatch(message);
});
