/** If, Loop and Scan. */
import { Model, Weight, type Graph, type NodeDescription } from "../../lib/model/index.js";
import { expectError } from "../errors.js";
import { number, parseType, typeText } from "./infer.js";

interface Body {
  inputs?: Record<string, string>;
  nodes: NodeDescription[];
  outputs: string[];
  weights?: Record<string, Weight>;
}
/** A graph for a node's attribute. */
function body({ inputs = {}, nodes, outputs, weights = {} }: Body): Graph {
  const { graph } = Model.create();
  for (const [name, type] of Object.entries(inputs)) {
    const { dtype, dims } = parseType(type);
    graph.addInput(name, dtype, dims);
  }
  for (const [name, weight] of Object.entries(weights)) graph.addWeight(name, weight);
  for (const node of nodes) graph.addNode(node);
  graph.proto.output = outputs.map((name) => ({
    ...Model.create().graph.proto.output[0]!,
    $typeName: "onnx.ValueInfoProto",
    name,
    docString: "",
    metadataProps: [],
  }));
  return graph;
}
function model(inputs: Record<string, string>, nodes: NodeDescription[]): Model {
  const made = Model.create({ opset: 17 });
  for (const [name, type] of Object.entries(inputs)) {
    const { dtype, dims } = parseType(type);
    made.graph.addInput(name, dtype, dims);
  }
  for (const node of nodes) made.graph.addNode(node);
  return made;
}
const branch = (opType: string, input = "x"): Graph =>
  body({ nodes: [{ opType, inputs: [input], outputs: [`${opType}_out`] }], outputs: [`${opType}_out`] });

test("If: branches of one shape, which read values from outside", () => {
  const made = model({ c: "bool[]", x: "float32[N, 3]" }, [
    {
      opType: "If",
      inputs: ["c"],
      outputs: ["y"],
      attributes: { then_branch: branch("Exp"), else_branch: branch("Relu") },
    },
  ]);
  expect(typeText(made.inferShapes().get("y"))).toBe("float32[N, 3]");
});

test("If: what differs between the branches is unknown", () => {
  const made = model({ c: "bool[]", x: "float32[N, 3]" }, [
    {
      opType: "If",
      inputs: ["c"],
      outputs: ["y"],
      attributes: { then_branch: branch("Exp"), else_branch: branch("Transpose") },
    },
    {
      opType: "If",
      inputs: ["c"],
      outputs: ["z"],
      attributes: { then_branch: branch("Abs"), else_branch: branch("Shape") },
    },
  ]);
  expect(typeText(made.inferShapes().get("y"))).toBe("float32[?, ?]");
  expect(typeText(made.inferShapes().get("z"))).toBe("unknown");
});

test("If: a condition that follows from shapes picks its branch", () => {
  const made = model({ x: "float32[N, 1]" }, [
    { opType: "Shape", inputs: ["x"], outputs: ["s"] },
    { opType: "Constant", inputs: [], outputs: ["i"], attributes: { value: number(1) } },
    { opType: "Gather", inputs: ["s", "i"], outputs: ["d"] },
    { opType: "Equal", inputs: ["d", "i"], outputs: ["c"] },
    {
      opType: "If",
      inputs: ["c"],
      outputs: ["y"],
      attributes: { then_branch: branch("Flatten"), else_branch: branch("Shape") },
    },
  ]);
  expect(typeText(made.inferShapes().get("y"))).toBe("float32[N, 1]");
});

const step: Body = {
  inputs: { i: "int64[]", go: "bool[]", a: "float32" },
  nodes: [
    { opType: "Identity", inputs: ["go"], outputs: ["on"] },
    { opType: "Add", inputs: ["a", "x"], outputs: ["b"] },
    { opType: "Exp", inputs: ["b"], outputs: ["seen"] },
  ],
  outputs: ["on", "b", "seen"],
};
const loop = (inner: Graph, outputs = ["y", "all"]): NodeDescription => ({
  opType: "Loop",
  name: "it",
  inputs: ["m", "", "a0"],
  outputs,
  attributes: { body: inner },
});

test("Loop: what is carried, and what is collected", () => {
  const made = model({ m: "int64[]", a0: "float32[N, 3]", x: "float32[N, 3]" }, [loop(body(step))]);
  const shapes = made.inferShapes();
  expect(typeText(shapes.get("y"))).toBe("float32[N, 3]");
  expect(typeText(shapes.get("all"))).toBe("float32[?, N, 3]");
  // Values inside are known too.
  expect(typeText(shapes.get("b"))).toBe("float32[N, 3]");
});

test("Loop: a dimension that grows is unknown", () => {
  const grow = body({
    ...step,
    nodes: [
      step.nodes[0]!,
      { opType: "Concat", inputs: ["a", "x"], outputs: ["b"], attributes: { axis: 0 } },
      step.nodes[2]!,
    ],
  });
  const made = model({ m: "int64[]", a0: "float32[2, 3]", x: "float32[N, 3]" }, [loop(grow)]);
  expect(typeText(made.inferShapes().get("y"))).toBe("float32[?, 3]");
});

test("Loop: a rank that grows is unknown", () => {
  const grow = body({
    ...step,
    weights: { zero: Weight.of("int64", [1], [0]) },
    nodes: [
      { opType: "Identity", inputs: ["go"], outputs: ["on"] },
      { opType: "Shape", inputs: ["a"], outputs: ["seen"] },
      { opType: "Unsqueeze", inputs: ["a", "zero"], outputs: ["b"] },
    ],
  });
  const made = model({ m: "int64[]", a0: "float32[2, 3]" }, [loop(grow)]);
  expect(typeText(made.inferShapes().get("y"))).toBe("float32");
});

test("Loop: bodies of other counts are refused", () => {
  const made = model({ m: "int64[]", a0: "float32[2]", x: "float32[2]" }, [
    loop(body({ ...step, outputs: ["on", "b"] })),
  ]);
  expectError(() => made.inferShapes(), "PARE_MODEL", /^Loop "it": its body has 2 outputs; 3 are needed/);
  const few = model({ m: "int64[]", a0: "float32[2]", x: "float32[2]" }, [
    loop(body({ ...step, inputs: { i: "int64[]", go: "bool[]" } })),
  ]);
  expectError(() => few.inferShapes(), "PARE_MODEL", /its body has 2 inputs; 3 are passed/);
});

test("Scan: states, and one element of each scanned input", () => {
  const inner = body({
    inputs: { s: "float32", e: "float32" },
    nodes: [
      { opType: "Add", inputs: ["s", "e"], outputs: ["t"] },
      { opType: "Identity", inputs: ["t"], outputs: ["o"] },
    ],
    outputs: ["t", "o"],
  });
  const made = model({ s0: "float32[3]", x: "float32[T, 3]" }, [
    {
      opType: "Scan",
      name: "it",
      inputs: ["s0", "x"],
      outputs: ["last", "all"],
      attributes: { body: inner, num_scan_inputs: 1, scan_output_axes: [-1] },
    },
  ]);
  expect(typeText(made.inferShapes().get("last"))).toBe("float32[3]");
  expect(typeText(made.inferShapes().get("all"))).toBe("float32[3, T]");
});

test("graphs nested beyond sense are refused, not followed", () => {
  let inner = branch("Exp");
  for (let depth = 0; depth < 80; depth++)
    inner = body({
      nodes: [
        {
          opType: "If",
          inputs: ["c"],
          outputs: [`y${depth}`],
          attributes: { then_branch: inner, else_branch: branch("Exp") },
        },
      ],
      outputs: [`y${depth}`],
    });
  const made = model({ c: "bool[]", x: "float32[2]" }, [
    { opType: "If", inputs: ["c"], outputs: ["y"], attributes: { then_branch: inner, else_branch: branch("Exp") } },
  ]);
  expectError(() => made.inferShapes(), "PARE_MODEL", /nest more than 64 deep/);
});
