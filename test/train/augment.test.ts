/** Augmentation: what the model sees in training is moved, mirrored and noisy, each example by its own lot; max-norm. */
import * as pare from "../../lib/index.js";
import { compile, Model, sequential, Tensor, train, type AugmentOptions } from "../../lib/index.js";
import { addAugmentation } from "../../lib/train/augment.js";
import { expectError } from "../errors.js";
import { spirals } from "./spirals.js";

const [channels, height, width] = [2, 4, 5];
const count = 64;
const picture = (): Tensor =>
  new Tensor(
    "float32",
    Float32Array.from({ length: count * channels * height * width }, (_, i) => 1 + (i % 40)),
    [count, channels, height, width],
  );

/** What comes out of the nodes for the pictures. */
async function augmented(
  options: AugmentOptions,
  step: number,
  x = picture(),
  sizes: readonly (number | string)[] = x.dims.slice(1),
): Promise<Tensor> {
  const model = Model.create({ opset: 18 });
  const { graph } = model;
  graph.addInput("x", "float32", ["N", ...sizes]);
  graph.addNode({ opType: "Identity", inputs: ["x"], outputs: ["y"] });
  graph.addOutput("y", "float32", ["N", ...sizes]);
  const augment = addAugmentation(graph, options, 7);
  return (await compile(model)).runSync({ x, ...augment({ x }, step) }).y!;
}

const at = ({ data }: Tensor, n: number, c: number, row: number, column: number): number =>
  row < 0 || row >= height || column < 0 || column >= width
    ? 0
    : (data as Float32Array)[((n * channels + c) * height + row) * width + column]!;

test("pictures move by whole pixels and are mirrored, every one by its own lot", async () => {
  const [x, y] = [picture(), await augmented({ shift: 2, flip: true }, 3)];
  expect(y.dims).toEqual(x.dims);
  const seen = new Set<string>();
  for (let n = 0; n < count; n++) {
    const found: string[] = [];
    for (const mirrored of [false, true])
      for (let down = -2; down <= 2; down++)
        for (let right = -2; right <= 2; right++) {
          let fits = true;
          for (let c = 0; c < channels; c++)
            for (let row = 0; row < height; row++)
              for (let column = 0; column < width; column++) {
                const source = (mirrored ? width - 1 - column : column) + right;
                if (at(y, n, c, row, column) !== at(x, n, c, row + down, source)) fits = false;
              }
          if (fits) found.push(`${mirrored} ${down} ${right}`);
        }
    expect(found).toHaveLength(1);
    seen.add(found[0]!);
  }
  expect(seen.size).toBeGreaterThan(20);
  // The same seed and step give the same, another step others.
  expect((await augmented({ shift: 2, flip: true }, 3)).data).toEqual(y.data);
  expect((await augmented({ shift: 2, flip: true }, 4)).data).not.toEqual(y.data);
});

test("pictures of a size that the model leaves open move alike", async () => {
  const options = { shift: 2, flip: true };
  const [known, open] = [await augmented(options, 3), await augmented(options, 3, picture(), ["C", "H", "W"])];
  expect(open.dims).toEqual(known.dims);
  expect(open.data).toEqual(known.data);
});

test("flip alone leaves half of them as they are", async () => {
  const [x, y] = [picture(), await augmented({ flip: true }, 1)];
  const same = Array.from({ length: count }, (_, n) => at(x, n, 0, 0, 0) === at(y, n, 0, 0, 0)).filter(Boolean).length;
  expect(same).toBeGreaterThan(count / 4);
  expect(same).toBeLessThan((3 * count) / 4);
});

test("noise is normal, of the deviation that was asked for", async () => {
  const x = new Tensor("float32", new Float32Array(20_000), [100, 200]);
  const { data } = await augmented({ noise: 0.5 }, 1, x);
  const values = Array.from(data as Float32Array);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  // Four standard errors of each.
  expect(Math.abs(mean)).toBeLessThan((4 * 0.5) / Math.sqrt(values.length));
  expect(Math.abs(deviation - 0.5)).toBeLessThan((4 * 0.5) / Math.sqrt(2 * values.length));
  expect(values.filter((value) => Math.abs(value) > 0.5).length / values.length).toBeCloseTo(0.317, 1);
});

test("training learns from changed examples, measures on unchanged ones, and repeats itself", async () => {
  const data = spirals(300);
  const net = (): Model => sequential([pare.dense(24), pare.relu(), pare.dense(3)], { input: [2], seed: 1 });
  const options = { epochs: 20, batchSize: 16, optimizer: pare.adam({ lr: 0.02 }), augment: { noise: 0.02 } };
  const first = train(net(), data, options);
  const bytes = (await first.finish()).toBytes();
  expect(first.epochs.at(-1)!.accuracy).toBeGreaterThan(0.9);
  expect(Buffer.from((await train(net(), data, options).finish()).toBytes()).equals(Buffer.from(bytes))).toBe(true);
  const plain = train(net(), data, { ...options, augment: {} });
  await plain.finish();
  expect(plain.epochs[0]!.trainLoss).not.toBe(first.epochs[0]!.trainLoss);
});

test("max-norm cuts what leads into a unit", async () => {
  const net = sequential([pare.dense(8), pare.relu(), pare.dense(3)], { input: [2], seed: 1 });
  const options = { epochs: 3, batchSize: 16, optimizer: pare.adam({ lr: 0.1 }), best: false };
  const lengths = async (maxNorm?: number): Promise<number[]> => {
    const model = await train(net, spirals(300), {
      ...options,
      ...(maxNorm === undefined ? {} : { maxNorm }),
    }).finish();
    const values = model.graph.weight("dense2.weight")!.toFloats();
    return [0, 1, 2].map((unit) => Math.hypot(...values.subarray(8 * unit, 8 * unit + 8)));
  };
  expect(Math.max(...(await lengths()))).toBeGreaterThan(1.5);
  const cut = await lengths(1);
  expect(Math.max(...cut)).toBeLessThan(1 + 1e-5);
  expect(Math.max(...cut)).toBeGreaterThan(0.99);
});

test("says what does not fit", () => {
  const refuse = (options: AugmentOptions, dims: (number | string)[], message: RegExp): void => {
    const model = Model.create({ opset: 18 });
    model.graph.addInput("x", "float32", dims);
    expectError(() => addAugmentation(model.graph, options, 0), "PARE_OPTION", message);
  };
  refuse({ shift: 1.5 }, ["N", 1, 4, 4], /whole number of pixels; got 1.5/);
  refuse({ noise: -1 }, ["N", 4], /at least 0; got -1/);
  refuse({ flip: true }, ["N", 4], /take pictures .*"x" is \[N, 4\]/);
});
