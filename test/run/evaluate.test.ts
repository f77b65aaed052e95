/** Evaluation: accuracy, top 5, squared error, classes, shapes that are made to fit, errors. */
import { compile, evaluate, Model, Tensor, Weight, type Batch } from "../../lib/index.js";
import { expectCode, expectRejection } from "../errors.js";

/** y = x · identity: the scores are the inputs. */
function scores(classes: number, dims: (number | string)[] = ["N", classes]): Model {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", dims);
  graph.addOutput("y", "float32", [dims[0]!, classes]);
  const identity = Float32Array.from({ length: classes ** 2 }, (_, i) => (i % (classes + 1) === 0 ? 1 : 0));
  graph.addWeight("w", Weight.of("float32", [classes, classes], identity));
  graph.addNode({ opType: "MatMul", inputs: ["x", "w"], outputs: ["y"] });
  return model;
}

const rows = (...values: number[][]): Tensor =>
  new Tensor("float32", Float32Array.from(values.flat()), [values.length, values[0]!.length]);

const x = rows([3, 1, 2], [0, 5, 1], [1, 0, 9], [2, 2, 1], [0, 1, 0]);

test("accuracy and classes, for every kind of label and batch size", async () => {
  const session = await compile(scores(3));
  const labels = [0, 1, 1, 0, 2];
  for (const y of [
    labels,
    Int32Array.from(labels),
    BigInt64Array.from(labels, BigInt),
    new Tensor("uint8", Uint8Array.from(labels), [5]),
  ])
    for (const batchSize of [1, 2, 5, 100]) {
      const found = await evaluate(session, { x, y }, { batchSize });
      expect(found).toMatchObject({
        metric: "accuracy",
        examples: 5,
        right: 3,
        accuracy: 0.6,
        nanCount: 0,
        output: "y",
      });
      expect(found.top5).toBeUndefined();
      expect(found.classes).toEqual([
        { label: 0, count: 2, right: 2, predicted: 2 },
        { label: 1, count: 2, right: 1, predicted: 2 },
        { label: 2, count: 1, right: 0, predicted: 1 },
      ]);
    }
});

test("top 5 counts labels among the five largest, ties by their order", async () => {
  const values = rows([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0]);
  const { accuracy, top5 } = await evaluate(scores(7), { x: values, y: [6, 1, 4, 5] });
  expect([accuracy, top5]).toEqual([0.25, 0.5]);
});

test("a NaN is no answer", async () => {
  const found = await evaluate(scores(2), { x: rows([1, 0], [NaN, 0]), y: [0, 1] });
  expect(found).toMatchObject({ right: 1, nanCount: 1 });
});

test("targets of floats give the mean squared error", async () => {
  const y = rows([3, 1, 2], [0, 5, 1], [1, 0, 9], [2, 2, 1], [0, 1, 3]);
  const found = await evaluate(scores(3), { x, y }, { batchSize: 2 });
  expect(found).toMatchObject({ metric: "mse", mse: 9 / 15, mae: 3 / 15, maxError: 3, examples: 5 });
  expect(found.accuracy).toBeUndefined();
});

test("a fixed batch size is met with padding that counts for nothing", async () => {
  const found = await evaluate(scores(3, [4, 3]), { x, y: [0, 1, 2, 0, 1] }, { batchSize: 64 });
  expect(found).toMatchObject({ examples: 5, accuracy: 1 });
});

test("examples of one more or less dimension of 1, flat ones, and other types fit", async () => {
  const y = [0, 1, 2, 0, 1];
  for (const dims of [
    [5, 3, 1],
    [5, 1, 3],
    [5, 1, 1, 3],
  ])
    expect((await evaluate(scores(3), { x: x.reshape(dims), y })).accuracy).toBe(1);
  const bytes = new Tensor("uint8", Uint8Array.from(x.data as Float32Array), x.dims);
  expect((await evaluate(scores(3), { x: bytes, y })).accuracy).toBe(1);
});

test("streams, progress, and what is printed", async () => {
  const steps: number[] = [];
  const stream = (async function* (): AsyncGenerator<Batch> {
    yield { x, y: [0, 1, 2, 0, 1] };
    await Promise.resolve();
    yield { x, y: [0, 1, 2, 0, 0] };
  })();
  const found = await evaluate(scores(3), stream, {
    classNames: ["cat", "dog"],
    onProgress: ({ done }) => steps.push(done),
  });
  expect(steps).toEqual([5, 10]);
  expect(String(found)).toMatch(/accuracy +90\.00 % \(9 of 10\)/);
  expect(String(found)).toMatch(/cat +5 +4 +80\.0 %/);
  expect(found.toString({ rows: 1 })).toMatch(/The 1 class with the most wrong answers; 2 more/);
  expect(JSON.parse(JSON.stringify(found))).toMatchObject({
    right: 9,
    classes: [{ name: "cat" }, { name: "dog" }, { label: 2 }],
  });
});

test("says what is wrong", async () => {
  const model = scores(3);
  const y = [0, 1, 2, 0, 1];
  const empty = new Tensor("float32", new Float32Array(0), [0, 3]);
  await expectRejection(evaluate(model, { x: empty, y: [] }), "PARE_OPTION", /the data is empty/);
  await expectRejection(evaluate(model, []), "PARE_OPTION", /the data is empty/);
  await expectRejection(evaluate(model, { x }), "PARE_OPTION", /no labels/);
  await expectRejection(
    evaluate(model, { x, y: [0, 1, 3, 0, 1] }, { batchSize: 2 }),
    "PARE_OPTION",
    /label of example 2 is 3; .* classes 0 to 2/,
  );
  await expectRejection(evaluate(model, { x, y: [0, 1, -1, 0, 1] }), "PARE_OPTION", /is -1/);
  await expectRejection(evaluate(model, { x, y: [0, 1] }), "PARE_SHAPE", /x has 5 examples and y has 2/);
  await expectRejection(
    evaluate(model, { x: rows([1, 2]), y: [0] }),
    "PARE_SHAPE",
    /examples are \[2\]; the model's input "x" takes \[3\]/,
  );
  await expectRejection(evaluate(model, { x: { z: x }, y }), "PARE_OPTION", /no input "z"; it has x/);
  await expectRejection(evaluate(model, { x: {}, y }), "PARE_OPTION", /x names no tensor/);
  await expectRejection(evaluate(model, { x, y }, { output: "z" }), "PARE_OPTION", /no output "z"; it has y/);
  await expectRejection(evaluate(model, { x, y: rows([1]) }), "PARE_SHAPE", /5 examples and y has 1/);
  await expectRejection(
    evaluate(model, { x, y: x.reshape([5, 3, 1]) }, { metric: "accuracy" }),
    "PARE_TYPE",
    /labels must be integers/,
  );
  await expectRejection(
    evaluate(model, { x, y: rows([1], [1], [1], [1], [1]) }),
    "PARE_SHAPE",
    /targets have 1 values an example/,
  );
  await expectCode(() => evaluate(model, { x, y }, { batchSize: 0 }), "PARE_OPTION");
  await expectCode(() => evaluate(model, { x, y }, { metric: "loss" as "mse" }), "PARE_OPTION");
  await expect(evaluate(model, { x, y }, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

test("channels on the wrong side are no silent reshape", async () => {
  const model = scores(3, ["N", 1, 2, 3]);
  const pictures = new Tensor("float32", new Float32Array(12), [2, 2, 3, 1]);
  await expectRejection(evaluate(model, { x: pictures, y: [0, 0] }), "PARE_SHAPE", /./).catch(() => undefined);
  const swapped = new Tensor("float32", new Float32Array(12), [2, 3, 1, 2]);
  await expectRejection(
    evaluate(model, { x: swapped, y: [0, 0] }),
    "PARE_SHAPE",
    /channels may stand on the other side/,
  );
});
