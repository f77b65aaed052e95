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

test("a probe's one pass over the examples comes to what passes at each step come to", async () => {
  const options = { head: [dense(8), relu(), dense(2)], probe: true, epochs: 3, optimizer };
  const once = await finetune(source, other, { ...options, validation: other });
  // Augmentation, be it of nothing, makes the body run at each step.
  const each = await finetune(source, other, { ...options, validation: other, augment: { noise: 0 } });
  for (const [i, { trainLoss, validationLoss }] of each.epochs.entries()) {
    expect(once.epochs[i]!.trainLoss).toBeCloseTo(trainLoss, 5);
    expect(once.epochs[i]!.validationLoss).toBeCloseTo(validationLoss, 5);
  }
  const [own, wanted] = await Promise.all([once, each].map((model) => pare.evaluate(model, other)));
  expect(own!.accuracy).toBe(wanted!.accuracy);
});

test("a head takes the feature that it is told, whatever outputs there were", async () => {
  const encoder = source.clone();
  encoder.graph.addOutput("logits", "float32", ["N", 3]);
  const feature = encoder.graph.nodes.find(({ opType }) => opType === "Relu")!.outputs[0]!;
  const tuned = await finetune(encoder, other, { head: dense(2), feature, epochs: 10, batchSize: 32, optimizer });
  expect(tuned.graph.outputs.map(({ dims }) => dims)).toEqual([["N", 2]]);
  expect(tuned.graph.weight("dense2.weight")).toBeUndefined();
  expect(isSame(source, tuned, "dense1.weight")).toBe(false);
  expect(tuned.epochs.at(-1)!.accuracy).toBeGreaterThan(0.8);
  await expectRejection(finetune(encoder, other, { head: dense(2) }), "PARE_UNSUPPORTED", /name the feature/);
  await expectRejection(finetune(encoder, other, { head: dense(2), feature: "x?" }), "PARE_OPTION", /no value "x\?"/);
  await expectRejection(finetune(encoder, other, { feature }), "PARE_OPTION", /give a head/);
});

test("without a head the model itself goes on", async () => {
  const tuned = await finetune(source, data, { freeze: ["dense3.weight", "dense3.bias"], epochs: 1 });
  expect([isSame(source, tuned, "dense3.weight"), isSame(source, tuned, "dense1.weight")]).toEqual([true, false]);
});

test("layers thaw from the last one backwards, a step of epochs each", async () => {
  const names = ["dense1.weight", "dense2.weight", "dense2.bias", "dense3.weight"];
  const kept = async (epochs: number): Promise<boolean[]> => {
    const tuned = await finetune(source, data, { unfreezeEvery: 1, epochs, best: false, optimizer });
    return names.map((name) => isSame(source, tuned, name));
  };
  expect(await kept(1)).toEqual([true, true, true, false]);
  expect(await kept(2)).toEqual([true, false, false, false]);
  expect(await kept(3)).toEqual([false, false, false, false]);
});

const distance = (a: Model, b: Model, name: string): number => {
  const [own, other] = [a, b].map((model) => model.graph.weight(name)!.toFloats());
  return Math.hypot(...own!.map((value, i) => value - other![i]!));
};

test("layers before the last one move less at discriminative rates", async () => {
  const options = { epochs: 1, best: false, optimizer: pare.sgd({ lr: 0.05 }) };
  const [even, decayed] = [
    await finetune(source, other, { ...options, head: dense(2) }),
    await finetune(source, other, { ...options, head: dense(2), layerDecay: 0.1 }),
  ];
  for (const [name, most] of [
    ["dense2.weight", 0.3],
    ["dense1.weight", 0.1],
  ] as const)
    expect(distance(decayed, source, name)).toBeLessThan(most * distance(even, source, name));
});

test("l2sp keeps weights near those that it began with; a new head is free", async () => {
  const options = { epochs: 5, best: false, optimizer: pare.sgd({ lr: 0.05 }), head: dense(2) };
  const free = await finetune(source, other, options);
  const held = await finetune(source, other, { ...options, regularize: [pare.l2sp(2, source)] });
  for (const name of ["dense1.weight", "dense2.weight"])
    expect(distance(held, source, name)).toBeLessThan(0.5 * distance(free, source, name));
  const size = (model: Model): number =>
    Math.hypot(...[...model.graph.weights()].find(([name]) => /head.*weight/.test(name))![1].toFloats());
  expect(size(held)).toBeGreaterThan(0.5 * size(free));
});

test("says what does not fit", async () => {
  await expectRejection(finetune(source, data, { probe: true }), "PARE_OPTION", /give a head/);
  await expectRejection(
    finetune(source, data, { head: dense(3), inPlace: true }),
    "PARE_OPTION",
    /cannot be put in place/,
  );
  const folders = { x: data.x, y: data.y.map((label) => 90 * label), classNames: Array.from({ length: 181 }, String) };
  await expectRejection(
    finetune(source, folders),
    "PARE_OPTION",
    /is (90|180); the model has 3 classes.*--class-names/,
  );
  await expectRejection(finetune(source, data, { layerDecay: 2 }), "PARE_OPTION", /layerDecay must be/);
  await expectRejection(finetune(source, data, { unfreezeEvery: 0 }), "PARE_OPTION", /unfreezeEvery must be/);
  await expectRejection(finetune(source, data, { rateOf: () => -1 }), "PARE_OPTION", /rateOf must give/);
  await expectRejection(finetune(source, data, { freeze: /./ }), "PARE_OPTION", /no weight of the model is trained/);
});
