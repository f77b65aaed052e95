/** Damaged models: each is either refused with a PareError or a model that can be looked through and saved. */
import { loadSync, Model, Weight } from "../../lib/model/index.js";
import { damageBytes } from "../fuzz/mutate.js";
import { classifierStart } from "../fuzz/seeds.js";
import { randomNumbers } from "../kernels/levels.js";

/** Something of everything that a file can hold: subgraphs, typed and raw tensors, metadata, attributes of every kind. */
function small(): Uint8Array {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", ["N", 3]);
  graph.addOutput("y", "float32", ["N", 2]);
  graph.addWeight("w", Weight.of("float32", [3, 2], [1, 2, 3, 4, 5, 6]));
  graph.addWeight("four", Weight.of("int8", [4], Int8Array.of(1, -2, 3, -4)));
  graph.addWeight("c", Weight.of("bool", [], [1]));
  const typed = graph.proto.initializer[1]!;
  typed.int32Data = [1, -2, 3, -4];
  Reflect.deleteProperty(typed, "rawData");
  graph.addNode({ opType: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"] });
  const branch = (output: string, opType: string): Model => {
    const inner = Model.create();
    inner.graph.addOutput(output, "float32");
    inner.graph.addNode({ opType, inputs: ["p"], outputs: [output] });
    return inner;
  };
  const attributes = { then_branch: branch("t", "Abs").graph, else_branch: branch("e", "Neg").graph };
  graph.addNode({ opType: "If", inputs: ["c"], outputs: ["z"], attributes });
  graph.addNode({
    opType: "Test",
    domain: "mine",
    inputs: ["z", "", "four"],
    outputs: ["y"],
    attributes: {
      i: 3,
      f: 0.5,
      s: "text",
      is: [1, 2],
      fs: [0.5, 2],
      ss: ["a", "b"],
      t: Weight.of("int64", [2], [1, 2]),
    },
  });
  model.setOpset("mine", 1);
  return model.toBytes();
}

/** Whether the damage was noticed. What is not a PareError fails the test. */
function survives(bytes: Uint8Array): boolean {
  let model: Model;
  try {
    model = loadSync(bytes);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code?.startsWith("PARE_") && message.length > 10) return false;
    throw error;
  }
  for (const graph of model.graph.walk()) {
    for (const [, weight] of graph.weights()) expect(weight.bytes.byteLength).toBeGreaterThanOrEqual(0);
    for (const node of graph.nodes) for (const name of node.attributeNames) node.attribute(name);
    graph.sort();
  }
  const again = loadSync(model.clone().toBytes());
  expect(again.graph.nodes).toHaveLength(model.graph.nodes.length);
  return true;
}

test.each([
  ["a small model", 1400, small()],
  ["the first layers of PP-OCR's angle classifier", 600, classifierStart().toBytes()],
])("%s, damaged %i times", (_, count, bytes) => {
  expect(survives(bytes)).toBe(true);
  const random = randomNumbers(8);
  let survived = 0;
  for (let i = 0; i < count; i++) {
    const damaged = damageBytes(bytes, random);
    try {
      if (survives(damaged)) survived++;
    } catch (error) {
      throw new Error(`case ${i}: ${String((error as Error).stack)}`);
    }
  }
  // Neither everything is refused nor everything taken.
  expect(survived).toBeGreaterThan(count / 50);
  expect(survived).toBeLessThan(count);
});
