/** Models from layers: their shapes, their weights' seeds and spread, and that they are ordinary ONNX. */
import * as pare from "../../lib/index.js";
import { loadSync, sequential, type Layer } from "../../lib/index.js";

const nets: [string, number[], Layer[], number[]][] = [
  ["mlp", [784], [pare.dense(300), pare.relu(), pare.dense(100), pare.relu(), pare.dense(10), pare.softmax()], [10]],
  [
    "cnn",
    [1, 28, 28],
    [
      pare.conv(20, 5, { padding: [2, 2] }),
      pare.batchNorm(),
      pare.sigmoid(),
      pare.maxPool(2),
      pare.depthwiseConv(3, { stride: 2 }),
      pare.averagePool(2, { padding: 1 }),
      pare.dropout(0.2),
      pare.flatten(),
      pare.dense(7, { bias: false }),
    ],
    [7],
  ],
  ["pooled", [3, 9, 8], [pare.conv(6, [3, 2], { groups: 3, dilation: 2, bias: false }), pare.globalAveragePool()], [6]],
  [
    "transformer",
    [16],
    [
      pare.embedding(50, 8),
      pare.residual([pare.layerNorm(), pare.attention(2)]),
      pare.gelu(),
      pare.flatten(),
      pare.dense(2),
    ],
    [2],
  ],
];

test.each(nets)("%s is a model of the expected shape that survives a file", (_name, input, layers, output) => {
  const model = sequential(layers, { input, seed: 4 });
  const shapes = model.inferShapes({ strict: true });
  expect(shapes.get("y")).toEqual({ dtype: "float32", dims: ["N", ...output] });
  const again = Buffer.from(sequential(layers, { input, seed: 4 }).toBytes());
  expect(again.equals(Buffer.from(model.toBytes()))).toBe(true);
  expect(Buffer.from(sequential(layers, { input, seed: 5 }).toBytes()).equals(again)).toBe(false);
  expect(loadSync(model.toBytes()).graph.nodes.map(({ opType }) => opType)).toEqual(
    model.graph.nodes.map(({ opType }) => opType),
  );
});

test("weights begin as PyTorch's do: uniform within one over the root of the inputs", () => {
  const model = sequential([pare.dense(400)], { input: [100], seed: 1 });
  const weights = model.graph.weight("dense1.weight")!.toFloats();
  const largest = weights.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const mean = weights.reduce((sum, value) => sum + value, 0) / weights.length;
  expect(largest).toBeLessThanOrEqual(0.1);
  expect(largest).toBeGreaterThan(0.0999);
  expect(Math.abs(mean)).toBeLessThan(1e-3);
});

test("says which layer does not fit", () => {
  const wrong: [() => unknown, RegExp][] = [
    [() => sequential([], { input: [3] }), /at least one layer/],
    [() => sequential([pare.relu()], { input: [] }), /input must be dimensions/],
    [() => sequential([pare.dense(0)], { input: [3] }), /layer 0 \(dense\): units/],
    [() => sequential([pare.relu(), pare.maxPool(2)], { input: [3] }), /layer 1 \(maxPool\)/],
    [() => sequential([pare.conv(4, 9)], { input: [1, 5, 5] }), /window of 9 does not fit into 5/],
    [() => sequential([pare.conv(4, 3, { groups: 2 })], { input: [3, 5, 5] }), /2 groups/],
    [() => sequential([pare.attention(3)], { input: [4, 8] }), /3 heads/],
    [() => pare.dropout(1), /below 1/],
    [() => sequential([pare.residual([pare.dense(3)])], { input: [4] }), /cannot be added/],
  ];
  for (const [call, message] of wrong) expect(call).toThrow(message);
});
