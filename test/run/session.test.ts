/** Sessions: the interface of onnxruntime-common, results for changing shapes, buffers of the caller, errors, many at once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compile, InferenceSession, kernels, listSupportedBackends, Model, Tensor, Weight } from "../../lib/index.js";
import { expectCode } from "../errors.js";
import { mlp } from "../models.js";

const ramp = (count: number, step = 0.37): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * step));

/** x [batch, 6] → relu(x·W) as y, and x flattened as z. */
function smallModel(): Model {
  const model = Model.create({ name: "small", opset: 17, irVersion: 8 });
  const { graph } = model;
  graph.addInput("x", "float32", ["batch", 6]);
  graph.addOutput("y", "float32", ["batch", 4]);
  graph.addOutput("z", "float32", ["all"]);
  graph.addWeight("w", Weight.of("float32", [6, 4], ramp(24)));
  graph.addWeight("shape", Weight.of("int64", [1], [-1]));
  graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["product"] });
  graph.addNode({ opType: "Relu", inputs: ["product"], outputs: ["y"] });
  graph.addNode({ opType: "Reshape", inputs: ["x", "shape"], outputs: ["z"] });
  return model;
}

const feedOf = (batch: number, seed = 0.37): Record<string, Tensor> => ({
  x: new Tensor("float32", ramp(batch * 6, seed), [batch, 6]),
});
const expected = (batch: number, seed = 0.37): Float32Array =>
  kernels.matmul(ramp(batch * 6, seed), ramp(24), { m: batch, n: 4, k: 6 }).map((value) => Math.max(value, 0));

test("runs now and off the event loop, for every batch", async () => {
  const session = await compile(smallModel());
  expect(session.inputNames).toEqual(["x"]);
  expect(session.outputNames).toEqual(["y", "z"]);
  expect(session.inputMetadata).toEqual([{ name: "x", isTensor: true, type: "float32", shape: ["batch", 6] }]);
  for (const batch of [1, 3, 64, 0, 3]) {
    const results = session.runSync(feedOf(batch));
    expect(results.y!.dims).toEqual([batch, 4]);
    expect(results.y!.data).toEqual(expected(batch));
    expect(results.z!.data).toEqual(ramp(batch * 6));
    expect(await session.run(feedOf(batch))).toEqual(results);
  }
});

test("gives the outputs that are asked for, into buffers that are given", async () => {
  const session = await InferenceSession.create(smallModel().toBytes());
  expect(Object.keys(await session.run(feedOf(2), ["z"]))).toEqual(["z"]);
  const own = new Tensor("float32", new Float32Array(8), [2, 4]);
  const results = await session.run(feedOf(2), { y: own, z: null });
  expect(results.y).toBe(own);
  expect(own.data).toEqual(expected(2));
  expect(results.z!.data).toEqual(ramp(12));
  const short = new Tensor("float32", new Float32Array(4), [1, 4]);
  await expectCode(() => session.run(feedOf(2), { y: short }), "PARE_SHAPE");
});

test("many runs at once do not disturb one another", async () => {
  const session = await compile(smallModel());
  const runs = Array.from({ length: 40 }, (_, i) => session.run(feedOf((i % 5) + 1, 0.1 + i)));
  (await Promise.all(runs)).forEach((results, i) => {
    expect(results.y!.data).toEqual(expected((i % 5) + 1, 0.1 + i));
  });
});

test("says what is wrong with feeds, fetches and models", async () => {
  const session = await compile(smallModel());
  const { x } = feedOf(2) as { x: Tensor };
  const wrong: [() => unknown, string][] = [
    [() => session.run({}), "PARE_OPTION"],
    [() => session.run({ x, y: x }), "PARE_OPTION"],
    [() => session.run({ x }, ["q"]), "PARE_OPTION"],
    [() => session.run({ x: new Tensor("float32", ramp(10), [2, 5]) }), "PARE_SHAPE"],
    [() => session.run({ x: new Tensor("float32", ramp(6), [6]) }), "PARE_SHAPE"],
    [() => session.run({ x: new Tensor("int32", new Int32Array(12), [2, 6]) }), "PARE_TYPE"],
    [() => session.run({ x: ramp(12) as unknown as Tensor }), "PARE_TYPE"],
    [() => session.run({ x: { type: "float32", dims: [9, 6], data: x.data } as unknown as Tensor }), "PARE_SHAPE"],
  ];
  for (const [call, code] of wrong) await expectCode(call, code);
  const unknown = smallModel();
  unknown.graph.addNode({ opType: "NoSuchOp", inputs: ["x"], outputs: ["q"] });
  unknown.graph.addOutput("q", "float32");
  await expect(compile(unknown)).rejects.toMatchObject({ code: "PARE_UNSUPPORTED", message: /NoSuchOp \(1 node\)/ });
});

test("refuses a run beyond the limit of memory before it takes any", async () => {
  const session = await compile(mlp(), { memoryLimit: 1 << 20 });
  const feed = (batch: number) => ({ x: new Tensor("float32", ramp(batch * 784), [batch, 784]) });
  expect(session.runSync(feed(4)).y!.dims).toEqual([4, 10]);
  await expectCode(() => session.run(feed(4096)), "PARE_MEMORY");
});

test("an aborted run rejects with the reason; a released session does not run", async () => {
  const session = await compile(smallModel());
  await expect(session.run(feedOf(1), { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  const last = session.run(feedOf(3));
  await session.release();
  expect((await last).y!.data).toEqual(expected(3));
  await expectCode(() => session.run(feedOf(3)), "PARE_OPTION");
});

test("an initializer that is an input too holds where it is not fed", async () => {
  const model = smallModel();
  model.graph.addInput("w", "float32", [6, 4]);
  const session = await compile(model);
  expect(session.runSync(feedOf(2)).y!.data).toEqual(expected(2));
  const zeros = new Tensor("float32", new Float32Array(24), [6, 4]);
  expect(session.runSync({ ...feedOf(2), w: zeros }).y!.data).toEqual(new Float32Array(8));
});

test("weights in data files may be given as bytes beside the model's bytes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pare-session-"));
  try {
    const path = join(folder, "big.onnx");
    await mlp().save(path, { externalData: true });
    const x = new Tensor("float32", ramp(784), [1, 784]);
    const [bytes, data] = [readFileSync(path), readFileSync(`${path}_data`)];
    await expectCode(() => InferenceSession.create(bytes), "PARE_FILE");
    const files = [{ path: "big.onnx_data", data: new Uint8Array(data) }];
    const session = await InferenceSession.create(bytes, { externalData: files });
    expect(session.runSync({ x })).toEqual((await InferenceSession.create(path)).runSync({ x }));
    const named = { externalData: ["big.onnx_data"] };
    await expectCode(() => InferenceSession.create(bytes, named), "PARE_TYPE");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an input that has a value is not listed, as in ONNX Runtime", async () => {
  const model = smallModel();
  model.graph.addInput("w", "float32", [6, 4]);
  const options: InferenceSession.SessionOptions = { executionProviders: ["cpu"], graphOptimizationLevel: "all" };
  const session = await InferenceSession.create(model.toBytes(), options);
  expect([session.inputNames, session.inputMetadata.length]).toEqual([["x"], 1]);
  expect(listSupportedBackends()).toEqual([{ name: "cpu", bundled: true }]);
});

test("weights that an old file lists before its inputs stay weights", async () => {
  const model = Model.create({ name: "old", opset: 11, irVersion: 3 });
  const { graph } = model;
  graph.addWeight("w", Weight.of("float32", [6, 4], ramp(24)));
  graph.addInput("w", "float32", [6, 4]);
  graph.addInput("x", "float32", ["batch", 6]);
  graph.addOutput("y", "float32", ["batch", 4]);
  graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["p"] });
  graph.addNode({ opType: "Relu", inputs: ["p"], outputs: ["y"] });
  const session = await compile(model);
  expect(session.inputNames).toEqual(["x"]);
  for (let i = 0; i < 3; i++) expect(session.runSync(feedOf(2)).y!.data).toEqual(expected(2));
});
