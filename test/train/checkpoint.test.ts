/** Checkpoints: a training that was killed goes on to the same bits, and a disk that is full loses nothing. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pare from "../../lib/index.js";
import { distill, prune, sequential, train, type Model, type TrainOptions } from "../../lib/index.js";
import { scratchFolder } from "../cli/pare.js";
import { expectRejection } from "../errors.js";
import { spirals } from "./spirals.js";

const { dense, dropout, relu, batchNorm } = pare;
const folder = scratchFolder();
const data = spirals(160);
const net = (): Model => sequential([dense(12), batchNorm(), relu(), dropout(0.2), dense(3)], { input: [2], seed: 1 });
const options = (): TrainOptions => ({
  ...{ epochs: 6, batchSize: 16, seed: 3, optimizer: pare.adam({ lr: 0.02 }), schedule: pare.cosineDecay() },
  ...{ validation: 0.2, regularize: [pare.l2(1e-4, { parameters: { include: [/weight/] } })] },
});
const bytesOf = (model: Model): Buffer => Buffer.from(model.toBytes());

/** Options that abort after so many steps, with a checkpoint. */
function stopping(steps: number, checkpoint: string): TrainOptions {
  const controller = new AbortController();
  let seen = 0;
  return {
    ...options(),
    checkpoint,
    signal: controller.signal,
    onProgress: () => {
      if (++seen === steps) controller.abort(new Error("enough"));
    },
  };
}

let whole: Model & { epochs?: unknown };
beforeAll(async () => {
  const training = train(net(), data, options());
  whole = Object.assign(await training.finish(), { epochs: training.epochs });
});

test.each([1, 11, 16, 40])("aborted after %i steps, it goes on to the same bits", async (steps) => {
  const checkpoint = join(folder, `aborted-${steps}`);
  await expect(train(net(), data, stopping(steps, checkpoint)).finish()).rejects.toThrow("enough");
  const training = train(net(), data, { ...options(), checkpoint, resume: true });
  expect(bytesOf(await training.finish()).equals(bytesOf(whole))).toBe(true);
  expect(training.epochs).toEqual(whole.epochs);
  // It is done: going on again changes nothing.
  const again = train(net(), data, { ...options(), checkpoint, resume: true });
  expect(bytesOf(await again.finish()).equals(bytesOf(whole))).toBe(true);
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("killed in the middle of anything, it goes on to the same bits", async () => {
  const checkpoint = join(folder, "killed");
  // The library as test/build.mjs has made it, in a process of its own; epochs without end.
  const library = join(__dirname, "..", "..", "build-test", "index.js");
  const points = Array.from((data.x as pare.Tensor).data as Float32Array);
  const script = join(folder, "training.cjs");
  writeFileSync(
    script,
    `const pare = require(${JSON.stringify(library)});
    const { dense, batchNorm, relu, dropout } = pare;
    const net = pare.sequential([dense(12), batchNorm(), relu(), dropout(0.2), dense(3)], { input: [2], seed: 1 });
    const data = {
      x: new pare.Tensor("float32", Float32Array.from(${JSON.stringify(points)}), [160, 2]),
      y: ${JSON.stringify(Array.from(data.y))},
    };
    (async () => {
      const options = { batchSize: 16, seed: 3, optimizer: pare.adam({ lr: 0.02 }), validation: 0.2 };
      const training = pare.train(net, data, { ...options, epochs: 100000, checkpoint: ${JSON.stringify(checkpoint)} });
      for await (const { epoch } of training) process.stdout.write(epoch + "\\n");
    })();`,
  );
  await new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.on("data", (text: Buffer) => {
      if (Number(text.toString().trim().split("\n").at(-1)) >= 7) child.kill("SIGKILL");
    });
    child.on("error", reject);
    child.on("close", () => {
      resolve();
    });
  });
  const own = { batchSize: 16, seed: 3, optimizer: pare.adam({ lr: 0.02 }), validation: 0.2 };
  const resumed = train(net(), data, { ...own, epochs: 1, checkpoint, resume: true, best: false });
  await resumed.finish(); // what it stands at: no epoch is left
  const epochs = resumed.epochs.length + 3;
  expect(epochs).toBeGreaterThanOrEqual(10);
  const first = await train(net(), data, { ...own, epochs, checkpoint, resume: true }).finish();
  const second = await train(net(), data, { ...own, epochs }).finish();
  expect(bytesOf(first).equals(bytesOf(second))).toBe(true);
});

test("pruning and distilling go on too", async () => {
  const pruning = (retrain: TrainOptions): Promise<Model & { steps: unknown }> =>
    prune(net(), { sparsity: 0.8, steps: 3, schedule: "linear", retrain: { ...retrain, data, epochs: 2 } });
  const sparse = await pruning(options());
  for (const steps of [3, 16, 21, 40]) {
    const checkpoint = join(folder, `pruning-${steps}`);
    await expect(pruning(stopping(steps, checkpoint))).rejects.toThrow("enough");
    const resumed = await pruning({ ...options(), checkpoint, resume: true });
    expect(bytesOf(resumed).equals(bytesOf(sparse))).toBe(true);
    expect(resumed.steps).toEqual(sparse.steps);
    expect(String(resumed.report)).toBe(String(sparse.report));
  }
  const student = (): Model => sequential([dense(6), relu(), dense(3)], { input: [2], seed: 2 });
  const taught = await distill(student(), whole, data, options());
  const checkpoint = join(folder, "distilling");
  await expect(distill(student(), whole, data, stopping(13, checkpoint))).rejects.toThrow("enough");
  const resumed = await distill(student(), whole, data, { ...options(), checkpoint, resume: true });
  expect(bytesOf(resumed).equals(bytesOf(taught))).toBe(true);
});

test("a disk that is full is told, and what was there before stays", async () => {
  // A device that has room for nothing.
  await expectRejection(
    train(net(), data, { ...options(), checkpoint: "/dev/full" }).finish(),
    "PARE_FILE",
    /\/dev\/full cannot be written: the disk is full.*unchanged/,
  );
  const checkpoint = join(folder, "no-folder", "checkpoint");
  const training = train(net(), data, { ...options(), checkpoint });
  await expectRejection(training.finish(), "PARE_FILE", /its folder does not exist/);
  // What was learned until then is there.
  expect(training.model.graph.weight("dense1.weight")!.dims).toEqual([12, 2]);
});

test("without a file it begins; with another training's it says what differs", async () => {
  const checkpoint = join(folder, "fresh");
  const fresh = await train(net(), data, { ...options(), checkpoint, resume: true }).finish();
  expect(bytesOf(fresh).equals(bytesOf(whole))).toBe(true);
  const resume = (other: TrainOptions, model = net(), batch = data): Promise<Model> =>
    train(model, batch, { ...options(), checkpoint, resume: true, ...other }).finish();
  await expectRejection(resume({ batchSize: 8 }), "PARE_OPTION", /another batchSize \(16; now 8\)/);
  await expectRejection(resume({ optimizer: pare.adam({ lr: 0.1 }) }), "PARE_OPTION", /another optimizer/);
  await expectRejection(resume({}, sequential([dense(3)], { input: [2] })), "PARE_OPTION", /another model/);
  await expectRejection(resume({}, net(), spirals(150)), "PARE_OPTION", /another data/);
  await expectRejection(resume({ regularize: [] }), "PARE_OPTION", /another regularize/);
  const file = join(folder, "model.onnx");
  await net().save(file);
  const before = readFileSync(file);
  await expectRejection(resume({ checkpoint: file }), "PARE_FILE", /is no checkpoint/);
  expect(readFileSync(file).equals(before)).toBe(true);
  await expectRejection(train(net(), data, { resume: true }).finish(), "PARE_OPTION", /name its file/);
  expect(existsSync(checkpoint)).toBe(true);
});
