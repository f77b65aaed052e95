/** `pare evaluate` as a process, on every kind of data. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { Model, Tensor, Weight, writeNpy } from "../../lib/index.js";
import { idx } from "../data/idx.js";
import { writeModel } from "./models.js";
import { pare, scratchFolder } from "./pare.js";

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);

/** Scores of three classes: the first, the second and the third of an example's values. */
function model(dims: (number | string)[]): string {
  const made = Model.create({ opset: 17 });
  const { graph } = made;
  const size = (dims.slice(1) as number[]).reduce((a, b) => a * b, 1);
  graph.addInput("x", "float32", dims);
  graph.addOutput("y", "float32", ["N", 3]);
  const data = Float32Array.from({ length: size * 3 }, (_, i) => (i < 9 && i % 4 === 0 ? 1 : 0));
  graph.addWeight("w", Weight.of("float32", [size, 3], data));
  graph.addNode({ opType: "Flatten", inputs: ["x"], outputs: ["f"] });
  graph.addNode({ opType: "MatMul", inputs: ["f", "w"], outputs: ["y"] });
  return writeModel(at(`${dims.join("-")}.onnx`), made);
}

const flat = model(["N", 3]);
const picture = model(["N", 3, 1, 1]);
const values = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 0, 0);

beforeAll(async () => {
  writeFileSync(at("t10k-images-idx3-ubyte.gz"), gzipSync(idx(0x08, [4, 1, 3], values)));
  writeFileSync(at("t10k-labels-idx1-ubyte.gz"), gzipSync(idx(0x08, [4], Uint8Array.of(0, 1, 2, 2))));
  await writeNpy(at("x.npy"), new Tensor("float32", Float32Array.from(values), [4, 3]));
  await writeNpy(at("y.npy"), new Tensor("int64", BigInt64Array.of(0n, 1n, 2n, 2n), [4]));
  writeFileSync(at("table.csv"), "id,a,b,c,kind\n1,1,0,0,cat\n2,0,1,0,dog\n3,0,0,1,emu\n4,1,0,0,emu\n");
  for (const [name, background] of [
    ["cat/1", "#ff0000"],
    ["dog/1", "#00ff00"],
    ["emu/1", "#0000ff"],
    ["emu/2", "#ff0000"],
  ] as const) {
    mkdirSync(join(at("photos"), name, ".."), { recursive: true });
    const create = { width: 8, height: 8, channels: 3 as const, background };
    writeFileSync(join(at("photos"), `${name}.png`), await sharp({ create }).png().toBuffer());
  }
});

test.each<[string, () => string[]]>([
  ["idx", () => [flat, "--data", at("t10k-images-idx3-ubyte.gz")]],
  ["npy", () => [flat, "--data", at("x.npy"), "--labels", at("y.npy")]],
  ["csv", () => [flat, "--data", at("table.csv"), "--ignore-columns", "id", "--label-column", "kind"]],
  ["pictures", () => [picture, "--data", at("photos"), "--mean", "0.5", "--std", "0.5,0.5,0.5"]],
])("%s", async (kind, args) => {
  const { code, stdout, stderr } = await pare(["evaluate", ...args(), "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const found = JSON.parse(stdout) as { accuracy: number; classes: { name?: string; right: number }[] };
  expect(found).toMatchObject({ metric: "accuracy", examples: 4, accuracy: 0.75, runtime: "pare" });
  expect(found.classes.map(({ right }) => right)).toEqual([1, 1, 1]);
  const names = kind === "csv" || kind === "pictures" ? ["cat", "dog", "emu"] : [undefined, undefined, undefined];
  expect(found.classes.map(({ name }) => name)).toEqual(names);
});

test("prints a table, in either runtime", async () => {
  const args = ["evaluate", flat, "--data", at("t10k-images-idx3-ubyte.gz"), "--class-names", "a,b,c"];
  for (const runtime of ["pare", "onnxruntime"]) {
    const { stdout } = await pare([...args, "--runtime", runtime]);
    expect(stdout).toMatch(/^accuracy +75\.00 % \(3 of 4\)$/m);
    expect(stdout).toMatch(/^c +2 +1 +50\.0 % +100\.0 %$/m);
  }
});

test.each<[string, () => string[], number, RegExp]>([
  ["no data", () => [flat], 2, /required option '--data <path>' not specified/],
  ["missing data", () => [flat, "--data", at("none.csv")], 1, /PARE_FILE: .*none\.csv: there is no such file/],
  ["an unknown kind", () => [flat, "--data", at("x.bin")], 2, /the name tells no kind of data/],
  ["no labels", () => [flat, "--data", at("x.npy")], 2, /no labels/],
  ["other shapes", () => [picture, "--data", at("table.csv")], 1, /PARE_SHAPE: examples are \[4\]/],
  ["a size that is none", () => [picture, "--data", at("photos"), "--size", "0x2"], 2, /integer from 1 to 65535/],
  ["a missing model", () => [at("none.onnx"), "--data", at("x.npy")], 1, /none\.onnx: there is no such file/],
])("refuses %s", async (_, args, exitCode, message) => {
  const { code, stdout, stderr } = await pare(["evaluate", ...args()]);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
  expect(stderr.replace(/\s+/g, " ")).toMatch(message);
});
