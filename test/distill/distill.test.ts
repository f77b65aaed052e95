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

test("says what does not fit", async () => {
  const other = sequential([dense(4)], { input: [2] });
  await expectRejection(distill(other, teacher, data), "PARE_SHAPE", /4 classes and the teacher 3/);
  await expectRejection(distill(small(), teacher, data, { temperature: 0 }), "PARE_OPTION", /temperature/);
  await expectRejection(distill(small(), teacher, data, { alpha: 2 }), "PARE_OPTION", /alpha/);
});
