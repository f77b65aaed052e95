/** The files that transformers.js looks for: all of them, under its names, each of which runs. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSync, type Model } from "../../lib/model/index.js";
import { quantizeForTransformersJs, type TransformersJsVariant } from "../../lib/quantize/index.js";
import { expectRejection } from "../errors.js";
import { cosine, runInOnnxRuntime, type Feeds } from "../onnxruntime.js";
import { build, node, weight } from "./build.js";

const golden = join(__dirname, "..", "goldens", "quantize", "attention.onnx");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pare-transformersjs-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const opTypes = (model: Model): Set<string> => new Set(model.graph.nodes.map(({ opType }) => opType));
const dtypes = (model: Model): Set<string> => new Set([...model.graph.weights()].map(([, { dtype }]) => dtype));

test("every file, by the names and with the types that it expects", async () => {
  const files = await quantizeForTransformersJs(loadSync(golden), folder, { name: "model" });
  const names = ["fp16", "quantized", "int8", "uint8", "q4", "q4f16", "bnb4"].map((name) => `model_${name}.onnx`);
  expect(files.map(({ path }) => path)).toEqual(names.map((name) => join(folder, name)));
  expect(readdirSync(folder).sort()).toEqual([...names].sort());

  const models = Object.fromEntries(files.map(({ variant, path }) => [variant, loadSync(path)])) as Record<
    TransformersJsVariant,
    Model
  >;
  expect(dtypes(models.fp16)).toEqual(new Set(["float16", "int64"]));
  for (const variant of ["q8", "int8", "uint8"] as const) expect(opTypes(models[variant])).toContain("MatMulInteger");
  for (const variant of ["q4", "q4f16"] as const) expect(opTypes(models[variant])).toContain("MatMulNBits");
  expect(models.q4f16.graph.weight("qw_scales")!.dtype).toBe("float16");
  expect(opTypes(models.bnb4)).toContain("MatMulBnb4");
  // Without convolutions, q8 is int8.
  expect(statSync(join(folder, "model_quantized.onnx")).size).toBe(statSync(join(folder, "model_int8.onnx")).size);
  expect(models.q8.graph.weight("qw_quantized")!.dtype).toBe("int8");
  expect(models.uint8.graph.weight("qw_quantized")!.dtype).toBe("uint8");

  const feeds: Feeds = { ids: { type: "int64", dims: [1, 4], data: BigInt64Array.from([3n, 9n, 30n, 1n]) } };
  const [want, ...got] = runInOnnxRuntime(
    [golden, ...files.map(({ path }) => path)].map((model) => ({ model, feeds })),
  );
  if (want instanceof Error) throw want;
  got.forEach((outputs, i) => {
    if (outputs instanceof Error) throw new Error(`${files[i]!.variant}: ${outputs.message}`);
    expect(cosine(outputs.y!.data, want!.y!.data)).toBeGreaterThan(0.98);
  });
});

test("with a convolution, q8 is uint8", async () => {
  const model = build(
    [node("Conv", "x w", "c"), node("Flatten", "c", "f"), node("MatMul", "f v", "y")],
    { w: weight(4, 1, 3, 3), v: weight(16, 8) },
    { dims: [1, 1, 4, 4] },
  );
  const [file] = await quantizeForTransformersJs(model, folder, { variants: ["q8"] });
  expect(file!.path).toBe(join(folder, "model_quantized.onnx"));
  expect(loadSync(file!.path).graph.weight("v_quantized")!.dtype).toBe("uint8");
});

test("the model's file names the others; progress names the variant", async () => {
  const seen = new Set<string>();
  const files = await quantizeForTransformersJs(loadSync(golden), folder, {
    variants: ["fp16", "q4f16"],
    onProgress: ({ what }) => seen.add(what.split(" ")[0]!),
  });
  expect(files.map(({ path }) => path)).toEqual([
    join(folder, "attention_fp16.onnx"),
    join(folder, "attention_q4f16.onnx"),
  ]);
  expect([...seen]).toEqual(["fp16", "q4f16"]);
});

test("an unknown variant is refused before anything is written", async () => {
  const variants = ["fp16", "q5"] as TransformersJsVariant[];
  await expectRejection(
    quantizeForTransformersJs(loadSync(golden), folder, { variants }),
    "PARE_OPTION",
    /variants can be fp16, q8, .*bnb4; got "q5"/,
  );
  expect(readdirSync(folder)).toEqual([]);
});
