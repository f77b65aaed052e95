/** Fusions one by one: each fuses what it names, gives the same results, and declines what only looks like it. */
import { compile, InferenceSession, Model, PareError, quantize, Tensor, Weight } from "../../lib/index.js";
import type { AttributeValue } from "../../lib/model/index.js";
import { canonical } from "../../lib/rewrite/canonical.js";
import { fusionNames } from "../../lib/rewrite/fusion/index.js";
import { encoder, mobilenetV2 } from "../models.js";

const wave = (count: number, step = 0.37): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => 1.5 * Math.sin(i * step + 0.2));

type Step = [opType: string, inputs: string[], output: string, attributes?: Record<string, AttributeValue>];

/** x [2, 6] or of `dims`, constants by name, nodes in order; the last one's output is y. */
function modelOf(
  steps: readonly Step[],
  weights: Record<string, readonly number[] | Weight> = {},
  dims: readonly number[] = [2, 6],
): Model {
  const model = Model.create({ name: "fusion", opset: 17, irVersion: 8 });
  const { graph } = model;
  graph.addInput("x", "float32", dims);
  for (const [name, value] of Object.entries(weights))
    graph.addWeight(
      name,
      value instanceof Weight ? value : Weight.of("float32", value.length === 1 ? [] : [value.length], value),
    );
  for (const [opType, inputs, output, attributes = {}] of steps)
    graph.addNode({ opType, inputs, outputs: [output], attributes });
  graph.addOutput(steps.at(-1)![2], "float32");
  return model;
}

const evaluate = (constants: Model): Map<string, Weight> =>
  new Map(
    Object.entries(new InferenceSession(constants, { optimize: false }).runSync({}) as Record<string, Tensor>).map(
      ([name, { type, dims, data }]) => [name, Weight.of(type as "float32", dims, data as Float32Array)],
    ),
  );

/** Operators of the model as it runs, and what was fused. */
function compiledOps(model: Model): { ops: string[]; fused: string[] } {
  const { model: made, outcomes } = canonical(model, evaluate);
  return {
    ops: made.graph.nodes.map(({ opType }) => opType),
    fused: outcomes.filter(({ reason }) => reason === undefined).map(({ fusion }) => fusion),
  };
}

async function expectSame(model: Model, dims: readonly number[] = [2, 6], digits = 5): Promise<void> {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const feeds = { [model.graph.inputs[0]!.name]: new Tensor("float32", wave(count), dims) };
  const [plain, fused] = [await compile(model, { optimize: false }), await compile(model)];
  const [want, got] = [await plain.run(feeds), await fused.run(feeds)];
  for (const name of plain.outputNames) {
    const [a, b] = [want[name]!, got[name]!];
    expect(b.dims).toEqual(a.dims);
    (a.data as Float32Array).forEach((value, i) => {
      expect((b.data as Float32Array)[i]).toBeCloseTo(value, digits);
    });
  }
}

const half = { half: [0.5], one: [1], root: [Math.SQRT2], inverse: [Math.SQRT1_2] };
const erf: Step[] = [
  ["Div", ["x", "root"], "scaled"],
  ["Erf", ["scaled"], "erf"],
  ["Add", ["erf", "one"], "added"],
];

test.each<[string, Model, string]>([
  [
    "gelu: half last",
    modelOf([...erf, ["Mul", ["x", "added"], "product"], ["Mul", ["product", "half"], "y"]], half),
    "Gelu",
  ],
  [
    "gelu: half first",
    modelOf([["Mul", ["x", "half"], "halved"], ...erf, ["Mul", ["halved", "added"], "y"]], half),
    "Gelu",
  ],
  [
    "gelu: half beside",
    modelOf([...erf, ["Mul", ["added", "half"], "product"], ["Mul", ["x", "product"], "y"]], half),
    "Gelu",
  ],
  [
    "gelu-tanh",
    modelOf(
      [
        ["Pow", ["x", "three"], "cube"],
        ["Mul", ["cube", "cubic"], "small"],
        ["Add", ["x", "small"], "sum"],
        ["Mul", ["sum", "factor"], "scaled"],
        ["Tanh", ["scaled"], "tanh"],
        ["Add", ["tanh", "one"], "added"],
        ["Mul", ["x", "added"], "product"],
        ["Mul", ["product", "half"], "y"],
      ],
      { ...half, three: [3], cubic: [0.044715], factor: [Math.sqrt(2 / Math.PI)] },
    ),
    "FastGelu",
  ],
  [
    "silu",
    modelOf([
      ["Sigmoid", ["x"], "s"],
      ["Mul", ["x", "s"], "y"],
    ]),
    "QuickGelu",
  ],
  [
    "hard-swish",
    modelOf([
      ["HardSigmoid", ["x"], "s", { alpha: 1 / 6, beta: 0.5 }],
      ["Mul", ["s", "x"], "y"],
    ]),
    "HardSwish",
  ],
  [
    "hard-swish: clip",
    modelOf(
      [
        ["Add", ["x", "three"], "added"],
        ["Clip", ["added", "zero", "six"], "clipped"],
        ["Mul", ["x", "clipped"], "product"],
        ["Div", ["product", "six"], "y"],
      ],
      { three: [3], zero: [0], six: [6] },
    ),
    "HardSwish",
  ],
  [
    "layer-normalization",
    modelOf(
      [
        ["ReduceMean", ["x"], "mean", { axes: [-1] }],
        ["Sub", ["x", "mean"], "centered"],
        ["Pow", ["centered", "two"], "square"],
        ["ReduceMean", ["square"], "variance", { axes: [-1] }],
        ["Add", ["variance", "epsilon"], "stable"],
        ["Sqrt", ["stable"], "deviation"],
        ["Div", ["centered", "deviation"], "normal"],
        ["Mul", ["normal", "gamma"], "scaled"],
        ["Add", ["scaled", "beta"], "y"],
      ],
      { two: [2], epsilon: [1e-5], gamma: [...wave(6)], beta: [...wave(6, 0.9)] },
    ),
    "LayerNormalization",
  ],
  [
    "linear",
    modelOf(
      [
        ["MatMul", ["x", "w"], "product"],
        ["Add", ["bias", "product"], "sum"],
        ["Relu", ["sum"], "y"],
      ],
      { w: Weight.of("float32", [6, 5], wave(30)), bias: [...wave(5)] },
    ),
    "Linear",
  ],
])("%s", async (name, model, opType) => {
  const { ops, fused } = compiledOps(model);
  expect(ops).toEqual([opType]);
  expect(fused).toContain(name.split(":")[0]);
  await expectSame(model);
});

test("batch normalization and factors a channel go into the filters", async () => {
  const model = modelOf(
    [
      ["Conv", ["x", "w"], "c", { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["BatchNormalization", ["c", "scale", "shift", "mean", "variance"], "n"],
      ["Mul", ["n", "factor"], "m"],
      ["Div", ["m", "number"], "d"],
      ["Sub", ["d", "number"], "s"],
      ["Clip", ["s", "zero", "six"], "y"],
    ],
    {
      w: Weight.of("float32", [4, 3, 3, 3], wave(108)),
      scale: [1, 2, -1, 0.5],
      shift: [...wave(4)],
      mean: [...wave(4, 0.6)],
      variance: [0.5, 1, 2, 3],
      factor: Weight.of("float32", [4, 1, 1], [1, -2, 3, 0.1]),
      number: Weight.of("float32", [1], [-1.5]),
      zero: [0],
      six: [6],
    },
    [1, 3, 5, 7],
  );
  expect(compiledOps(model).ops).toEqual(["FusedConv"]);
  await expectSame(model, [1, 3, 5, 7], 4);
});

test.each([
  ["numbers for all, before and behind", {}, ["Conv"]],
  ["sums before what is padded stay", { pads: [1, 1, 1, 1] }, ["Mul", "Add", "Conv"]],
  ["filters in groups", { group: 2 }, ["Conv"]],
])("factors and sums go into the filters: %s", async (_, attributes, wanted) => {
  const groups = (attributes as { group?: number }).group ?? 1;
  const model = modelOf(
    [
      ["Mul", ["factor", "x"], "m"],
      ["Add", ["m", "offset"], "a"],
      ["Conv", ["a", "w"], "c", { kernel_shape: [3, 3], ...attributes }],
      ["Mul", ["c", "behind"], "n"],
      ["Sub", ["n", "less"], "y"],
    ],
    {
      w: Weight.of("float32", [6, 4 / groups, 3, 3], wave(216 / groups)),
      factor: [0.7],
      offset: Weight.of("float32", [1], [0.3]),
      behind: Weight.of("float32", [1, 1, 1, 1], [-1.5]),
      less: Weight.of("float32", [6, 1, 1], wave(6)),
    },
    [1, 4, 5, 7],
  );
  expect(compiledOps(model).ops).toEqual(wanted);
  await expectSame(model, [1, 4, 5, 7], 4);
});

test("factors and sums a channel go into depthwise filters, and into those of all channels", async () => {
  for (const group of [1, 4]) {
    const model = modelOf(
      [
        ["Mul", ["x", "factor"], "m"],
        ["Add", ["offset", "m"], "a"],
        ["Conv", ["a", "w", "bias"], "y", { kernel_shape: [3, 3], group }],
      ],
      {
        w: Weight.of("float32", [4, 4 / group, 3, 3], wave(144 / group)),
        bias: [...wave(4)],
        factor: Weight.of("float32", [4, 1, 1], [1, -2, 3, 0.1]),
        offset: Weight.of("float32", [1, 4, 1, 1], [0.5, 1, -1, 2]),
      },
      [1, 4, 5, 7],
    );
    expect(compiledOps(model).ops).toEqual(["Conv"]);
    await expectSame(model, [1, 4, 5, 7], 4);
  }
});

test("what makes a value larger stays before the convolution", () => {
  const model = modelOf(
    [
      ["Mul", ["x", "factor"], "m"],
      ["Conv", ["m", "w"], "y", { kernel_shape: [1, 1] }],
    ],
    { w: Weight.of("float32", [2, 4, 1, 1], wave(8)), factor: Weight.of("float32", [1, 4, 1, 1], wave(4)) },
    [1, 1, 5, 7],
  );
  expect(compiledOps(model).ops).toEqual(["Mul", "Conv"]);
});

test("an encoder becomes linear layers, attention and normalization of sums", async () => {
  const model = encoder({ layers: 2, width: 32, hidden: 64, heads: 4 });
  const { ops } = compiledOps(model);
  const counts: Record<string, number> = {};
  for (const op of ops) counts[op] = (counts[op] ?? 0) + 1;
  expect(counts).toEqual({ Linear: 12, MultiHeadAttention: 2, SkipLayerNormalization: 4 });
  await expectSame(model, [2, 9, 32], 4);
});

test("an encoder in int8 scales its sums where they are made", async () => {
  const model = await quantize(encoder({ layers: 1, width: 32, hidden: 64, heads: 4 }), {
    dtype: "int8",
    mode: "dynamic",
  });
  const { ops } = compiledOps(model);
  expect(ops.filter((op) => op === "MatMulIntegerToFloat")).toHaveLength(6);
  expect(ops).not.toContain("Cast");
  await expectSame(model, [1, 7, 32], 3);
});

test("convolutions take sums and activations", () => {
  const { ops } = compiledOps(mobilenetV2());
  expect(ops).not.toContain("Clip");
  expect(ops).not.toContain("Add");
});

test("declines what others read, what is no constant, and what is left out", async () => {
  const shared = modelOf([...erf, ["Mul", ["x", "added"], "product"], ["Mul", ["product", "half"], "y"]], half);
  shared.graph.addOutput("product", "float32");
  expect(compiledOps(shared).ops).toContain("Erf");
  await expectSame(shared);
  const fed = modelOf(
    [
      ["MatMul", ["x", "w"], "product"],
      ["Relu", ["product"], "y"],
    ],
    {
      w: Weight.of("float32", [6, 5], wave(30)),
    },
  );
  fed.graph.addInput("w", "float32", [6, 5]);
  expect(compiledOps(fed).ops).toEqual(["MatMul", "Relu"]);
  const silu = modelOf([
    ["Sigmoid", ["x"], "s"],
    ["Mul", ["x", "s"], "y"],
  ]);
  expect(fusionNames).toContain("silu");
  const without = canonical(silu, () => new Map(), { without: ["silu"] });
  expect(without.model.graph.nodes.map(({ opType }) => opType)).toEqual(["Sigmoid", "Mul"]);
  expect(silu.graph.nodes).toHaveLength(2);
});

const row = (values: readonly number[]): Weight => Weight.of("float32", [1, 1, values.length], values);

test.each<[string, Model, string]>([
  [
    "a bias with more dimensions than the product",
    modelOf(
      [
        ["MatMul", ["x", "w"], "product"],
        ["Add", ["product", "bias"], "y"],
      ],
      { w: Weight.of("float32", [6, 5], wave(30)), bias: row([...wave(5)]) },
    ),
    "Add",
  ],
  [
    "a number with more dimensions than what it scales",
    modelOf([...erf, ["Mul", ["x", "added"], "product"], ["Mul", ["product", "half"], "y"]], {
      ...half,
      half: row([0.5]),
    }),
    "Erf",
  ],
  [
    "a mask that makes more of the scores",
    modelOf(
      [
        ["Reshape", ["x", "split"], "parts"],
        ["Transpose", ["parts"], "q", { perm: [0, 2, 1, 3] }],
        ["Transpose", ["parts"], "k", { perm: [0, 2, 3, 1] }],
        ["Transpose", ["parts"], "v", { perm: [0, 2, 1, 3] }],
        ["MatMul", ["q", "k"], "scores"],
        ["Add", ["scores", "mask"], "masked"],
        ["Softmax", ["masked"], "weights", { axis: -1 }],
        ["MatMul", ["weights", "v"], "weighted"],
        ["Transpose", ["weighted"], "turned", { perm: [0, 2, 1, 3] }],
        ["Reshape", ["turned", "join"], "y"],
      ],
      {
        split: Weight.of("int64", [4], [1, 3, 2, 4]),
        join: Weight.of("int64", [3], [2, 3, 8]),
        mask: Weight.of("float32", [2, 1, 3, 3], wave(18)),
      },
      [1, 3, 8],
    ),
    "Softmax",
  ],
])("declines %s", async (_, model, op) => {
  expect(compiledOps(model).ops).toContain(op);
  await expectSame(
    model,
    model.graph.inputs[0]!.dims!.map((dim) => dim as number),
  );
});

test("tensors of Constant nodes are weights like others", () => {
  const model = modelOf([
    ["Constant", [], "w", { value: Weight.of("float32", [6, 5], wave(30)) }],
    ["MatMul", ["x", "w"], "product"],
    ["Relu", ["product"], "y"],
  ]);
  const { model: made } = canonical(model, evaluate);
  expect(made.graph.nodes.map(({ opType }) => opType)).toEqual(["Linear"]);
  expect(made.graph.weight(made.graph.nodes[0]!.inputs[1]!)!.dims).toEqual([6, 5]);
});

test("a model whose operators cannot be brought up to date runs as it is", () => {
  const model = modelOf([
    ["Upsample", ["x"], "up", { scales: [1, 2] }],
    ["Sigmoid", ["up"], "s"],
    ["Mul", ["up", "s"], "y"],
  ]);
  model.setOpset("", 7);
  jest.spyOn(Model.prototype, "upgradeOpset").mockImplementation(() => {
    throw new PareError("PARE_UNSUPPORTED", "no way up");
  });
  try {
    expect(compiledOps(model).ops).toEqual(["Upsample", "Sigmoid", "Mul"]);
  } finally {
    jest.restoreAllMocks();
  }
});

test("float16 models compute in float32, and keep what they take and give", async () => {
  const plain = encoder({ layers: 1, width: 32, hidden: 64, heads: 4 });
  const model = await quantize(plain, { dtype: "float16", keepIoTypes: false });
  const [{ name, dtype }] = model.graph.inputs as [{ name: string; dtype: string }];
  const session = await compile(model);
  expect(session.inputMetadata[0]).toMatchObject({ name, type: dtype });
  const { ops } = compiledOps(model);
  expect(ops.filter((op) => op === "Cast").length).toBeLessThanOrEqual(2);
});
