/** Gradients of every operator against PyTorch's (bench/oracle/gradients.py) and finite differences, broadcasts and odd shapes included. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Build, type Attributes } from "../../lib/model/index.js";
import { compile, gradients, Model, Tensor, Weight } from "../../lib/index.js";
import { fuseLayers } from "../../lib/rewrite/fusion/index.js";
import { expectError } from "../errors.js";

interface Case {
  name: string;
  op: string;
  /** Dimensions of the float inputs whose gradients are checked, or other weights. */
  inputs: (readonly number[] | Weight)[];
  attributes?: Attributes;
  outputs?: number;
  /** Values stay above this much, for functions that need them positive or off a kink. */
  positive?: boolean;
}

const integers = (...values: number[]): Weight => Weight.of("int64", [values.length], values);
const floats = (dims: readonly number[], values: readonly number[]): Weight => Weight.of("float32", dims, values);

const unaries = [
  "Neg",
  "Exp",
  "Abs",
  "Sin",
  "Cos",
  "Tanh",
  "Sigmoid",
  "Softplus",
  "Relu",
  "LeakyRelu",
  "Elu",
  "Erf",
  "HardSigmoid",
  "HardSwish",
];
const cases: Case[] = [
  ...unaries.map((op) => ({ name: op, op, inputs: [[3, 5]] })),
  ...["Log", "Sqrt", "Reciprocal"].map((op) => ({ name: op, op, inputs: [[17]], positive: true })),
  { name: "Gelu", op: "com.microsoft.Gelu", inputs: [[4, 7]] },
  { name: "FastGelu", op: "com.microsoft.FastGelu", inputs: [[4, 7]] },
  { name: "QuickGelu", op: "com.microsoft.QuickGelu", inputs: [[9]] },
  { name: "Clip", op: "Clip", inputs: [[20], floats([], [-0.5]), floats([], [0.4])] },
  ...["Add", "Sub", "Mul", "Div", "Max", "Min"].flatMap((op) => [
    {
      name: `${op} of equal shapes`,
      op,
      inputs: [
        [3, 5],
        [3, 5],
      ],
      positive: op === "Div",
    },
    { name: `${op} with a row`, op, inputs: [[3, 5], [5]], positive: op === "Div" },
    {
      name: `${op} with a column`,
      op,
      inputs: [
        [2, 1],
        [3, 2, 7],
      ],
      positive: op === "Div",
    },
    { name: `${op} with a number`, op, inputs: [[], [3, 2]], positive: op === "Div" },
  ]),
  { name: "Pow", op: "Pow", inputs: [[3, 4], [4]], positive: true },
  { name: "Pow 2", op: "Pow", inputs: [[5], floats([], [2])] },
  { name: "Where", op: "Where", inputs: [Weight.of("bool", [3, 1], [1, 0, 1]), [3, 4], [4]] },
  { name: "Expand", op: "Expand", inputs: [[3, 1], integers(2, 3, 4)] },
  { name: "Identity", op: "Identity", inputs: [[3]] },
  { name: "Dropout", op: "Dropout", inputs: [[3, 2]] },
  { name: "Cast", op: "Cast", inputs: [[3, 2]], attributes: { to: 1 } },
  { name: "Reshape", op: "Reshape", inputs: [[3, 4], integers(2, -1)] },
  { name: "Flatten", op: "Flatten", inputs: [[3, 4, 2]], attributes: { axis: 1 } },
  { name: "Squeeze", op: "Squeeze", inputs: [[3, 1, 2], integers(1)] },
  { name: "Unsqueeze", op: "Unsqueeze", inputs: [[3, 2], integers(0, 3)] },
  { name: "Transpose", op: "Transpose", inputs: [[2, 3, 4]], attributes: { perm: [1, 2, 0] } },
  { name: "Transpose by default", op: "Transpose", inputs: [[2, 3]] },
  {
    name: "Concat",
    op: "Concat",
    inputs: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    attributes: { axis: -1 },
  },
  { name: "Split", op: "Split", inputs: [[5, 2], integers(2, 3)], attributes: { axis: 0 }, outputs: 2 },
  { name: "Slice", op: "Slice", inputs: [[5, 6], integers(4, 1), integers(-6, 100), integers(0, 1), integers(-2, 3)] },
  {
    name: "Gather",
    op: "Gather",
    inputs: [[4, 3, 2], Weight.of("int64", [2, 2], [2, 0, -1, 2])],
    attributes: { axis: 1 },
  },
  { name: "Gather of rows", op: "Gather", inputs: [[7, 3], integers(1, 1, 6)] },
  ...["ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax"].flatMap(
    (op) => [
      { name: `${op} of an axis`, op, inputs: [[3, 4, 2], integers(1)] },
      { name: `${op} without keepdims`, op, inputs: [[3, 4, 2], integers(-1, 0)], attributes: { keepdims: 0 } },
      { name: `${op} of all`, op, inputs: [[3, 5]] },
    ],
  ),
  {
    name: "MatMul",
    op: "MatMul",
    inputs: [
      [3, 5],
      [5, 2],
    ],
  },
  {
    name: "MatMul of rows",
    op: "MatMul",
    inputs: [
      [2, 3, 5],
      [5, 4],
    ],
  },
  {
    name: "MatMul of batches",
    op: "MatMul",
    inputs: [
      [2, 3, 3, 5],
      [3, 5, 4],
    ],
  },
  {
    name: "MatMul of a batch and one",
    op: "MatMul",
    inputs: [
      [3, 5],
      [4, 5, 2],
    ],
  },
  { name: "MatMul by a vector", op: "MatMul", inputs: [[2, 3, 5], [5]] },
  { name: "MatMul of a vector", op: "MatMul", inputs: [[3], [3, 5]] },
  { name: "MatMul of vectors", op: "MatMul", inputs: [[4], [4]] },
  { name: "Gemm", op: "Gemm", inputs: [[3, 5], [5, 2], [2]] },
  {
    name: "Gemm, A turned",
    op: "Gemm",
    inputs: [
      [5, 3],
      [5, 2],
      [3, 1],
    ],
    attributes: { transA: 1, alpha: 0.5, beta: 2 },
  },
  { name: "Gemm, B turned", op: "Gemm", inputs: [[3, 5], [2, 5], []], attributes: { transB: 1 } },
  {
    name: "Gemm, both turned",
    op: "Gemm",
    inputs: [
      [5, 3],
      [2, 5],
    ],
    attributes: { transA: 1, transB: 1 },
  },
  {
    name: "Conv",
    op: "Conv",
    inputs: [[2, 3, 7, 6], [4, 3, 3, 2], [4]],
    attributes: { pads: [1, 0, 2, 1], strides: [2, 1] },
  },
  {
    name: "Conv of groups",
    op: "Conv",
    inputs: [
      [2, 4, 5, 5],
      [6, 2, 3, 3],
    ],
    attributes: { group: 2, dilations: [2, 1] },
  },
  {
    name: "Conv, depthwise",
    op: "Conv",
    inputs: [
      [2, 3, 6, 5],
      [3, 1, 3, 3],
    ],
    attributes: { group: 3, pads: [1, 1, 1, 1] },
  },
  { name: "Conv, pointwise", op: "Conv", inputs: [[1, 3, 4, 5], [2, 3, 1, 1], [2]] },
  {
    name: "Conv of sequences",
    op: "Conv",
    inputs: [
      [2, 3, 9],
      [4, 3, 4],
    ],
    attributes: { auto_pad: "SAME_UPPER", strides: [3] },
  },
  {
    name: "MaxPool",
    op: "MaxPool",
    inputs: [[2, 2, 6, 5]],
    attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 1] },
  },
  {
    name: "MaxPool of pairs",
    op: "MaxPool",
    inputs: [[2, 3, 7, 6]],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  {
    name: "AveragePool",
    op: "AveragePool",
    inputs: [[2, 2, 5, 6]],
    attributes: { kernel_shape: [2, 3], strides: [2, 2], pads: [1, 1, 0, 1] },
  },
  {
    name: "AveragePool with padding",
    op: "AveragePool",
    inputs: [[1, 2, 5, 5]],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], count_include_pad: 1 },
  },
  { name: "GlobalAveragePool", op: "GlobalAveragePool", inputs: [[2, 3, 4, 5]] },
  { name: "Softmax", op: "Softmax", inputs: [[3, 5]] },
  { name: "Softmax of an inner axis", op: "Softmax", inputs: [[2, 3, 4]], attributes: { axis: 1 } },
  { name: "LogSoftmax", op: "LogSoftmax", inputs: [[3, 5]], attributes: { axis: -1 } },
  { name: "LayerNormalization", op: "LayerNormalization", inputs: [[3, 2, 7], [7], [7]] },
  {
    name: "LayerNormalization over two",
    op: "LayerNormalization",
    inputs: [
      [3, 2, 5],
      [2, 5],
      [2, 5],
    ],
    attributes: { axis: 1 },
  },
  {
    name: "BatchNormalization",
    op: "BatchNormalization",
    inputs: [[2, 3, 4], [3], [3], floats([3], [0.1, 0.2, 0.3]), floats([3], [1, 2, 0.5])],
  },
  { name: "BatchNormTraining", op: "pare.BatchNormTraining", inputs: [[4, 3, 2, 2], [3], [3]], outputs: 4 },
  {
    name: "SoftmaxCrossEntropyLoss",
    op: "SoftmaxCrossEntropyLoss",
    inputs: [[4, 3], Weight.of("int64", [4], [2, 0, 1, 1])],
  },
  {
    name: "SoftmaxCrossEntropyLoss with weights",
    op: "SoftmaxCrossEntropyLoss",
    inputs: [[2, 3, 2], Weight.of("int64", [2, 2], [2, 0, 1, 2]), floats([3], [0.5, 2, 1])],
    attributes: { ignore_index: 0 },
  },
  {
    name: "SoftmaxCrossEntropyLoss of each",
    op: "SoftmaxCrossEntropyLoss",
    inputs: [[3, 4], Weight.of("int32", [3], [3, 0, 1])],
    attributes: { reduction: "none" },
  },
  {
    name: "NegativeLogLikelihoodLoss",
    op: "NegativeLogLikelihoodLoss",
    inputs: [[4, 3], Weight.of("int64", [4], [2, 0, 1, 1])],
    attributes: { reduction: "sum" },
  },
];

/** Numbers that differ from one another and keep off zero. */
function valuesOf(count: number, seed: number, positive: boolean, apart = false): Float32Array {
  // Further apart than the steps of finite differences, for what chooses among them.
  if (apart) return Float32Array.from({ length: count }, (_, i) => (((i * 37 + 11) % 257) - 128.5 + 0.4 * seed) / 40);
  return Float32Array.from({ length: count }, (_, i) => {
    const value = Math.sin((i + 1) * 1.7 + seed * 2.3) * 1.3 + Math.cos(i * 0.3 + seed) * 0.2;
    const off = Math.abs(value) < 0.12 ? value + 0.25 * Math.sign(value || 1) : value;
    return positive ? 0.5 + Math.abs(off) : off;
  });
}

/** loss = Σ outputs · fixed numbers, so that each element counts by another weight. */
async function makeModel({ op, inputs, attributes, outputs = 1, positive = false }: Case): Promise<{
  model: Model;
  feeds: Record<string, Tensor>;
}> {
  const model = Model.create({ opset: 18 });
  const { graph } = model;
  const build = new Build(graph);
  const feeds: Record<string, Tensor> = {};
  const names = inputs.map((input, i) => {
    if (input instanceof Weight) return graph.addWeight(`constant${i}`, input);
    const dims = input;
    graph.addInput(`in${i}`, "float32", dims);
    const count = dims.reduce((product, dim) => product * dim, 1);
    feeds[`in${i}`] = new Tensor("float32", valuesOf(count, i, positive, /Max|Min/.test(op)), dims);
    return `in${i}`;
  });
  const results = build.node(op, names, outputs, attributes);
  const used = op.startsWith("pare.BatchNorm") ? results.slice(0, 1) : results;
  used.forEach((name) => {
    graph.addOutput(name, "float32");
  });
  const shapes = model.inferShapes();
  const terms = used.map((name, i) => {
    const dims = shapes.get(name)!.dims as number[];
    const count = dims.reduce((product, dim) => product * dim, 1);
    const weights = build.weight("lossWeights", Weight.of("float32", dims, valuesOf(count, 7 + i, false)));
    return build.op("ReduceSum", build.op("Mul", name, weights), { keepdims: 0 });
  });
  const loss = terms.reduce((a, b) => build.op("Add", a, b));
  graph.setOutput(graph.producer(loss)!, 0, "loss");
  graph.addOutput("loss", "float32", []);
  return Promise.resolve({ model, feeds });
}

const goldens = JSON.parse(readFileSync(join(__dirname, "../goldens/gradients.json"), "utf8")) as Record<
  string,
  Record<string, number[]>
>;

test.each(cases)("$name", async (one) => {
  const { model, feeds } = await makeModel(one);
  const wrt = Object.keys(feeds);
  const session = await compile(gradients(model, { loss: "loss", wrt }));
  const results = session.runSync(feeds);
  for (const [name, wanted] of Object.entries(goldens[one.name]!)) {
    const data = results[`gradient/${name}`]!.data as Float32Array;
    expect(data).toHaveLength(wanted.length);
    const most = wanted.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    wanted.forEach((value, i) => {
      // Relative to the element, or where terms cancel to the largest.
      if (Math.abs(data[i]! - value) > 1e-4 * Math.max(Math.abs(value), 0.01 * most))
        throw new Error(`${name}[${i}] has the gradient ${data[i]}; PyTorch has ${value}`);
    });
  }
  const lossAt = (name: string, index: number, by: number): number => {
    const { data, dims } = feeds[name]!;
    const moved = Float32Array.from(data as Float32Array);
    moved[index]! += by;
    return Number(
      (
        session.runSync({ ...feeds, [name]: new Tensor("float32", moved, dims) }, ["loss"]).loss!.data as Float32Array
      )[0],
    );
  };
  for (const name of wrt) {
    const gradient = results[`gradient/${name}`]!;
    expect(gradient.dims).toEqual(feeds[name]!.dims);
    const data = gradient.data as Float32Array;
    const step = 5e-3;
    for (let i = 0; i < data.length; i += Math.max(1, Math.floor(data.length / 40))) {
      const wanted = (lossAt(name, i, step) - lossAt(name, i, -step)) / (2 * step);
      if (Math.abs(data[i]! - wanted) > 4e-3 * (1 + Math.abs(wanted)))
        throw new Error(`${name}[${i}] has the gradient ${data[i]}; finite differences give ${wanted}`);
    }
  }
});

test("images of any size have the gradients of a known one", async () => {
  const wanted = goldens.GlobalAveragePool!.in0!;
  const one = cases.find(({ name }) => name === "GlobalAveragePool")!;
  const { model, feeds } = await makeModel(one);
  const dims = feeds.in0!.dims;
  model.graph.proto.input = [];
  model.graph.addInput("in0", "float32", ["N", dims[1]!, ...dims.slice(2).map((_, i) => `size${i}`)]);
  const session = await compile(gradients(model, { loss: "loss", wrt: ["in0"] }));
  const { data } = session.runSync(feeds)["gradient/in0"]!;
  wanted.forEach((value, i) => {
    expect((data as Float32Array)[i]).toBeCloseTo(value, 5);
  });
});

test("a norm in pieces has the same gradients as the one that training makes of it", async () => {
  const model = Model.create({ opset: 18 });
  const { graph } = model;
  const build = new Build(graph);
  graph.addInput("in0", "float32", ["N", 4, 6]);
  const [gamma, beta] = [2, 3].map((seed) => build.weight("row", floats([6], Array.from(valuesOf(6, seed, false)))));
  const meanOf = (value: string): string => build.op("ReduceMean", value, build.integers([-1]));
  const centered = build.op("Sub", "in0", meanOf("in0"));
  const variance = meanOf(build.op("Pow", centered, build.number(2)));
  const normal = build.op("Div", centered, build.op("Sqrt", build.op("Add", variance, build.number(1e-5))));
  const y = build.op("Add", build.op("Mul", normal, gamma), beta);
  const loss = build.op("ReduceSum", build.op("Mul", build.op("Sin", y), y), { keepdims: 0 });
  graph.setOutput(graph.producer(loss)!, 0, "loss");
  graph.addOutput("loss", "float32", []);
  const fused = model.clone();
  fuseLayers(fused);
  expect(fused.graph.nodes.map(({ opType }) => opType)).toContain("LayerNormalization");
  const feeds = { in0: new Tensor("float32", valuesOf(2 * 24, 1, false), [2, 4, 6]) };
  const wrt = ["in0", gamma!, beta!];
  const [wanted, got] = await Promise.all(
    [model, fused].map(async (one) => (await compile(gradients(one, { loss: "loss", wrt }))).runSync(feeds)),
  );
  for (const name of wrt)
    (wanted![`gradient/${name}`]!.data as Float32Array).forEach((value, i) => {
      expect((got![`gradient/${name}`]!.data as Float32Array)[i]).toBeCloseTo(value, 3);
    });
});

test("says which operator has no gradient, and what does not fit", () => {
  const model = Model.create({ opset: 18 });
  const build = new Build(model.graph);
  model.graph.addInput("x", "float32", [3, 3]);
  model.graph.addNode({ opType: "Det", name: "volume", inputs: ["x"], outputs: ["loss"] });
  model.graph.addOutput("loss", "float32", []);
  expectError(() => gradients(model, { loss: "loss", wrt: ["x"] }), "PARE_UNSUPPORTED", /Det has no gradient.*volume/);
  expectError(() => gradients(model, { loss: "nothing", wrt: ["x"] }), "PARE_OPTION", /no value "nothing"/);
  expectError(() => gradients(model, { loss: "x", wrt: ["x"] }), "PARE_SHAPE", /must be one number/);
  const other = build.weight("other", Weight.of("float32", [1], [1]));
  expectError(() => gradients(model, { loss: "loss", wrt: [other] }), "PARE_OPTION", /does not depend on "other"/);
});
