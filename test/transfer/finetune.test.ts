/** A trained model goes on with another task: frozen parts stay, a new head learns. */
import * as pare from "../../lib/index.js";
import { finetune, sequential, train, type Model } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { spirals } from "../train/spirals.js";

const { dense, relu, softmax } = pare;
const data = spirals(300);
/** The same points, of two classes. */
const other = { x: data.x, y: data.y.map((label) => (label === 1 ? 1 : 0)) };
const optimizer = pare.adam({ lr: 0.01 });
let source: Model;
beforeAll(async () => {
  const net = sequential([dense(32), relu(), dense(24), relu(), dense(3), softmax()], { input: [2], seed: 1 });
  source = await train(net, data, { epochs: 25, batchSize: 32, optimizer }).finish();
});

const isSame = (a: Model, b: Model, name: string): boolean =>
  Buffer.from(a.graph.weight(name)!.bytes).equals(Buffer.from(b.graph.weight(name)!.bytes));

test("a new head in place of the last layer, what is frozen as it was", async () => {
  const tuned = await finetune(source, other, {
    head: dense(2),
    freeze: /^dense1/,
    epochs: 10,
    batchSize: 32,
    optimizer,
  });
  expect(tuned.graph.outputs[0]!.dims).toEqual(["N", 2]);
  expect(tuned.graph.weight("dense3.weight")).toBeUndefined();
  expect([isSame(source, tuned, "dense1.weight"), isSame(source, tuned, "dense2.weight")]).toEqual([true, false]);
  expect(tuned.epochs.at(-1)!.accuracy).toBeGreaterThan(0.9);
  expect(source.graph.weight("dense3.weight")).toBeDefined();
});

test("a probe trains the head alone", async () => {
  const probe = await finetune(source, other, {
    head: [dense(8), relu(), dense(2)],
    probe: true,
    epochs: 5,
    optimizer,
  });
  expect(["dense1.weight", "dense2.weight"].map((name) => isSame(source, probe, name))).toEqual([true, true]);
  expect(probe.epochs.at(-1)!.validationLoss).toBeLessThan(probe.epochs[0]!.validationLoss);
});

test("without a head the model itself goes on", async () => {
  const tuned = await finetune(source, data, { freeze: ["dense3.weight", "dense3.bias"], epochs: 1 });
  expect([isSame(source, tuned, "dense3.weight"), isSame(source, tuned, "dense1.weight")]).toEqual([true, false]);
});

test("says what does not fit", async () => {
  await expectRejection(finetune(source, data, { probe: true }), "PARE_OPTION", /give a head/);
  await expectRejection(
    finetune(source, data, { head: dense(3), inPlace: true }),
    "PARE_OPTION",
    /cannot be put in place/,
  );
  await expectRejection(finetune(source, data, { freeze: /./ }), "PARE_OPTION", /no weight of the model is trained/);
});
