/** Building and changing graphs. */
import { loadSync, Model, Weight } from "../../lib/model/index.js";
import { valueInfo } from "../../lib/model/value.js";
import { expectError } from "../errors.js";
import { small } from "./small.js";

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

test("a value is renamed wherever it is made, read and declared", () => {
  const model = small();
  const { graph } = model;
  graph.rename("w", "kernel");
  graph.rename("p", "product");
  graph.rename("y", "probabilities");
  graph.rename("x", "image");
  expect(graph.nodes.map(({ inputs, outputs }) => [...inputs, ...outputs])).toEqual([
    ["b"],
    ["image", "kernel", "product"],
    ["product", "b", "s"],
    ["s", "probabilities"],
  ]);
  expect(graph.inputs[0]!.name).toBe("image");
  expect(graph.outputs[0]!.name).toBe("probabilities");
  expect(graph.weight("kernel")!.dims).toEqual([3, 2]);
  expect(graph.weight("w")).toBeUndefined();
  expect(graph.isOutput("probabilities")).toBe(true);
  expectError(
    () => {
      graph.rename("s", "b");
    },
    "PARE_MODEL",
    /"s" cannot become "b", which exists/,
  );
  expect(loadSync(model.toBytes()).graph.nodes).toHaveLength(4);
});

test("unused nodes go with what only they, or graphs inside them, read", () => {
  const model = small();
  const { graph } = model;
  const inner = Model.create();
  inner.graph.addOutput("t", "float32");
  inner.graph.addNode({ opType: "Neg", inputs: ["extra"], outputs: ["t"] });
  graph.addWeight("c", Weight.of("bool", [], [1]));
  graph.addNode({ opType: "Abs", inputs: ["s"], outputs: ["extra"] });
  const attributes = { then_branch: inner.graph, else_branch: inner.clone().graph };
  graph.addNode({ opType: "If", inputs: ["c"], outputs: ["z"], attributes });
  expect(graph.removeUnused()).toBe(3);
  expect(graph.nodes.map(({ opType }) => opType)).toEqual(["Constant", "MatMul", "Add", "Relu"]);
  expect(graph.weight("c")).toBeUndefined();
  graph.addOutput("p", "float32");
  expect(graph.removeUnused()).toBe(0);
});

test("a weight that the caller can override stays, and its declared type follows it", () => {
  const { graph } = small();
  graph.addInput("free", "float32", [2]);
  const tensor = graph.addWeight("other", Weight.of("float32", [2], [1, 2]));
  graph.proto.initializer.at(-1)!.name = "free";
  const again = loadSync(graph.model.toBytes()).graph;
  expect(tensor).toBe("other");
  expect(again.isOverridable("free")).toBe(true);
  expect(again.isOverridable("w")).toBe(false);
  expect(again.removeUnused()).toBe(0);
  again.setWeight("free", Weight.of("int8", [1], [1]));
  expect(again.inputs.find(({ name }) => name === "free")).toEqual({ name: "free", dtype: "int8", dims: [1] });
});

test("what is said of a value's type goes with the value", () => {
  const { graph } = small();
  graph.proto.valueInfo.push(valueInfo("p", "float32", ["N", 2]), valueInfo("s", "float32", ["N", 2]));
  graph.removeNode(graph.producer("p")!);
  expect(graph.proto.valueInfo.map(({ name }) => name)).toEqual(["s"]);
});

test("names are unique in the whole model, and a node's name is free again once it is gone", () => {
  const { graph } = small();
  expect([graph.uniqueName("p"), graph.uniqueName("p"), graph.uniqueName("new"), graph.uniqueName("new")]).toEqual([
    "p_1",
    "p_2",
    "new",
    "new_1",
  ]);
  const old = graph.producer("p")!;
  graph.removeNode(old);
  const node = { opType: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"] };
  expect(graph.addNode(node).name).toBe("product");
  expect(graph.addNode({ ...node, outputs: ["q"] }).name).toBe("product_1");
  expectError(() => graph.addNode(node), "PARE_MODEL", /MatMul would make "p", which exists/);
});

test("whole numbers become floats where ONNX has a float of that name", () => {
  const { graph } = small();
  const attributes = { alpha: 1, transB: 1, scales: [1, 2], axes: [1, 2], big: 2n ** 60n };
  const { proto, ...node } = graph.addNode({ opType: "Test", inputs: [], outputs: ["t"], attributes });
  expect(node).toBeDefined();
  expect(proto.attribute.map(({ type }) => type)).toEqual([1, 2, 6, 7, 2]);
  expect(graph.producer("t")!.attribute("big")).toBe(2n ** 60n);
});
