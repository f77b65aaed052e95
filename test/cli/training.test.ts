/** train, prune --retrain, distill and finetune as processes: their files, tables and JSON. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dense, loadSync, relu, sequential, type Epoch } from "../../lib/index.js";
import { spirals } from "../train/spirals.js";
import { writeModel } from "./models.js";
import { pare, scratchFolder } from "./pare.js";

const folder = scratchFolder();
const at = (name: string): string => join(folder, name);
const net = (units: number, seed: number): string =>
  writeModel(at(`${units}.onnx`), sequential([dense(units), relu(), dense(3)], { input: [2], seed }));
const input = net(32, 1);
const small = net(12, 2);
const data = at("spirals.csv");
const learning = ["--data", data, "--batch-size", "16", "--lr", "0.02"];

beforeAll(() => {
  const { x, y } = spirals(300);
  const points = (x as { data: Float32Array }).data;
  const rows = Array.from(y, (label, i) => `${points[2 * i]!},${points[2 * i + 1]!},${label}`);
  writeFileSync(data, `a,b,label\n${rows.join("\n")}\n`);
});

interface Found {
  output: string;
  bytesAfter: number;
  chosen: number;
  epochs: Epoch[];
}

/** Runs a command that must succeed and gives its JSON. */
async function json(...args: string[]): Promise<Found> {
  const { code, stdout, stderr } = await pare([...args, "--json"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Found;
}

describe("train", () => {
  test("writes beside the input, with the weights of the best epoch, and tells them all", async () => {
    const { code, stdout, stderr } = await pare(["train", input, ...learning, "--epochs", "3"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^after +train loss +validation loss +gap +accuracy/);
    expect(stdout).toMatch(/^epoch 3 +\d\.\d{4} +\d\.\d{4} +-?\d\.\d{4} +\d+\.\d\d %/m);
    expect(stdout).toMatch(/← these weights/);
    expect(stdout).toMatch(/32\.onnx 1\.\d+ kB → .*32\.trained\.onnx 1\.\d+ kB/);
    expect(loadSync(at("32.trained.onnx")).graph.weight("dense1.weight")!.dims).toEqual([32, 2]);
  });

  test("every option reaches the library", async () => {
    const out = at("options.onnx");
    const own = ["--optimizer", "sgd", "--momentum", "0.9", "--weight-decay", "1e-4", "--lr-schedule", "cosineDecay"];
    const more = [
      "--noise",
      "0.01",
      "--max-norm",
      "9",
      "--l1",
      "1e-5",
      "--l2",
      "1e-5",
      "--proximal-l1",
      "0.5",
      "--clip-norm",
      "1",
      "--seed",
      "3",
    ];
    const split = ["--validation", "0.2", "--patience", "2", "--label-smoothing", "0.1", "--epochs", "30"];
    const found = await json("train", input, ...learning, "-o", out, ...own, ...more, ...split);
    expect(found).toMatchObject({ input, output: out, chosen: expect.any(Number) as number });
    const { epochs } = found;
    expect(epochs.length).toBeLessThan(30); // patience: such a penalty leaves nothing to improve
    expect(epochs[0]!.steps).toBe(240 / 16);
    const values = loadSync(out).graph.weight("dense2.weight")!.toFloats();
    expect(values.filter((value) => value === 0).length).toBeGreaterThan(values.length / 2);
  });

  test("learns, on data that is held back by name", async () => {
    const found = await json(
      "train",
      input,
      ...learning,
      "--held-back",
      data,
      "--epochs",
      "25",
      "-o",
      at("large.onnx"),
    );
    expect(found.epochs[found.chosen - 1]!.accuracy).toBeGreaterThan(0.9);
  });
});

test("prune --retrain goes step by step", async () => {
  const args = ["prune", at("large.onnx"), "--sparsity", "0.6", "--retrain", ...learning, "--steps", "3"];
  const { code, stdout } = await pare([...args, "--schedule", "linear", "--max-drop", "0.9", "-o", at("sparse.onnx")]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^before +\d/m);
  expect(stdout).toMatch(/^step 3 +60\.00 % +\d/m);
  const values = loadSync(at("sparse.onnx")).graph.weight("dense2.weight")!.toFloats();
  expect(values.filter((value) => value === 0)).toHaveLength(Math.round(0.6 * 96));
});

test("prune --scan tells what each layer bears, and writes nothing", async () => {
  const { code, stdout } = await pare(["prune", at("large.onnx"), "--scan", "--data", data, "-o", at("scan.onnx")]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^dense2\.weight +Gemm +96 +\d+\.\d\d %/m);
  expect(existsSync(at("scan.onnx"))).toBe(false);
});

test("distill teaches a student", async () => {
  const teaching = ["--teacher", at("large.onnx"), "--temperature", "2", "--alpha", "0.5"];
  const found = await json("distill", small, ...teaching, ...learning, "--epochs", "4");
  expect(found.output).toBe(at("12.distilled.onnx"));
  expect(found.epochs).toHaveLength(4);
  expect(found.epochs[3]!.trainLoss).toBeLessThan(found.epochs[0]!.trainLoss);
  const hard = await json("distill", small, "--teacher", at("large.onnx"), ...learning, "--epochs", "1", "--hard");
  expect(hard.epochs[0]!.trainLoss).not.toBe(found.epochs[0]!.trainLoss);
  const following = ["--features", "relu1.Relu=relu1.Relu", "--no-cache"];
  const follower = await json("distill", small, ...teaching, ...learning, ...following, "--epochs", "1");
  expect(follower.epochs[0]!.trainLoss).toBeGreaterThan(found.epochs[0]!.trainLoss);
});

test("finetune makes a new head, and leaves what is frozen", async () => {
  const found = await json(
    "finetune",
    at("large.onnx"),
    ...learning,
    "--epochs",
    "2",
    "--classes",
    "4",
    "--freeze",
    "/^dense1/",
  );
  const [before, after] = [at("large.onnx"), found.output].map((path) => loadSync(path).graph);
  expect(after!.outputs[0]!.dims).toEqual(["N", 4]);
  expect(Buffer.from(after!.weight("dense1.weight")!.bytes)).toEqual(
    Buffer.from(before!.weight("dense1.weight")!.bytes),
  );
  const transfer = ["--unfreeze-every", "2", "--layer-decay", "0.5", "--l2sp", "0.01", "-o", at("thawing.onnx")];
  await json("finetune", at("large.onnx"), ...learning, "--epochs", "1", ...transfer);
  expect(Buffer.from(loadSync(at("thawing.onnx")).graph.weight("dense1.weight")!.bytes)).toEqual(
    Buffer.from(before!.weight("dense1.weight")!.bytes),
  );
  const probe = ["--classes", "3", "--probe", "--epochs", "1", "-o", at("probe.onnx")];
  await json("finetune", at("large.onnx"), ...learning, ...probe);
  expect(Buffer.from(loadSync(at("probe.onnx")).graph.weight("dense1.weight")!.bytes)).toEqual(
    Buffer.from(before!.weight("dense1.weight")!.bytes),
  );
});

test("an interruption loses nothing: --resume goes on to the same bits", async () => {
  const args = (out: string): string[] => ["train", input, ...learning, "--epochs", "3000", "-o", at(out)];
  const checkpoint = at("resumed.onnx.checkpoint");
  const { code, stderr } = await pare(args("resumed.onnx"), {
    started: (child) => {
      const timer = setInterval(() => {
        if (!existsSync(checkpoint)) return;
        clearInterval(timer);
        child.kill("SIGINT");
      }, 20);
      child.on("close", () => {
        clearInterval(timer);
      });
    },
  });
  expect(code).toBe(130);
  expect(stderr.replace(/\s+/g, " ")).toMatch(/PARE_ABORTED: Interrupted; the same command with --resume goes on/);
  expect(existsSync(at("resumed.onnx"))).toBe(false);
  const refused = await pare(args("resumed.onnx"));
  expect([refused.code, refused.stderr.replace(/\s+/g, " ")]).toEqual([
    2,
    expect.stringMatching(/--resume goes on with it, --no-resume begins anew/) as string,
  ]);
  // Fewer than were asked for, so that the test ends.
  const fewer = ["--epochs", "60", "--resume"];
  const resumed = await json(...args("resumed.onnx"), ...fewer);
  const whole = await json(...args("whole.onnx"), "--epochs", String(resumed.epochs.length));
  expect(resumed.epochs).toEqual(whole.epochs);
  expect(readFileSync(at("resumed.onnx")).equals(readFileSync(at("whole.onnx")))).toBe(true);
  expect(existsSync(checkpoint)).toBe(false);
});

test.each<[string, string[], number, RegExp]>([
  ["train without data", ["train", input], 2, /required option '--data <path>' not specified/],
  [
    "two kinds of held-back data",
    ["train", input, "--data", data, "--held-back", data, "--validation", "0.1"],
    2,
    /--validation has no meaning/,
  ],
  ["nothing held back", ["train", input, "--data", data, "--validation", "0"], 2, /always held back/],
  [
    "momentum of adam",
    ["train", input, "--data", data, "--momentum", "0.9"],
    2,
    /--momentum belongs to sgd and rmsprop/,
  ],
  [
    "smoothing of another loss",
    ["train", input, "--data", data, "--loss", "mse", "--label-smoothing", "0.1"],
    2,
    /belongs to crossEntropy/,
  ],
  [
    "a loss that is no number",
    ["train", input, "--data", data, "--lr", "1e30"],
    1,
    /PARE_NAN: the loss of step \d+ is/,
  ],
  ["flips of what is no picture", ["train", input, "--data", data, "--flip"], 2, /shift and flip take pictures/],
  ["retraining without data", ["prune", input, "--sparsity", "0.5", "--retrain"], 2, /--retrain needs --data/],
  [
    "steps without retraining",
    ["prune", input, "--sparsity", "0.5", "--steps", "3"],
    2,
    /--steps belongs to --retrain/,
  ],
  [
    "distill with a feature that is not there",
    ["distill", input, "--data", data, "--teacher", input, "--features", "there=there"],
    2,
    /there/,
  ],
  ["distill without a teacher", ["distill", input, "--data", data], 2, /required option '--teacher <file>'/],
  ["a probe without a head", ["finetune", input, "--data", data, "--probe"], 2, /give a head/],
])("refuses %s", async (_, args, exitCode, message) => {
  const out = at("none.onnx");
  const { code, stdout, stderr } = await pare([...args, "-o", out]);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
  expect(stderr.replace(/\s+/g, " ")).toMatch(message);
  expect(existsSync(out)).toBe(false);
});
