/** Graphs in half precision: where Casts stand, what stays float32, what the report says of moved values. */
import { Weight, type Model } from "../../lib/model/index.js";
import { quantize, type QuantizeOptions, type QuantizedModel } from "../../lib/quantize/index.js";
import { cosine, floats, runInOnnxRuntime } from "../onnxruntime.js";
import { build, lines, node } from "./build.js";

const vector = (...values: number[]): Weight => Weight.of("float32", [values.length], values);
const matrix = (rows: number, columns: number, seed = 1): Weight =>
  Weight.of("float32", [rows, columns], floats(rows * columns, seed));
const dtypes = ({ graph }: Model): Record<string, string> =>
  Object.fromEntries([...graph.weights()].map(([name, { dtype }]) => [name, dtype]));

async function half(model: Model, options: Partial<QuantizeOptions> = {}): Promise<QuantizedModel> {
  const made = await quantize(model, { dtype: "float16", ...options });
  if (options.dtype === "bfloat16" || options.keepIoTypes === false) return made;
  const feeds = { x: { type: "float32" as const, dims: model.graph.inputs[0]!.dims as number[], data: floats(16, 5) } };
  const [want, got] = runInOnnxRuntime([model, made].map((one) => ({ model: one.toBytes(), feeds })));
  for (const outputs of [want, got]) if (outputs instanceof Error) throw outputs;
  const [a, b] = [want, got].map((outputs) => (outputs as Record<string, { data: Float32Array }>).y!.data);
  expect(cosine(a!, b!)).toBeGreaterThan(0.9999);
  return made;
}

test("one Cast in and one out; weights become float16", async () => {
  const model = build([node("MatMul", "x w", "h"), node("Relu", "h", "y")], { w: matrix(8, 4) });
  const made = await half(model);
  expect(lines(made)).toEqual([
    "Cast x → x_as_float16",
    "MatMul x_as_float16 w → h",
    "Relu h → y_as_float16",
    "Cast y_as_float16 → y",
  ]);
  expect(dtypes(made)).toEqual({ w: "float16" });
  expect(dtypes(model)).toEqual({ w: "float32" });
});

test("blocked operators stand between Casts, two of them in a row without", async () => {
  const made = await half(
    build(
      [node("MatMul", "x w", "a"), node("Min", "a high", "b"), node("Max", "b low", "c"), node("MatMul", "c v", "y")],
      { w: matrix(8, 4), v: matrix(4, 4, 2), low: vector(-0.5), high: vector(0.5) },
    ),
  );
  expect(lines(made)).toEqual([
    "Cast x → x_as_float16",
    "MatMul x_as_float16 w → a",
    "Cast a → a_as_float32",
    "Min a_as_float32 high → b",
    "Max b low → c",
    "Cast c → c_as_float16",
    "MatMul c_as_float16 v → y_as_float16",
    "Cast y_as_float16 → y",
  ]);
  expect(dtypes(made)).toEqual({ w: "float16", v: "float16", low: "float32", high: "float32" });
});

test("a weight of a half and a blocked operator is stored once, as float16", async () => {
  const made = await half(
    build([node("Add", "x w", "a"), node("Min", "a w", "b"), node("Relu", "b", "y")], {
      w: matrix(2, 8),
    }),
  );
  expect(dtypes(made)).toEqual({ w: "float16" });
  expect(lines(made)).toContain("Cast w → w_as_float32");
});

test("a Cast to float and shape arithmetic keep their types", async () => {
  const made = await half(
    build(
      [
        node("Shape", "x", "s"),
        node("Cast", "s", "f", { to: 1 }),
        node("ReduceMax", "f", "m", { keepdims: 0 }),
        node("Div", "x m", "y"),
      ],
      {},
    ),
  );
  expect(lines(made).slice(0, 4)).toEqual([
    "Shape x → s",
    "Cast s → f",
    "Cast f → f_as_float16",
    "ReduceMax f_as_float16 → m",
  ]);
});

test("ConstantOfShape without a value makes float16 zeros", async () => {
  const made = await half(
    build([node("Shape", "x", "s"), node("ConstantOfShape", "s", "z"), node("Add", "x z", "y")], {}),
  );
  const constant = made.graph.nodes.find(({ opType }) => opType === "ConstantOfShape")!;
  expect((constant.attribute("value") as Weight).dtype).toBe("float16");
});

test("a value both read and handed out is cast once for the caller", async () => {
  const model = build([node("MatMul", "x w", "y"), node("Relu", "y", "z")], { w: matrix(8, 4) });
  model.graph.addOutput("z", "float32");
  const made = await half(model);
  expect(lines(made).filter((line) => line.startsWith("Cast"))).toEqual([
    "Cast x → x_as_float16",
    "Cast y_as_float16 → y",
    "Cast z_as_float16 → z",
  ]);
});

test("magnitudes that float16 does not hold are moved, counted and kept out of the error", async () => {
  const mask = Weight.of("float32", [2, 8], [-3.4e38, 1e-9, -2e-8, ...Array<number>(13).fill(0.25)]);
  const made = await quantize(build([node("Add", "x w", "y")], { w: mask }), { dtype: "float16" });
  expect(made.report.notes).toEqual([
    "w: 1 of its magnitudes were above 10000 and became that.",
    "2 magnitudes below 1e-7, in 1 tensors, became that.",
  ]);
  expect(made.report.rows[0]!.snrDb).toBeGreaterThan(60);
  const values = made.graph.weight("w")!.toFloats();
  expect([...values.slice(0, 3)].map((value) => Number(value.toPrecision(3)))).toEqual([-1e4, 1.19e-7, -1.19e-7]);
});

test("a normalization with a large variance stays float32 with what feeds it", async () => {
  const model = build(
    [node("Conv", "x w", "a"), node("BatchNormalization", "a one zero zero variance", "b"), node("Relu", "b", "y")],
    {
      w: Weight.of("float32", [2, 1, 1, 1], [9e4, 8e4]),
      one: vector(1, 1),
      zero: vector(0, 0),
      variance: vector(1e9, 3e8),
    },
    { dims: [1, 1, 4, 4] },
  );
  const made = await half(model);
  expect(lines(made)).toEqual([
    "Conv x w → a",
    "BatchNormalization a one zero zero variance → b",
    "Cast b → b_as_float16",
    "Relu b_as_float16 → y_as_float16",
    "Cast y_as_float16 → y",
  ]);
  expect(made.report.notes.join()).toMatch(/a and b stay float32: a variance above 10000/);
});

test("keepIoTypes: false moves the types of inputs and outputs too", async () => {
  const model = build([node("Relu", "x", "y")], {});
  model.graph.addOutput("x2", "float32");
  model.graph.addNode(node("Neg", "x", "x2"));
  const made = await half(model, { keepIoTypes: false });
  expect(lines(made)).toEqual(["Relu x → y", "Neg x → x2"]);
  expect([...made.graph.inputs, ...made.graph.outputs].map(({ dtype }) => dtype)).toEqual(Array(3).fill("float16"));
});

test("bfloat16 stores weights and computes in float32, unless told what it may compute in", async () => {
  const model = build([node("MatMul", "x w", "h"), node("Add", "h b", "y")], {
    w: matrix(8, 16),
    b: vector(...Array<number>(16).fill(0.1)),
  });
  const stored = await half(model, { dtype: "bfloat16" });
  expect(lines(stored)).toEqual(["Cast w → w_as_float32", "MatMul x w_as_float32 → h", "Add h b → y"]);
  expect(dtypes(stored)).toEqual({ w: "bfloat16", b: "float32" });
  const computed = await half(model, { dtype: "bfloat16", blockedOps: [] });
  expect(dtypes(computed)).toEqual({ w: "bfloat16", b: "bfloat16" });
  expect(lines(computed).at(-1)).toBe("Cast y_as_bfloat16 → y");
});

test("value types that the file declares follow", async () => {
  const model = build([node("Relu", "x", "h"), node("Neg", "h", "y")], {});
  const made = await half(model);
  expect(made.graph.valueInfo("x")!.dtype).toBe("float32");
  expect(made.graph.valueInfo("y")!.dtype).toBe("float32");
});

test("an overridable weight keeps its type and is cast", async () => {
  const model = build([node("Add", "x w", "y")], { w: matrix(2, 8) });
  model.graph.addInput("w", "float32", [2, 8]);
  const made = await quantize(model, { dtype: "float16" });
  expect(dtypes(made)).toEqual({ w: "float32" });
  expect(lines(made)).toContain("Cast w → w_as_float16");
});
