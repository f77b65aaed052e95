/** Pruning step by step: zeros are held while the rest is trained, what it costs is measured, and it stops at a budget. */
import * as pare from "../../lib/index.js";
import { prune, sequential, train, type Model } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { spirals } from "../train/spirals.js";

const { dense, relu } = pare;
const data = spirals(450);
const optimizer = pare.adam({ lr: 0.01 });
const net = sequential([dense(32), relu(), dense(32), relu(), dense(3)], { input: [2], seed: 1 });
let trained: Model;
beforeAll(async () => {
  trained = await train(net, data, { epochs: 25, batchSize: 32, optimizer }).finish();
});

const zerosOf = (model: Model, name: string): number =>
  model.graph
    .weight(name)!
    .toFloats()
    .filter((value) => value === 0).length;

test("goes to its sparsity by the cubic schedule and keeps what it can", async () => {
  const options = { sparsity: 0.8, schedule: "cubic" as const, steps: 4 };
  const sparse = await prune(trained, { ...options, retrain: { data, epochs: 5, batchSize: 32, optimizer } });
  expect(sparse.steps.map(({ sparsity }) => sparsity)).toEqual([1, 2, 3, 4].map((i) => 0.8 * (1 - (1 - i / 4) ** 3)));
  expect(zerosOf(sparse, "dense2.weight")).toBe(Math.round(0.8 * 32 * 32));
  expect(zerosOf(sparse, "dense1.bias")).toBe(0);
  const once = await prune(trained, {
    sparsity: 0.8,
    steps: 1,
    retrain: { data, epochs: 1, optimizer: pare.sgd({ lr: 0 }) },
  });
  expect(sparse.steps.at(-1)!.validationLoss).toBeLessThan(once.steps[0]!.validationLoss);
  expect(sparse.report.history.map(({ name }) => name)).toEqual(["before", "step 1", "step 2", "step 3", "step 4"]);
  expect(sparse.report.toString()).toMatch(/^step 4 +80\.00 % +\d\.\d{4} +\d\.\d{4} +-?\d\.\d{4} +\d+\.\d\d %$/m);
});

test("stops before accuracy drops by more than maxDrop, and says where", async () => {
  const options = { sparsity: 1, schedule: "linear" as const, steps: 4, maxDrop: 0.1 };
  const sparse = await prune(trained, { ...options, retrain: { data, epochs: 2, batchSize: 32, optimizer } });
  expect(sparse.steps.length).toBeLessThan(4);
  expect(zerosOf(sparse, "dense2.weight")).toBe(Math.round(sparse.steps.at(-1)!.sparsity * 32 * 32));
});

test("by magnitude times gradient it prunes what the loss needs least", async () => {
  const once = (importance: pare.ImportanceName): Promise<Model & { steps: pare.PruningStep[] }> =>
    prune(trained, {
      ...{ sparsity: 0.3, steps: 1, scope: "global", importance },
      retrain: { data, epochs: 1, optimizer: pare.sgd({ lr: 0 }) },
    });
  const [gradient, lot] = [await once("gradient"), await once("random")];
  expect(gradient.steps[0]!.validationLoss).toBeLessThan(0.1 * lot.steps[0]!.validationLoss);
  expect(gradient.steps[0]!.validationLoss).not.toBe((await once("magnitude")).steps[0]!.validationLoss);
  await expectRejection(prune(trained, { sparsity: 0.5, importance: "gradient" }), "PARE_OPTION", /looks at data/);
});

test("weights come back where the gradient is largest, and the sparsity is kept", async () => {
  const options = { sparsity: 0.8, steps: 1, regrow: 0.3 };
  const still = { data, epochs: 1, batchSize: 32, optimizer: pare.sgd({ lr: 1e-6 }) };
  const plain = await prune(trained, { ...options, regrow: 0, retrain: still });
  const regrown = await prune(trained, { ...options, retrain: still });
  const back = (name: string): number => {
    const [before, after] = [plain, regrown].map((model) => model.graph.weight(name)!.toFloats());
    return after!.filter((value, i) => value !== 0 && before![i] === 0).length;
  };
  // Of the 205 that stay, 61 or so go, and as many come back; some of them are the same.
  expect(back("dense2.weight")).toBeGreaterThan(20);
  expect(zerosOf(regrown, "dense2.weight")).toBeGreaterThanOrEqual(Math.round(0.8 * 32 * 32));
  expect(zerosOf(regrown, "dense2.weight")).toBeLessThan(0.86 * 32 * 32);
  await expectRejection(prune(trained, { ...options, regrow: 1, retrain: still }), "PARE_OPTION", /regrow must be/);
});

test("retrains with a teacher's answers instead of the labels", async () => {
  const wrong = { x: data.x, y: Int32Array.from(data.y, (label) => (label + 1) % 3) };
  const still = { epochs: 10, batchSize: 32, optimizer, validation: data };
  const retrained = (teacher?: { model: Model; alpha: number }, augment?: pare.AugmentOptions): Promise<Model> =>
    prune(trained, {
      ...{ sparsity: 0.5, steps: 1, scope: "global", regrow: augment ? 0.1 : 0 },
      retrain: { ...still, data: wrong, ...(teacher ? { teacher } : {}), ...(augment ? { augment } : {}) },
    });
  // Without the labels' share in the loss nothing tells of them but the teacher.
  const taught = await retrained({ model: trained, alpha: 1 });
  expect((await pare.evaluate(taught, data)).accuracy).toBeGreaterThan(0.9);
  const moved = await retrained({ model: trained, alpha: 1 }, { noise: 0.02 });
  expect((await pare.evaluate(moved, data)).accuracy).toBeGreaterThan(0.9);
  expect((await pare.evaluate(await retrained(), data)).accuracy).toBeLessThan(0.2);
  const classes = sequential([dense(4)], { input: [2], seed: 1 });
  await expectRejection(retrained({ model: classes, alpha: 1 }), "PARE_SHAPE", /3 classes and the teacher 4/);
  await expectRejection(retrained({ model: trained, alpha: 2 }), "PARE_OPTION", /alpha/);
});

test("the scan tells what each layer bears alone, the most sensitive first", async () => {
  const found = await pare.scanSensitivity(trained, data, {
    sparsities: [0.2, 0.9],
    names: { exclude: ["dense1.weight"] },
  });
  expect(found).toMatchObject({ metric: "accuracy", sparsities: [0.2, 0.9] });
  expect(found.before).toBeGreaterThan(0.95);
  expect(found.layers.map(({ name }) => name).sort()).toEqual(["dense2.weight", "dense3.weight"]);
  for (const { name, values } of found.layers) {
    const pruned = await prune(trained, { sparsity: 0.9, names: { include: [name] } });
    expect(values[1]).toBe((await pare.evaluate(pruned, data)).accuracy);
    expect(values[0]).toBeGreaterThan(values[1]!);
  }
  const [first, second] = found.layers.map(({ values }) => values[0]! + values[1]!);
  expect(first).toBeLessThanOrEqual(second!);
  expect(found.toString()).toMatch(/^tensor +op +weights +20 % +90 %$/m);
  const none = pare.scanSensitivity(trained, data, { names: { include: ["nothing"] } });
  await expectRejection(none, "PARE_OPTION", /no weight was found/);
});

test("says what does not fit", async () => {
  const retrain = { data };
  await expectRejection(prune(trained, { amount: 3, retrain }), "PARE_OPTION", /sparsity to go to/);
  await expectRejection(prune(trained, { sparsity: 0.5, steps: 0, retrain }), "PARE_OPTION", /steps/);
  await expectRejection(
    prune(trained, { sparsity: 0.5, schedule: "fast" as "cubic", retrain }),
    "PARE_OPTION",
    /oneShot, linear or cubic/,
  );
});
