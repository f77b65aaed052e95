/** QuantizeLinear → DequantizeLinear around an operator becomes the operator on integers, with the same results. */
import { compile, Model, Tensor, Weight } from "../../lib/index.js";
import type { AttributeValue } from "../../lib/model/index.js";
import { canonical } from "../../lib/rewrite/canonical.js";
import { floats } from "../onnxruntime.js";

type Step = [opType: string, inputs: string[], output: string, attributes?: Record<string, AttributeValue>];

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);
const bytes = (count: number, seed: number): number[] => Array.from(floats(count, seed), (x) => Math.round(100 * x));
const grids: Record<string, Weight> = Object.fromEntries(
  ["x", "y", "z"].flatMap((name, i) => [
    [`${name}_scale`, Weight.of("float32", [], [0.02 + 0.013 * i])],
    [`${name}_zero`, Weight.of("uint8", [], [120 + 3 * i])],
  ]),
);
const relu = { y_zero: Weight.of("uint8", [], [0]) };

/** x [dims] on its grid, the steps, and the last value on the grid of y. */
function modelOf(
  steps: readonly Step[],
  weights: Record<string, Weight>,
  dims: readonly number[],
  isOpen = false,
): Model {
  const model = Model.create({ name: "qdq", opset: 17, irVersion: 8 });
  const { graph } = model;
  graph.addInput("x", "float32", dims);
  for (const [name, value] of Object.entries({ ...grids, ...weights })) graph.addWeight(name, value);
  const last = steps.at(-1)![2];
  const all: Step[] = [
    ["QuantizeLinear", ["x", "x_scale", "x_zero"], "xq"],
    ["DequantizeLinear", ["xq", "x_scale", "x_zero"], "xd"],
    ...steps,
    ...((isOpen
      ? []
      : [
          ["QuantizeLinear", [last, "y_scale", "y_zero"], "yq"],
          ["DequantizeLinear", ["yq", "y_scale", "y_zero"], "result"],
        ]) satisfies Step[]),
  ];
  for (const [opType, inputs, output, attributes = {}] of all)
    graph.addNode({ opType, inputs, outputs: [output], attributes });
  graph.addOutput(isOpen ? last : "result", "float32");
  return model;
}

const opsOf = (model: Model): string[] =>
  canonical(model, () => new Map()).model.graph.nodes.map(({ opType }) => opType);

/** Filters or a matrix as integers with a scale each, and a bias in steps of the products. */
function weightsOf(dims: readonly number[], axis: number, seed = 3): Record<string, Weight> {
  const count = sizeOf(dims);
  const size = dims[axis]!;
  const scales = Array.from({ length: size }, (_, i) => 0.01 * (1 + i));
  return {
    w: Weight.of("int8", dims, bytes(count, seed)),
    w_scale: Weight.of("float32", [size], scales),
    w_zero: Weight.of("int8", [size], Array<number>(size).fill(0)),
    b: Weight.of("int32", [size], bytes(size, seed + 1)),
    b_scale: Weight.of(
      "float32",
      [size],
      scales.map((scale) => Math.fround(Math.fround(0.02) * Math.fround(scale))),
    ),
    b_zero: Weight.of("int32", [size], Array<number>(size).fill(0)),
  };
}
const weight = (axis: number): Step[] => [
  ["DequantizeLinear", ["w", "w_scale", "w_zero"], "wd", { axis }],
  ["DequantizeLinear", ["b", "b_scale", "b_zero"], "bd", { axis: 0 }],
];
const side: Step[] = [
  ["Neg", ["xd"], "negative"],
  ["QuantizeLinear", ["negative", "z_scale", "z_zero"], "zq"],
  ["DequantizeLinear", ["zq", "z_scale", "z_zero"], "zd"],
];

/** Integers give what floats between the grids give, but for a step where a value lies halfway. */
async function expectOneStep(model: Model): Promise<void> {
  const dims = model.graph.inputs[0]!.dims as number[];
  const x = new Tensor("float32", floats(sizeOf(dims), 5), dims);
  const [plain, fused] = [await compile(model, { optimize: false }), await compile(model)];
  const [name] = plain.outputNames as [string];
  const [want, got] = [(await plain.run({ x }))[name]!, (await fused.run({ x }))[name]!];
  expect(got.dims).toEqual(want.dims);
  const largestStep = 0.047;
  (want.data as Float32Array).forEach((value, i) => {
    expect(Math.abs((got.data as Float32Array)[i]! - value)).toBeLessThan(largestStep);
  });
}

test.each<[string, Model, string[]]>([
  [
    "Conv with Relu",
    modelOf(
      [...weight(0), ["Conv", ["xd", "wd", "bd"], "c", { pads: [1, 1, 1, 1] }], ["Relu", ["c"], "r"]],
      { ...weightsOf([4, 3, 3, 3], 0), ...relu },
      [2, 3, 5, 7],
    ),
    ["QuantizeLinear", "QLinearConv", "DequantizeLinear"],
  ],
  [
    "MatMul",
    modelOf([...weight(1), ["MatMul", ["xd", "wd"], "p"]], weightsOf([6, 5], 1), [3, 6]),
    ["QuantizeLinear", "QLinearMatMul", "DequantizeLinear"],
  ],
  [
    "MatMul to floats, with a bias",
    modelOf(
      [...weight(1), ["MatMul", ["xd", "wd"], "p"], ["Add", ["p", "bias"], "y"]],
      { ...weightsOf([6, 5], 1), bias: Weight.of("float32", [5], floats(5, 8)) },
      [3, 6],
      true,
    ),
    ["QuantizeLinear", "MatMulIntegerToFloat"],
  ],
  [
    "Gemm",
    modelOf([...weight(0), ["Gemm", ["xd", "wd", "bd"], "p", { transB: 1 }]], weightsOf([5, 6], 0), [3, 6]),
    ["QuantizeLinear", "QGemm", "DequantizeLinear"],
  ],
  [
    "Gemm to floats",
    modelOf([...weight(0), ["Gemm", ["xd", "wd", "bd"], "p", { transB: 1 }]], weightsOf([5, 6], 0), [3, 6], true),
    ["QuantizeLinear", "QGemm"],
  ],
  [
    "Add, Mul, Sigmoid and Concat",
    modelOf(
      [
        ...side,
        ["Add", ["xd", "zd"], "sum"],
        ["QuantizeLinear", ["sum", "y_scale", "y_zero"], "sq"],
        ["DequantizeLinear", ["sq", "y_scale", "y_zero"], "sd"],
        ["Mul", ["sd", "xd"], "product"],
        ["QuantizeLinear", ["product", "y_scale", "y_zero"], "pq"],
        ["DequantizeLinear", ["pq", "y_scale", "y_zero"], "pd"],
        ["Sigmoid", ["pd"], "s"],
        ["QuantizeLinear", ["s", "z_scale", "z_zero"], "gq"],
        ["DequantizeLinear", ["gq", "z_scale", "z_zero"], "gd"],
        ["Concat", ["gd", "pd"], "joined", { axis: 1 }],
      ],
      {},
      [3, 6],
    ),
    [
      ...["QuantizeLinear", "DequantizeLinear", "Neg", "QuantizeLinear"],
      ...["QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearConcat", "DequantizeLinear"],
    ],
  ],
  [
    "MaxPool and Reshape on one grid",
    modelOf(
      [
        ["MaxPool", ["xd"], "m", { kernel_shape: [2, 2], strides: [2, 2] }],
        ["QuantizeLinear", ["m", "x_scale", "x_zero"], "mq"],
        ["DequantizeLinear", ["mq", "x_scale", "x_zero"], "md"],
        ["Reshape", ["md", "flat"], "f"],
      ],
      { flat: Weight.of("int64", [2], [1, -1]), y_scale: grids.x_scale!, y_zero: grids.x_zero! },
      [1, 2, 4, 6],
    ),
    ["QuantizeLinear", "MaxPool", "Reshape", "DequantizeLinear"],
  ],
])("%s", async (_, model, ops) => {
  expect(opsOf(model)).toEqual(ops);
  await expectOneStep(model);
});

test.each<[string, Model, string]>([
  [
    "a Relu that the grid does not do",
    modelOf(
      [...weight(0), ["Conv", ["xd", "wd", "bd"], "c"], ["Relu", ["c"], "r"]],
      weightsOf([4, 3, 3, 3], 0),
      [2, 3, 5, 7],
    ),
    "FusedConv",
  ],
  [
    "a bias on another grid",
    modelOf(
      [...weight(0), ["Gemm", ["xd", "wd", "bd"], "p", { transB: 1 }]],
      { ...weightsOf([5, 6], 0), b_scale: Weight.of("float32", [5], [1, 1, 1, 1, 1]) },
      [3, 6],
    ),
    "Gemm",
  ],
  [
    "a move from one grid to another",
    modelOf([["Reshape", ["xd", "flat"], "f"]], { flat: Weight.of("int64", [2], [1, -1]) }, [1, 2, 4, 6]),
    "QuantizeLinear",
  ],
])("declines %s", async (_, model, op) => {
  expect(opsOf(model).filter((one) => one === op).length).toBeGreaterThan(op === "QuantizeLinear" ? 1 : 0);
  const { outcomes } = canonical(model, () => new Map());
  expect(outcomes.some(({ reason }) => reason !== undefined)).toBe(true);
  await expectOneStep(model);
});
