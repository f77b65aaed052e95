/** Quantizes a model of 1 GB with `pare quantize` as a process: its own memory and its time, against copying the same files. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Model, Weight } from "../lib/index.js";
import { formatBytes } from "../lib/report/format.js";
import { formatSeconds, median } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "A model of 1 GB through pare quantize: memory and time";

const width = 2048;
const program = join(__dirname, "..", "dist", "cli", "main.js");

const variants: readonly { name: string; args: readonly string[] }[] = [
  { name: "int8 dynamic", args: ["--dtype", "int8", "--mode", "dynamic"] },
  { name: "int8 weights", args: ["--dtype", "int8", "--mode", "weights"] },
  { name: "int4 MatMulNBits", args: ["--dtype", "int4"] },
  { name: "float16", args: ["--dtype", "float16"] },
];

export async function run(report: BenchReport): Promise<void> {
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build first.`);
  const folder = mkdtempSync(join(tmpdir(), "pare-big-"));
  try {
    const input = join(folder, "big.onnx");
    report.progress("writing the model");
    await writeModel(input, report.quick ? 8 : 64);
    const size = statSync(input).size;
    const row = report.table(`${formatBytes(size)} in ${folder}`, [
      "what",
      "output",
      "time",
      "warm cp of both",
      "of cp",
      "RssAnon at most",
      "of the input",
    ]);
    const output = join(folder, "small.onnx");
    for (const { name, args } of variants) {
      report.progress(name);
      // Warms the page cache and shows the size of the output.
      await quantize(input, output, args);
      const outputSize = statSync(output).size;
      const runs: { seconds: number; anonymous: number }[] = [];
      const copies: number[] = [];
      for (let turn = 0; turn < 3; turn++) {
        copies.push(copy([input, output], folder));
        runs.push(await quantize(input, output, args));
      }
      const seconds = median(runs.map((one) => one.seconds));
      const anonymous = Math.max(...runs.map((one) => one.anonymous));
      row(
        name,
        formatBytes(outputSize),
        formatSeconds(seconds),
        formatSeconds(median(copies)),
        `${(seconds / median(copies)).toFixed(2)} ×`,
        formatBytes(anonymous),
        `${(anonymous / size).toFixed(3)} ×`,
      );
    }
    report.note("The time is that of the whole process, Node's start included; RssAnon is read from /proc every 5 ms.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A chain of `layers` square MatMuls, 16.8 MB each. */
async function writeModel(path: string, layers: number): Promise<void> {
  // One matrix stands for all: what counts here is bytes.
  let state = 1;
  const values = Float32Array.from({ length: width * width }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32 - 0.5) / 32;
  });
  const weight = Weight.of("float32", [width, width], values);
  const model = Model.create();
  model.graph.addInput("x", "float32", ["N", width]);
  model.graph.addOutput(`h${layers}`, "float32", ["N", width]);
  const names = ["x"];
  for (let layer = 1; layer <= layers; layer++) {
    const name = model.graph.addWeight(`w${layer}`, weight);
    names.push(`h${layer}`);
    model.graph.addNode({
      opType: "MatMul",
      name: `layer${layer}`,
      inputs: [names[layer - 1]!, name],
      outputs: [names[layer]!],
    });
  }
  await model.save(path);
}

/** Seconds that `cp` takes for these files, one after the other. */
function copy(files: readonly string[], folder: string): number {
  const start = performance.now();
  for (const [index, file] of files.entries())
    execFileSync("cp", ["--reflink=never", file, join(folder, `copy${index}`)]);
  return (performance.now() - start) / 1000;
}

/** Seconds of `pare quantize`, and the most anonymous memory that it held. */
async function quantize(
  input: string,
  output: string,
  args: readonly string[],
): Promise<{ seconds: number; anonymous: number }> {
  const start = performance.now();
  const child = spawn(process.execPath, [program, "quantize", input, ...args, "-o", output, "--quiet"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  let anonymous = 0;
  const sampler = setInterval(() => {
    const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readStatus(child.pid!))?.[1];
    anonymous = Math.max(anonymous, 1024 * Number(kilobytes ?? 0));
  }, 5);
  const [code] = (await once(child, "exit")) as [number | null];
  clearInterval(sampler);
  if (code !== 0) throw new Error(`pare quantize ${args.join(" ")} ended with ${String(code)}`);
  return { seconds: (performance.now() - start) / 1000, anonymous };
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // It has just ended.
  }
}
