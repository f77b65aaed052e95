/** Cutting data into batches. */
import { batchesOf, exampleCount, joinBatches, type Batch, type Batches } from "../../lib/data/index.js";
import { labelsOf } from "../../lib/data/batch.js";
import { Tensor } from "../../lib/index.js";
import { expectCode, expectError, expectRejection } from "../errors.js";

const x = new Tensor(
  "float32",
  Float32Array.from({ length: 10 }, (_, i) => i),
  [5, 2],
);

async function collect(data: Batches, batchSize: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of batchesOf(data, batchSize)) batches.push(batch);
  return batches;
}

test("views of the examples and their labels, in order", async () => {
  const batches = await collect({ x, y: [0, 1, 2, 3, 4] }, 2);
  expect(batches.map((batch) => [(batch.x as Tensor).dims, batch.y])).toEqual([
    [
      [2, 2],
      [0, 1],
    ],
    [
      [2, 2],
      [2, 3],
    ],
    [[1, 2], [4]],
  ]);
  const { data } = batches[1]!.x as Tensor;
  expect(data).toEqual(Float32Array.of(4, 5, 6, 7));
  expect((data as Float32Array).buffer).toBe(x.data.buffer);
});

test("named tensors, label tensors and typed arrays are cut alike; batches of a stream stay apart", async () => {
  const y = new Tensor("int64", BigInt64Array.of(5n, 6n, 7n, 8n, 9n), [5]);
  const stream = [
    { x: { a: x, b: x }, y },
    { x: { a: x, b: x }, y: Uint8Array.of(0, 1, 2, 3, 4) },
  ];
  const batches = await collect(stream, 4);
  expect(batches.map((batch) => Array.from(labelsOf(batch.y!)))).toEqual([[5, 6, 7, 8], [9], [0, 1, 2, 3], [4]]);
  expect(batches.map(exampleCount)).toEqual([4, 1, 4, 1]);
});

test("an empty set gives no batch", async () => {
  expect(await collect({ x: new Tensor("float32", new Float32Array(0), [0, 2]) }, 2)).toEqual([]);
  expect(await collect([], 2)).toEqual([]);
});

test("says what does not fit", async () => {
  await expectCode(() => collect({ x }, 0), "PARE_OPTION");
  expectError(() => exampleCount({ x, y: [1] }), "PARE_SHAPE", /x has 5 examples and y has 1/);
  expectError(() => exampleCount({ x: {} }), "PARE_OPTION", /no tensor/);
  expectError(() => exampleCount({ x: new Tensor("float32", Float32Array.of(1), []) }), "PARE_SHAPE", /x is a scalar/);
  expectError(() => labelsOf(x), "PARE_TYPE", /labels must be integers; y is float32 \[5, 2\]/);
});

test("batches of a stream become one", async () => {
  const floats = (...dims: [number, number]): Tensor =>
    new Tensor(
      "float32",
      Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => i),
      dims,
    );
  const batch = (count: number, y?: number[]): Batch => ({ x: floats(count, 2), ...(y ? { y } : {}) });
  const stream = async function* (...batches: Batch[]): AsyncGenerator<Batch> {
    yield* await Promise.resolve(batches);
  };
  const joined = await joinBatches(stream(batch(2, [0, 1]), batch(3, [2, 3, 4])));
  expect(joined).toMatchObject({ x: { dims: [5, 2] }, y: [0, 1, 2, 3, 4] });
  expect(Array.from((joined.x as Tensor).data as Float32Array)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 4, 5]);
  const whole = batch(2);
  expect(await joinBatches(whole)).toBe(whole);
  const named = { x: { a: floats(1, 2), b: floats(1, 3) } };
  expect(await joinBatches(stream(named, named))).toMatchObject({ x: { a: { dims: [2, 2] }, b: { dims: [2, 3] } } });
  await expectRejection(joinBatches(stream()), "PARE_OPTION", /no examples/);
  await expectRejection(joinBatches(stream(batch(2, [0, 1]), batch(1))), "PARE_OPTION", /batch 1 has no y/);
  await expectRejection(
    joinBatches(stream(batch(2), { x: floats(1, 3) })),
    "PARE_SHAPE",
    /batch 1 has float32 \[1, 3\]/,
  );
});
