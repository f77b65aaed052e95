/** Model files for the command line to work on. */
import { writeFileSync } from "node:fs";
import { Model, Weight } from "../../lib/model/index.js";
import { randomNumbers } from "../kernels/levels.js";

/** Two matrices with a bias between them: [1, k] → [1, n] → [1, k]. */
export function mlp(k: number, n: number): Model {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", ["batch", k]);
  const next = randomNumbers(3);
  const weight = (name: string, ...dims: number[]): string => {
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => next() - 0.5);
    return graph.addWeight(name, Weight.of("float32", dims, data));
  };
  graph.addNode({ opType: "MatMul", name: "up", inputs: ["x", weight("w1", k, n)], outputs: ["h"] });
  graph.addNode({ opType: "Add", name: "bias", inputs: ["h", weight("b", n)], outputs: ["a"] });
  graph.addNode({ opType: "Relu", name: "relu", inputs: ["a"], outputs: ["r"] });
  graph.addNode({ opType: "MatMul", name: "down", inputs: ["r", weight("w2", n, k)], outputs: ["y"] });
  graph.addOutput("y", "float32", ["batch", k]);
  return model;
}

/** Writes it and returns the path. */
export function writeModel(path: string, model: Model): string {
  writeFileSync(path, model.toBytes());
  return path;
}
