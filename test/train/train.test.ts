/** The training loop: it learns, it repeats itself, it stops, and says what is wrong. */
import * as pare from "../../lib/index.js";
import { compile, Tensor, train, type Batch, type Epoch, type Model, type NameFilter } from "../../lib/index.js";
import { expectRejection } from "../errors.js";
import { spirals } from "./spirals.js";

const { batchNorm, dense, dropout, relu, sequential, tanh } = pare;

const smallNet = (seed = 1): Model =>
  sequential([dense(24), relu(), dense(24), relu(), dense(3)], { input: [2], seed });
const bytesOf = (model: Model): Buffer => Buffer.from(model.toBytes());

test("learns XOR", async () => {
  const x = new Tensor("float32", Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), [4, 2]);
  const data = { x, y: new Tensor("float32", Float32Array.of(0, 1, 1, 0), [4, 1]) };
  const net = sequential([dense(8), tanh(), dense(1)], { input: [2], seed: 3 });
  const options = { epochs: 300, batchSize: 4, loss: "bceWithLogits" as const, optimizer: pare.adam({ lr: 0.05 }) };
  const model = await train(net, data, { ...options, validation: data }).finish();
  const { y } = (await compile(model)).runSync({ x });
  expect(Array.from(y!.data as Float32Array, (score) => (score > 0 ? 1 : 0))).toEqual([0, 1, 1, 0]);
});

test("learns spirals, tells each epoch, and holds back what it measures on", async () => {
  const net = smallNet();
  const before = bytesOf(net);
  const training = train(net, spirals(600), {
    epochs: 30,
    batchSize: 32,
    optimizer: pare.adam({ lr: 0.01 }),
    validation: 0.2,
  });
  const epochs: Epoch[] = [];
  for await (const epoch of training) epochs.push(epoch);
  const last = epochs.at(-1)!;
  expect(epochs).toHaveLength(30);
  expect(last.steps).toBe(30 * 15);
  expect(last.accuracy).toBeGreaterThan(0.95);
  expect(last.generalizationGap).toBeCloseTo(last.validationLoss - last.trainLoss);
  expect(epochs[0]!.trainLoss).toBeGreaterThan(2 * last.trainLoss);
  expect(training.epochs).toEqual(epochs);
  // The given model stays as it was; the result has its face.
  expect(bytesOf(net).equals(before)).toBe(true);
  expect(training.model.graph.nodes.map(({ opType }) => opType)).toEqual(net.graph.nodes.map(({ opType }) => opType));
});

test("the same seed gives the same bits on any number of threads, another one others", async () => {
  const data = spirals(200);
  const net = sequential([dense(16), relu(), dropout(0.3), dense(3)], { input: [2], seed: 5 });
  const run = async (seed: number, threads: number): Promise<Buffer> =>
    bytesOf(await train(net, data, { epochs: 2, seed, threads }).finish());
  const first = await run(7, 1);
  expect((await run(7, 2)).equals(first)).toBe(true);
  expect((await run(8, 1)).equals(first)).toBe(false);
});

test.each(Object.entries(pare.optimizers))(
  "%s steps alike along one example and along it twice",
  async (_, optimizer) => {
    const [x, y] = [Float32Array.from({ length: 40 }, (_unused, i) => Math.sin(i)), BigInt64Array.of(2n)];
    const net = sequential([dense(33), relu(), dense(17), tanh(), dense(3)], { input: [40], seed: 9 });
    const weightsAfter = async (copies: number): Promise<Float32Array> => {
      const times = <T extends number | bigint>(values: ArrayLike<T>): T[] =>
        Array.from({ length: copies }, () => Array.from(values)).flat();
      const data = {
        x: new Tensor("float32", Float32Array.from(times(x)), [copies, 40]),
        y: new Tensor("int64", BigInt64Array.from(times(y)), [copies]),
      };
      const options = { epochs: 6, batchSize: copies, optimizer: optimizer({ lr: 0.02 }), regularize: [pare.l2(1e-3)] };
      const model = await train(net, data, { ...options, validation: data, best: false }).finish();
      return Float32Array.from([...model.graph.weights()].flatMap(([, weight]) => [...weight.toFloats()]));
    };
    const [once, twice] = [await weightsAfter(1), await weightsAfter(2)];
    expect(once.some((value, i) => Math.abs(value - twice[i]!) > 1e-5)).toBe(false);
  },
);

test("regularizers shrink weights; proximal l1 makes exact zeros; biases stay out", async () => {
  const data = spirals(300);
  const weightsOf = async (regularize: pare.Regularizer[]): Promise<Float32Array> => {
    const model = await train(smallNet(), data, {
      epochs: 5,
      optimizer: pare.sgd({ lr: 0.1 }),
      regularize,
      best: false,
    }).finish();
    return model.graph.weight("dense2.weight")!.toFloats();
  };
  const size = (values: Float32Array): number => values.reduce((sum, value) => sum + Math.abs(value), 0);
  const plain = await weightsOf([]);
  const groups = [[pare.l1(0.01)], [pare.l2(0.05)], [pare.l2(0.05, { form: "decoupled" })], pare.elasticNet(0.05)];
  for (const group of groups) expect(size(await weightsOf(group))).toBeLessThan(0.95 * size(plain));
  const proximal = await weightsOf([pare.l1(0.05, { form: "proximal" })]);
  expect(proximal.filter((value) => value === 0).length).toBeGreaterThan(proximal.length / 2);
  expect(plain.filter((value) => value === 0)).toHaveLength(0);
});

test("trains the parameters that are asked for, at their own rates", async () => {
  const net = smallNet();
  const model = await train(net, spirals(100), {
    epochs: 1,
    parameters: { exclude: [/^dense1/] },
    rateOf: (name) => (name.startsWith("dense2") ? 0 : 1),
  }).finish();
  const isSame = (name: string): boolean =>
    Buffer.from(net.graph.weight(name)!.bytes).equals(Buffer.from(model.graph.weight(name)!.bytes));
  expect(["dense1.weight", "dense1.bias", "dense2.weight", "dense3.weight"].map(isSame)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test("a batch in parts comes to the same as the whole", async () => {
  const options = { epochs: 2, batchSize: 30, best: false, clipNorm: 0.5, optimizer: pare.adam({ lr: 0.01 }) };
  const [whole, parts] = [
    train(smallNet(), spirals(200), options),
    train(smallNet(), spirals(200), { ...options, accumulate: 4 }),
  ];
  const [one, other] = [await whole.finish(), await parts.finish()];
  for (const [i, { trainLoss, steps }] of whole.epochs.entries()) {
    expect(parts.epochs[i]!.steps).toBe(steps);
    expect(parts.epochs[i]!.trainLoss).toBeCloseTo(trainLoss, 5);
  }
  const values = other.graph.weight("dense2.weight")!.toFloats();
  one.graph
    .weight("dense2.weight")!
    .toFloats()
    .forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 4);
    });
  await expectRejection(train(smallNet(), spirals(60), { accumulate: 0 }).finish(), "PARE_OPTION", /accumulate/);
});

test("stops early, keeps the best weights, takes a signal, and writes in place when asked", async () => {
  const data = spirals(90);
  const patient = train(smallNet(), data, { epochs: 50, patience: 2, optimizer: pare.sgd({ lr: 3 }), clipNorm: 100 });
  await patient.finish();
  const best = patient.epochs.map(({ isBest }) => isBest).lastIndexOf(true);
  expect(patient.epochs.length === 50 || patient.epochs.length === best + 3).toBe(true);
  const controller = new AbortController();
  const stopped = train(smallNet(), data, { epochs: 1000, signal: controller.signal });
  await expect(
    (async () => {
      for await (const { epoch } of stopped) if (epoch === 2) controller.abort(new Error("enough"));
    })(),
  ).rejects.toThrow("enough");
  // What was best until then is there.
  expect(stopped.model.graph.weight("dense1.weight")!.dims).toEqual([24, 2]);
  const net = smallNet();
  const before = bytesOf(net);
  expect(await train(net, data, { epochs: 1, inPlace: true }).finish()).toBe(net);
  expect(bytesOf(net).equals(before)).toBe(false);
});

/** A net with one more node behind its activation. */
function netWith(opType: string, name: string): Model {
  const net = sequential([dense(4), relu(), dense(3)], { input: [2], seed: 1 });
  const { graph } = net;
  graph.addNode({ opType, name, inputs: ["relu1.Relu"], outputs: ["more"] });
  graph.nodes
    .filter(({ inputs }) => inputs[0] === "relu1.Relu" && inputs.length > 1)
    .forEach((node) => {
      node.setInput(0, "more");
    });
  graph.sort();
  return net;
}

test("an operator without a gradient is named, and so is what is not finite in the data", async () => {
  const data = spirals(60);
  await expectRejection(
    train(netWith("Sinh", "curve"), data).finish(),
    "PARE_UNSUPPORTED",
    /Sinh has no gradient.*curve/,
  );
  const { x, y } = spirals(60);
  ((x as Tensor).data as Float32Array).fill(NaN);
  await expectRejection(
    train(smallNet(), { x, y }).finish(),
    "PARE_NAN",
    /loss of step 1 is NaN, for "x" is not finite/,
  );
});

test("a loss that is no number leaves the weights alone and says where it began", async () => {
  const data = spirals(60);
  // log of what relu has made zero: −∞, and NaN behind it.
  const net = netWith("Log", "logarithm");
  await expectRejection(train(net, data).finish(), "PARE_NAN", /loss of step 1 is .*, from Log "logarithm" on/);
});

test("weights in Constant nodes learn as initializers do, running statistics of batch norms included", async () => {
  const net = sequential([dense(12), batchNorm(), relu(), dense(3)], { input: [2], seed: 1 });
  const other = net.clone();
  for (const [name, weight] of [...other.graph.weights()]) {
    other.graph.removeWeight(name);
    other.graph.addNode({ opType: "Constant", inputs: [], outputs: [name], attributes: { value: weight } });
  }
  other.graph.sort();
  const data = spirals(120);
  const options = { epochs: 3, batchSize: 16, best: false };
  const [wanted, got] = await Promise.all([net, other].map((model) => train(model, data, options).finish()));
  expect(got!.graph.nodes.filter(({ opType }) => opType === "Constant")).not.toHaveLength(0);
  for (const [name, weight] of wanted!.graph.weights()) {
    if (weight.dtype !== "float32") continue;
    expect([name, got!.graph.weight(name)!.toFloats()]).toEqual([name, weight.toFloats()]);
    expect(weight.toFloats()).not.toEqual(net.graph.weight(name)!.toFloats());
  }
});

test("a regularizer takes parameters by a filter alone", () => {
  for (const none of ["hidden", /hidden/])
    expect(() => pare.l1(0.1, { parameters: none as NameFilter })).toThrow(/parameters must be .* got .*hidden/);
});

test("says what is wrong with data and options", async () => {
  const good = spirals(60);
  const labels = Array.from(good.y);
  const x = (dims: number[]): Tensor => new Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);
  const wrong: [Batch, pare.TrainOptions, string, RegExp][] = [
    [{ x: good.x, y: labels.map((label, i) => (i === 17 ? 3 : label)) }, {}, "PARE_OPTION", /label 17 is 3.*3 classes/],
    [{ x: good.x, y: labels.map((label, i) => (i === 4 ? 0.5 : label)) }, {}, "PARE_OPTION", /label 4 is 0.5/],
    [{ x: good.x }, {}, "PARE_OPTION", /no y/],
    [{ x: x([0, 2]), y: [] }, {}, "PARE_OPTION", /no examples/],
    [{ x: x([60, 3]), y: labels }, {}, "PARE_SHAPE", /examples of \[3\].*takes \[2\]/],
    [{ x: good.x, y: labels.slice(1) }, {}, "PARE_SHAPE", /60 examples and y has 59/],
    [good, { epochs: 0 }, "PARE_OPTION", /epochs/],
    [good, { batchSize: 1.5 }, "PARE_OPTION", /batchSize/],
    [good, { validation: 0 }, "PARE_OPTION", /always held back/],
    [good, { loss: "mean" as "mse" }, "PARE_OPTION", /no loss "mean"/],
    [good, { parameters: { include: ["nothing"] } }, "PARE_OPTION", /no weight of the model is trained/],
    [good, { parameters: /W/ as NameFilter }, "PARE_OPTION", /parameters must be .*got \/W\//],
    [good, { output: "z" }, "PARE_OPTION", /no output "z"/],
    [good, { optimizer: pare.sgd({ lr: 1e30 }) }, "PARE_NAN", /loss of step \d+ is/],
  ];
  for (const [data, options, code, message] of wrong)
    await expectRejection(train(smallNet(), data, options).finish(), code, message);
  expect(() => pare.l1(-1)).toThrow(/at least 0/);
  expect(() => pare.sgd({ nesterov: true })).toThrow(/momentum/);
  expect(() => sequential([pare.conv(3, 5)], { input: [4] })).toThrow(/layer 0 \(conv\).*\[channels, height, width\]/);
});
