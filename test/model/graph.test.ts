/** Building and changing graphs. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, loadSync, Model, Weight } from "../../lib/model/index.js";
import { expectError, expectRejection } from "../errors.js";

/** y = Relu(x · w + b), b in a Constant node. */
function small(): Model {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", ["N", 3]);
  graph.addOutput("y", "float32", ["N", 2]);
  graph.addWeight("w", Weight.of("float32", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)));
  graph.addNode({
    opType: "Constant",
    inputs: [],
    outputs: ["b"],
    attributes: { value: Weight.of("float32", [2], [1, -1]) },
  });
  graph.addNode({ opType: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"] });
  graph.addNode({ opType: "Add", inputs: ["p", "b"], outputs: ["s"] });
  graph.addNode({ opType: "Relu", inputs: ["s"], outputs: ["y"] });
  return model;
}

test("weights are initializers and Constant nodes, and are replaced where they stand", () => {
  const { graph } = small();
  expect([...graph.weights()].map(([name, { dims }]) => [name, dims])).toEqual([
    ["w", [3, 2]],
    ["b", [2]],
  ]);
  graph.setWeight("b", Weight.of("float32", [2], [7, 8]));
  expect(Array.from(graph.weight("b")!.toFloats())).toEqual([7, 8]);
  expect(graph.producer("b")?.opType).toBe("Constant");
});

test("producers and consumers follow edits", () => {
  const { graph } = small();
  const relu = graph.producer("y")!;
  expect(graph.consumers("s")).toEqual([relu]);
  const added = graph.addNode({ opType: "Abs", inputs: ["s"], outputs: [graph.uniqueName("s")] }, { before: relu });
  expect(added.outputs).toEqual(["s_1"]);
  relu.setInput(0, "s_1");
  expect(graph.consumers("s")).toEqual([added]);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Constant", "MatMul", "Add", "Abs", "Relu"]);
  graph.replaceUses("p", "x");
  expect(graph.consumers("p")).toEqual([]);
  expect(graph.removeUnused()).toBe(2); // the product and its weight
  expect(graph.weight("w")).toBeUndefined();
});

test("sorting puts nodes behind what they read and names a cycle", () => {
  const { graph } = small();
  graph.proto.node.reverse();
  const turned = new Model(graph.model.proto);
  turned.graph.sort();
  expect(turned.graph.nodes.at(-1)!.opType).toBe("Relu");
  turned.graph.producer("p")!.setInput(0, "y");
  expectError(
    () => {
      turned.graph.sort();
    },
    "PARE_MODEL",
    /cycle.*needs/,
  );
});

test("a clone has its own messages and the same bytes", () => {
  const model = small();
  const copy = model.clone();
  copy.graph.removeNode(copy.graph.producer("y")!);
  copy.graph.setWeight("w", Weight.of("float32", [1], [0]));
  expect(model.graph.nodes).toHaveLength(4);
  expect(model.graph.weight("w")!.dims).toEqual([3, 2]);
  expect(model.clone().graph.weight("w")!.bytes).toBe(model.graph.weight("w")!.bytes);
});

test("graphs inside nodes capture values of the graph around them", () => {
  const model = small();
  const { graph } = model;
  const branch = (name: string, opType: string): Model => {
    const inner = Model.create();
    inner.graph.addOutput(name, "float32");
    inner.graph.addNode({ opType, inputs: ["s"], outputs: [name] });
    return inner;
  };
  graph.addWeight("c", Weight.of("bool", [], [1]));
  const node = graph.addNode({
    opType: "If",
    inputs: ["c"],
    outputs: ["z"],
    attributes: { then_branch: branch("t", "Abs").graph, else_branch: branch("e", "Neg").graph },
  });
  expect(graph.consumers("s").map(({ opType }) => opType)).toEqual(["Relu", "Abs", "Neg"]);
  expect([...node.subgraphs[0]!.captures()]).toEqual(["s"]);
  graph.replaceUses("s", "p");
  expect(graph.consumers("s")).toEqual([]);
  expect(node.subgraphs[1]!.nodes[0]!.inputs).toEqual(["p"]);
  expect([...model.clone().graph.walk()]).toHaveLength(3);
});

test("attributes come back as they were set", () => {
  const { graph } = small();
  const node = graph.addNode({ opType: "Test", domain: "mine", inputs: [], outputs: ["t"] });
  const values = { i: 3, f: 0.5, s: "text", is: [1, 2], fs: [0.5, 2], ss: ["a", "b"] };
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
  node.setAttribute("whole", 2, "float");
  for (const [name, value] of Object.entries(values)) expect(node.attribute(name)).toEqual(value);
  expect(node.proto.attribute.at(-1)).toMatchObject({ f: 2 });
  node.setAttribute("i", undefined);
  expect(node.attributeNames).not.toContain("i");
});

describe("files", () => {
  const folder = mkdtempSync(join(tmpdir(), "pare-model-"));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "model.onnx");

  test("saving over the input works and leaves nothing beside", async () => {
    await small().save(path);
    const model = await load(path);
    model.graph.setWeight("w", Weight.of("float32", [3, 2], new Float32Array(6)));
    await model.save(path);
    expect(Array.from((await load(path)).graph.weight("w")!.toFloats())).toEqual([0, 0, 0, 0, 0, 0]);
    expect(readdirSync(folder)).toEqual(["model.onnx"]);
  });

  test("external data is written, read, and written again", async () => {
    const model = small();
    const large = Float32Array.from({ length: 1000 }, (_, i) => i);
    model.graph.addWeight("large", Weight.of("float32", [1000], large));
    const file = join(folder, "external.onnx");
    await model.save(file, { externalData: true });
    const back = await load(file);
    expect(back.hasExternalData).toBe(true);
    expect(back.graph.weight("large")!.toFloats()).toEqual(large);
    await back.save(file);
    expect((await load(file)).graph.weight("large")!.toFloats()).toEqual(large);
    expect(readdirSync(folder)).toContain("external.onnx_data");
    rmSync(join(folder, "external.onnx_data"));
    await expectRejection(
      load(file),
      "PARE_FILE",
      /external.onnx: tensor "large" lies in "external.onnx_data", which is not/,
    );
  });

  const wrong: [string, string | Uint8Array, string, RegExp][] = [
    ["an empty file", "", "PARE_FILE", /it is empty/],
    ["a text file", "hello there\n", "PARE_FILE", /looks like text/],
    ["a zip archive", "PK\x03\x04aaaa", "PARE_FILE", /zip archive/],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\n", "PARE_FILE", /Git LFS/],
    ["a truncated model", small().toBytes().subarray(0, 100), "PARE_FILE", /truncated/],
  ];
  test.each(wrong)("%s is refused", async (_, content, code, message) => {
    const file = join(folder, "wrong.onnx");
    writeFileSync(file, content);
    await expectRejection(load(file), code, message);
    await expectRejection(load(file, { mmap: false }), code, message);
  });

  test("a folder and a missing file are refused", () => {
    expectError(() => loadSync(folder), "PARE_FILE", /[Dd]irectory/);
    expectError(() => loadSync(join(folder, "none.onnx")), "PARE_FILE", /[Nn]o such file/);
  });
});
