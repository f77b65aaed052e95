/** Cutting data into batches. */
import { batchesOf, exampleCount, type Batch, type Batches } from "../../lib/data/index.js";
import { labelsOf } from "../../lib/data/batch.js";
import { Tensor } from "../../lib/index.js";
import { expectCode, expectError } from "../errors.js";

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
