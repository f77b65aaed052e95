/** A student learns from its teacher: softly, by hard labels, and without labels of its own. */
import * as pare from "../../lib/index.js";
import { compile, distill, sequential, train, type Model, type Tensor } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { spirals } from "../train/spirals.js";

const { dense, relu, softmax } = pare;
const data = spirals(450);
const optimizer = pare.adam({ lr: 0.01 });
const small = (): Model => sequential([dense(16), relu(), dense(3)], { input: [2], seed: 2 });
let teacher: Model;
beforeAll(async () => {
  const net = sequential([dense(48), relu(), dense(48), relu(), dense(3), softmax()], { input: [2], seed: 1 });
  teacher = await train(net, data, { epochs: 30, batchSize: 32, optimizer }).finish();
});

const answersOf = async (model: Model): Promise<number[]> => {
  const scores = (await compile(model)).runSync({ x: data.x as Tensor }).y!.data as Float32Array;
  return Array.from({ length: 450 }, (_, i) => {
    const row = scores.subarray(3 * i, 3 * i + 3);
    return row.indexOf(Math.max(...row));
  });
};

test.each([{ temperature: 3 }, { hard: true }, { alpha: 1 }])("with %j", async (options) => {
  const learned = await distill(small(), teacher, data, { epochs: 25, batchSize: 32, optimizer, ...options });
  const [own, wanted] = [await answersOf(learned), await answersOf(teacher)];
  const same = own.filter((answer, i) => answer === wanted[i]).length / own.length;
  expect(same).toBeGreaterThan(0.85);
  expect(learned.epochs.at(-1)!.trainLoss).toBeLessThan(learned.epochs[0]!.trainLoss);
});

test("the teacher answers once for each example, or again in each step, to the same effect", async () => {
  const options = { epochs: 3, batchSize: 32, optimizer };
  const kept = await distill(small(), teacher, data, options);
  const again = await distill(small(), teacher, data, { ...options, cache: false });
  for (const [i, { validationLoss }] of kept.epochs.entries())
    expect(validationLoss).toBeCloseTo(again.epochs[i]!.validationLoss, 4);
  const alone = await distill(small(), teacher, { x: data.x, y: data.y }, { ...options, alpha: 1, validation: data });
  expect(alone.epochs).toHaveLength(3);
});

test("a teacher sees what the student sees: with itself as the student there is nothing to learn", async () => {
  const sgd = pare.sgd({ lr: 0.1 });
  const options = { epochs: 2, batchSize: 32, alpha: 1, optimizer: sgd, augment: { noise: 0.3 }, best: false };
  for (const accumulate of [1, 3]) {
    const same = await distill(small(), small(), data, { ...options, accumulate });
    for (const { trainLoss } of same.epochs) expect(trainLoss).toBeLessThan(1e-6);
  }
  // And the examples are changed.
  const learned = await distill(small(), teacher, data, options);
  const plain = await distill(small(), teacher, data, { ...options, augment: {} });
  expect(learned.epochs[0]!.trainLoss).not.toBe(plain.epochs[0]!.trainLoss);
});

test("values inside the student follow the teacher's, through a regressor that is left out again", async () => {
  const match = { student: "relu1.Relu", teacher: "relu2.Relu", weight: 2 };
  const options = { epochs: 10, batchSize: 32, optimizer };
  const learned = await distill(small(), teacher, data, { ...options, features: [match] });
  expect(learned.graph.outputs.map(({ name }) => name)).toEqual(["y"]);
  expect([...learned.graph.weights()].map(([name]) => name)).toEqual(
    [...small().graph.weights()].map(([name]) => name),
  );
  expect(learned.epochs.at(-1)!.validationLoss).toBeLessThan(0.5 * learned.epochs[0]!.validationLoss);
  // Of equal sizes nothing stands between.
  const twin = sequential([dense(48), relu(), dense(3)], { input: [2], seed: 2 });
  const same = await distill(twin, teacher, data, { ...options, epochs: 1, features: [match] });
  expect(same.epochs).toHaveLength(1);
  await compile(learned);
});

test("says what does not fit", async () => {
  const other = sequential([dense(4)], { input: [2] });
  await expectRejection(distill(other, teacher, data), "PARE_SHAPE", /4 classes and the teacher 3/);
  await expectRejection(distill(small(), teacher, data, { temperature: 0 }), "PARE_OPTION", /temperature/);
  await expectRejection(distill(small(), teacher, data, { alpha: 2 }), "PARE_OPTION", /alpha/);
  const following = (one: pare.FeatureMatch): Promise<Model> => distill(small(), teacher, data, { features: [one] });
  await expectRejection(
    following({ student: "no", teacher: "y" }),
    "PARE_OPTION",
    /student has no value "no" of a known shape/,
  );
  await expectRejection(following({ student: "y", teacher: "no" }), "PARE_OPTION", /teacher has no value "no"/);
  await expectRejection(following({ student: "y", teacher: "y", weight: -1 }), "PARE_OPTION", /at least 0; got -1/);
});
