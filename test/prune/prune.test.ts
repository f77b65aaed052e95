/** Pruning a model: what is pruned, what is left alone, and what the report says. */
import { binding } from "../../lib/binding.js";
import { Model, Weight } from "../../lib/model/index.js";
import { prune, type PruneOptions } from "../../lib/prune/index.js";
import { expectRejection } from "../errors.js";
import { eachLevel, hardFloats, onReference, randomNumbers } from "../kernels/levels.js";
import { modelOf, valuesOf, type Values } from "./models.js";

function values(...dims: number[]): Values {
  const next = randomNumbers(dims.length + dims[0]!);
  return { dims, data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => next() + 0.01) };
}
const zerosIn = (all: readonly number[]): number => all.filter((value) => value === 0).length;
const reasonFor = ({ report }: { report: { skipped: { name: string; reason: string }[] } }, name: string): string =>
  report.skipped.find((one) => one.name === name)?.reason ?? "";

test("returns a new model and leaves the given one alone, unless inPlace is asked for", async () => {
  const model = modelOf({ matmul: values(4, 4) });
  const before = valuesOf(model, "matmul");
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(pruned).not.toBe(model);
  expect(valuesOf(model, "matmul")).toEqual(before);
  expect(zerosIn(valuesOf(pruned, "matmul"))).toBe(8);
  expect(await prune(model, { sparsity: 0.25, inPlace: true })).toBe(model);
  expect(zerosIn(valuesOf(model, "matmul"))).toBe(4);
});

test("the report counts elements, zeros and noise, of each tensor and of all", async () => {
  const data = Float32Array.of(0, 1, -2, 3, -4, 5);
  const { report } = await prune(modelOf({ matmul: { dims: [2, 3], data }, gemm: values(2, 2) }), { amount: 2 });
  expect(report.rows[0]).toMatchObject({ name: "matmul", op: "MatMul", zerosBefore: 1, zeros: 2, sparsity: 1 / 3 });
  expect(report.rows[0]!.snrDb).toBeCloseTo(10 * Math.log10(55 / 1), 10);
  expect(report.totals).toMatchObject({ tensors: 2, elements: 10, zerosBefore: 1, zeros: 4, sparsity: 0.4 });
  expect(report.toString()).toMatch(/^2 in all .* 4 +40\.0 %/m);
});

test("random importance is as sparse, repeats with its seed, and differs without", async () => {
  const model = modelOf({ matmul: values(40, 50), gemm: values(30, 30) });
  const run = async (seed: number, scope: "local" | "global" = "local"): Promise<number[]> => {
    const pruned = await prune(model, { sparsity: 0.3, importance: "random", seed, scope });
    return [...valuesOf(pruned, "matmul"), ...valuesOf(pruned, "gemm")];
  };
  const first = await run(1);
  expect(zerosIn(first)).toBe(600 + 270);
  expect(await run(1)).toEqual(first);
  expect(await run(2)).not.toEqual(first);
  expect(zerosIn(await run(1, "global"))).toBe(870);
});

test("an importance of one's own is asked for each tensor once, in order", async () => {
  const seen: string[] = [];
  const importance = {
    name: "backwards",
    score: ({ name, index, values: x }: { name: string; index: number; values: { byteLength: number } }) => {
      seen.push(`${index} ${name}`);
      return Float32Array.from({ length: x.byteLength / 4 }, (_, i) => -i);
    },
  };
  const pruned = await prune(modelOf({ matmul: values(2, 2), gemm: values(1, 2) }), { sparsity: 0.5, importance });
  expect(seen).toEqual(["0 matmul", "1 gemm"]);
  expect(valuesOf(pruned, "matmul").map((value) => value === 0)).toEqual([true, true, false, false]);
  expect(pruned.report.title).toMatch(/by backwards/);
});

describe("n of every m goes along the dimension that is summed over", () => {
  // Descending values: of each group the first n stay.
  const falling = (...dims: number[]): Values => ({
    dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => 1000 - i),
  });
  test.each<[string, number[], number]>([
    ["matmul", [8, 3], 0],
    ["matmul", [2, 8, 3], 1],
    ["gemm", [8, 3], 0],
    ["transposed", [3, 8], 1],
    ["conv", [3, 8, 2, 2], 1],
  ])("%s of %j along %i", async (name, dims, axis) => {
    const pruned = await prune(modelOf({ [name]: falling(...dims) }), { structure: { n: 1, m: 4 } });
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const kept = valuesOf(pruned, name).map((value) => value !== 0);
    expect(kept).toEqual(kept.map((_, i) => (Math.floor(i / inner) % dims[axis]!) % 4 === 0));
  });

  test("random importance keeps as many", async () => {
    const model = modelOf({ matmul: values(64, 10) });
    const pruned = await prune(model, { structure: { n: 2, m: 4 }, importance: "random" });
    const all = valuesOf(pruned, "matmul");
    for (let column = 0; column < 10; column++)
      for (let row = 0; row < 64; row += 4)
        expect(zerosIn([0, 1, 2, 3].map((i) => all[(row + i) * 10 + column]!))).toBe(2);
  });

  test("depthwise convolutions have no groups to prune", async () => {
    const pruned = await prune(modelOf({ conv: values(8, 1, 3, 3) }), { structure: { n: 2, m: 4 } });
    expect(reasonFor(pruned, "conv")).toMatch(/no more than 2 along the dimension/);
    expect(zerosIn(valuesOf(pruned, "conv"))).toBe(0);
  });
});

/** A model of hand-placed nodes, each value of the same few elements. */
function customModel(
  build: (graph: Model["graph"], weight: (name: string, ...dims: number[]) => string) => void,
): Model {
  const model = Model.create();
  model.graph.addInput("x", "float32", [2, 4]);
  build(model.graph, (name, ...dims) => {
    const { data } = values(...dims);
    return model.graph.addWeight(name, Weight.of("float32", dims, data));
  });
  return model;
}

test("biases, normalization, embeddings and arithmetic stay as they are", async () => {
  const model = customModel((graph, weight) => {
    const inputs = ["x", weight("w", 4, 4), weight("b", 4)];
    graph.addNode({ opType: "Gemm", inputs, outputs: ["a"] });
    graph.addNode({ opType: "LayerNormalization", inputs: ["a", weight("g", 4), weight("s", 4)], outputs: ["n"] });
    graph.addNode({ opType: "Add", inputs: ["n", weight("c", 4)], outputs: ["d"] });
    graph.addNode({ opType: "Gather", inputs: [weight("table", 4, 4), "ids"], outputs: ["e"] });
  });
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(pruned.report.rows.map(({ name }) => name)).toEqual(["w"]);
  for (const name of ["b", "g", "s", "c", "table"]) expect(zerosIn(valuesOf(pruned, name))).toBe(0);
  const asked = await prune(model, { sparsity: 0.5, opTypes: { include: ["Gather"] } });
  expect(asked.report.rows.map(({ name }) => name)).toEqual(["table"]);
});

test("recurrent weights are pruned, both of them", async () => {
  const model = customModel((graph, weight) => {
    const inputs = ["x", weight("W", 1, 16, 4), weight("R", 1, 16, 4), weight("B", 1, 32)];
    graph.addNode({ opType: "LSTM", inputs, outputs: ["y"] });
  });
  const { report } = await prune(model, { structure: { n: 2, m: 4 } });
  expect(report.rows.map(({ name, zeros }) => [name, zeros])).toEqual([
    ["W", 32],
    ["R", 32],
  ]);
});

test("a shared weight is pruned once, and one behind Transpose or Identity is found", async () => {
  const model = customModel((graph, weight) => {
    weight("w", 4, 4);
    graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["a"] });
    graph.addNode({ opType: "Transpose", inputs: ["w"], outputs: ["wT"] });
    graph.addNode({ opType: "MatMul", inputs: ["a", "wT"], outputs: ["b"] });
    graph.addNode({ opType: "Identity", inputs: [weight("v", 4, 4)], outputs: ["v2"] });
    graph.addNode({ opType: "MatMul", inputs: ["b", "v2"], outputs: ["y"] });
  });
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(pruned.report.rows.map(({ name, zeros }) => [name, zeros])).toEqual([
    ["w", 8],
    ["v", 8],
  ]);
  const grouped = await prune(model, { structure: { n: 2, m: 4 } });
  expect(reasonFor(grouped, "w")).toMatch(/do not agree on the dimension/);
  expect(grouped.report.rows.map(({ name }) => name)).toEqual(["v"]);
});

test("weights in Constant nodes and in graphs inside are pruned where they stand", async () => {
  const model = customModel((graph, weight) => {
    graph.addNode({
      opType: "Constant",
      inputs: [],
      outputs: ["w"],
      attributes: { value: Weight.of("float32", [4, 4], values(4, 4).data) },
    });
    weight("outer", 4, 4);
    const inner = Model.create({ name: "then" });
    inner.graph.addNode({ opType: "MatMul", inputs: ["x", "outer"], outputs: ["t"] });
    inner.graph.addWeight("inner", Weight.of("float32", [4, 4], values(4, 4).data));
    inner.graph.addNode({ opType: "MatMul", inputs: ["t", "inner"], outputs: ["u"] });
    inner.graph.addOutput("u", "float32");
    graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["a"] });
    graph.addNode({
      opType: "If",
      inputs: ["condition"],
      outputs: ["y"],
      attributes: { then_branch: inner.graph, else_branch: Model.create().graph },
    });
  });
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(pruned.report.rows.map(({ name, zeros }) => [name, zeros])).toEqual([
    ["w", 8],
    ["outer", 8],
    ["inner", 8],
  ]);
  const graphs = [...pruned.graph.walk()];
  expect(graphs[0]!.producer("w")!.opType).toBe("Constant");
  expect(zerosIn(Array.from(graphs[1]!.weight("inner")!.toFloats()))).toBe(8);
});

test("an initializer that an input may override stays, but not where old files list every one", async () => {
  const model = customModel((graph, weight) => {
    graph.addNode({ opType: "MatMul", inputs: ["x", weight("w", 4, 4)], outputs: ["y"] });
    graph.addInput("w", "float32", [4, 4]);
  });
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(zerosIn(valuesOf(pruned, "w"))).toBe(0);
  expect(reasonFor(pruned, "w")).toMatch(/an input of the graph, which may override it/);
  expect(pruned.report.notes).toEqual(["No weight was found to prune."]);
  model.proto.irVersion = 3n;
  expect(zerosIn(valuesOf(await prune(model, { sparsity: 0.5 }), "w"))).toBe(8);
});

test.each(["float16", "bfloat16"] as const)("%s weights are pruned as such; others say why not", async (dtype) => {
  const numbers = Array.from({ length: 16 }, (_, i) => i + 1);
  const model = customModel((graph) => {
    graph.addWeight("w", Weight.of(dtype, [4, 4], numbers));
    graph.addWeight("d", Weight.of("float64", [4, 4], numbers));
    graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["y"] });
    graph.addNode({ opType: "MatMul", inputs: ["x", "d"], outputs: ["z"] });
  });
  const pruned = await prune(model, { sparsity: 0.5 });
  expect(pruned.graph.weight("w")!.dtype).toBe(dtype);
  expect(valuesOf(pruned, "w")).toEqual(numbers.map((value) => (value > 8 ? value : 0)));
  expect(reasonFor(pruned, "d")).toMatch(/its type is float64/);
});

test("include and exclude go by the name of the weight or of its node, or by operator type", async () => {
  const model = modelOf({ matmul: values(2, 2), matmul2: values(2, 2), gemm: values(2, 2), conv: values(2, 2, 1, 1) });
  const names = async (options: Partial<PruneOptions>): Promise<string[]> =>
    (await prune(model, { sparsity: 0.5, ...options })).report.rows.map(({ name }) => name);
  expect(await names({ names: { include: [/^matmul/g] } })).toEqual(["matmul", "matmul2"]);
  expect(await names({ names: { exclude: ["matmul.node", /^con/] } })).toEqual(["matmul2", "gemm"]);
  expect(await names({ opTypes: { include: ["MatMul", "Conv"] }, names: { exclude: ["conv"] } })).toEqual([
    "matmul",
    "matmul2",
  ]);
  const pruned = await prune(model, { sparsity: 0.5, opTypes: { exclude: ["Gemm"] } });
  expect(reasonFor(pruned, "gemm")).toBe("Gemm is left out by opTypes");
});

test("NaN counts as the largest and is told of", async () => {
  const pruned = await prune(modelOf({ matmul: { dims: [2, 2], data: Float32Array.of(NaN, 1, 2, -Infinity) } }), {
    sparsity: 0.5,
  });
  expect(valuesOf(pruned, "matmul")).toEqual([NaN, 0, 0, -Infinity]);
  expect(pruned.report.notes.join()).toMatch(/"matmul" holds 1 NaN/);
});

eachLevel((level) => {
  test.each([0, 1, 15, 16, 17, 70001])("zeros of both signs among %i values are counted on " + level, (count) => {
    const x = hardFloats(count, 7);
    const wanted = onReference(() => binding.countZeros([x]));
    expect(binding.countZeros([x])).toEqual(wanted);
    expect(wanted).toEqual([zerosIn(Array.from(x))]);
  });
});

test("an aborted call rejects and leaves a model that was to be pruned in place as it was", async () => {
  const model = modelOf({ matmul: values(4, 4), gemm: values(4, 4) });
  const controller = new AbortController();
  const progress: number[] = [];
  const pending = prune(model, {
    sparsity: 0.5,
    inPlace: true,
    signal: controller.signal,
    onProgress: ({ done, total }) => {
      progress.push(done / total);
      if (done > total / 2) controller.abort();
    },
  });
  await expect(pending).rejects.toMatchObject({ name: "AbortError" });
  expect(progress.length).toBeGreaterThan(2);
  expect(zerosIn(valuesOf(model, "matmul"))).toBe(0);
});

describe("refuses", () => {
  const model = modelOf({ matmul: values(2, 2) });
  test.each<[string, PruneOptions, RegExp]>([
    ["a percentage", { sparsity: 15 }, /sparsity must be between 0 and 1; got 15\. For 15 %, pass 0\.15\./],
    ["a sparsity of 1.5", { sparsity: 1.5 }, /sparsity must be between 0 and 1; got 1\.5/],
    ["NaN", { sparsity: NaN }, /between 0 and 1; got NaN/],
    ["a broken amount", { amount: 1.5 }, /a fraction below 1 or a whole number of weights; got 1\.5/],
    ["more than there is", { amount: 5 }, /amount is 5 weights, but "matmul" has 4/],
    ["nothing to do", {}, /one of sparsity, amount and structure; got none/],
    ["two ways at once", { sparsity: 0.5, structure: { n: 2, m: 4 } }, /got sparsity and structure/],
    ["5 of 4", { structure: { n: 5, m: 4 } }, /0 ≤ n ≤ m, as \{ n: 2, m: 4 \}; got \{ n: 5, m: 4 \}/],
    ["an unknown scope", { sparsity: 0.5, scope: "all" as never }, /scope must be "local" or "global"; got "all"/],
    [
      "an unknown importance",
      { sparsity: 0.5, importance: "l3" as never },
      /one of magnitude, gradient, random; got "l3"/,
    ],
    ["an unknown option", { sparsty: 0.5 } as never, /no option "sparsty"\. It has: sparsity/],
    [
      "a bad filter",
      { sparsity: 0.5, names: { include: "w" as never } },
      /names must be { include\?: \[\.\.\.\], .*; include is "w"/,
    ],
    ["a bad seed", { sparsity: 0.5, seed: -1 }, /seed must be a whole number; got -1/],
  ])("%s", async (_, options, message) => {
    await expectRejection(prune(model, options), "PARE_OPTION", message);
  });
});

test("a file of weights without a graph is pruned by shapes and names", async () => {
  const model = Model.create();
  for (const [name, dims] of [
    ["fc.weight", [4, 8]],
    ["fc.bias", [4]],
    ["embed_tokens.weight", [10, 4]],
  ] as const) {
    model.graph.addWeight(name, Weight.of("float32", dims, values(...dims).data));
  }
  const pruned = await prune(model, { structure: { n: 2, m: 4 } });
  expect(pruned.report.rows.map(({ name, zeros }) => [name, zeros])).toEqual([["fc.weight", 16]]);
  expect(reasonFor(pruned, "embed_tokens.weight")).toMatch(/looks like an embedding/);
  const asked = await prune(model, { sparsity: 0.5, names: { include: [/embed/] } });
  expect(asked.report.rows.map(({ name }) => name)).toEqual(["embed_tokens.weight"]);
});
