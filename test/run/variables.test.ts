/** Variables: weights that runs change where they lie, in order, and that several sessions share. */
import { InferenceSession, Model, Tensor, Weight } from "../../lib/index.js";

/** w ← w + x; y = (w before) · x, z = the same after Relu. */
function counter(values: Float32Array, order: "before" | "after"): Model {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", [3]);
  graph.addWeight("w", Weight.of("float32", [3], values));
  const update = (): void => {
    graph.addNode({ opType: "Add", inputs: ["w", "x"], outputs: ["next"] });
  };
  if (order === "before") update();
  graph.addNode({ opType: "Mul", inputs: ["w", "x"], outputs: ["y"] });
  if (order === "after") update();
  graph.addOutput("y", "float32", [3]);
  return model;
}

test.each(["before", "after"] as const)("what reads a variable %s its update sees the old value", (order) => {
  const values = Float32Array.of(1, 2, 3);
  const model = counter(values, order);
  const step = new InferenceSession(model, {}, { variables: ["w"], updates: [["next", "w"]] });
  const look = new InferenceSession(model, {}, { variables: ["w"] });
  const feeds = { x: new Tensor("float32", Float32Array.of(1, 1, 2), [3]) };
  const results = [1, 2, 3].map(() => Array.from(step.runSync(feeds).y!.data as Float32Array));
  expect(results).toEqual([
    [1, 2, 6],
    [2, 3, 10],
    [3, 4, 14],
  ]);
  expect(Array.from(values)).toEqual([4, 5, 9]);
  expect(Array.from(look.runSync(feeds).y!.data as Float32Array)).toEqual([4, 5, 18]);
  values.set([0, 1, 0]);
  expect(Array.from(step.runSync(feeds).y!.data as Float32Array)).toEqual([0, 1, 0]);
});

test("a variable must be an initializer", () => {
  const model = counter(Float32Array.of(1, 2, 3), "after");
  expect(() => new InferenceSession(model, {}, { variables: ["x"] })).toThrow(/initializer/);
  expect(() => new InferenceSession(model, {}, { variables: [], updates: [["next", "w"]] })).toThrow(/variable/);
});
