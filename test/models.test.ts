/** The nets of random weights: as large as they should be, the same from the same seed, and loaded and run by onnxruntime-node. */
import type { Model } from "../lib/model/index.js";
import { bertBaseLayer, encoder, lenet, minilm6Layer, mlp, mobilenetV2, oneOp } from "./models.js";
import { floats, runInOnnxRuntime } from "./onnxruntime.js";

const cases: [string, () => Model, { parameters: number; nodes: number; input: number[]; output: number[] }][] = [
  ["oneOp", oneOp, { parameters: 72, nodes: 1, input: [3, 8], output: [3, 8] }],
  ["mlp", mlp, { parameters: 266_610, nodes: 5, input: [3, 784], output: [3, 10] }],
  ["lenet", lenet, { parameters: 431_080, nodes: 8, input: [2, 1, 28, 28], output: [2, 10] }],
  ["mobilenetV2", mobilenetV2, { parameters: 3_487_818, nodes: 100, input: [1, 3, 224, 224], output: [1, 1000] }],
  [
    "bert_base_layer",
    () => encoder(bertBaseLayer),
    { parameters: 7_087_885, nodes: 50, input: [1, 16, 768], output: [1, 16, 768] },
  ],
  [
    "minilm_6layer",
    () => encoder(minilm6Layer),
    { parameters: 10_646_797, nodes: 295, input: [2, 7, 384], output: [2, 7, 384] },
  ],
];

const size = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

test.each(cases)("%s has its parameters and nodes, and runs", (_, make, { parameters, nodes, input, output }) => {
  const model = make();
  const counts = Array.from(model.graph.weights(), ([, weight]) => weight.elementCount);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(parameters);
  expect(model.graph.nodes).toHaveLength(nodes);
  const feeds = { x: { type: "float32" as const, dims: input, data: floats(size(input)) } };
  const [result] = runInOnnxRuntime([{ model: model.toBytes(), feeds }]);
  if (result === undefined || result instanceof Error) throw result ?? new Error("no result");
  expect(result.y!.dims).toEqual(output);
  expect(result.y!.data.every(Number.isFinite)).toBe(true);
  expect(new Set(result.y!.data).size).toBeGreaterThan(size(output) / 10);
});

test("the same seed gives the same bytes, another seed others", () => {
  const bytes = Buffer.from(mlp([4, 3], 7).toBytes());
  expect(bytes.equals(mlp([4, 3], 7).toBytes())).toBe(true);
  expect(bytes.equals(mlp([4, 3], 8).toBytes())).toBe(false);
});

test("weights are normal, of the deviation that keeps values in range", () => {
  const weight = mlp([256, 400]).graph.weight("w1")!.toFloats();
  const mean = weight.reduce((sum, value) => sum + value, 0) / weight.length;
  const square = weight.reduce((sum, value) => sum + value * value, 0) / weight.length;
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(400 * weight.length));
  expect(square * 400).toBeCloseTo(1, 1);
});
