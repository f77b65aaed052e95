/** `pare run`: a model on given or made-up inputs: what comes out, how long it takes. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { measure, PareError, writeNpy, type Tensor } from "../index.js";
import { integer, namedValue, PareCommand } from "./command.js";
import { addInputs, addRuntime, dimsOf, tensorsOf, type InputOptions, type RuntimeOption } from "./model-inputs.js";
import type { Terminal } from "./terminal.js";

interface Options extends InputOptions, RuntimeOption {
  shape?: string[];
  output?: string;
  repeat: number;
}

export const run = (terminal: Terminal): PareCommand<Options> =>
  addRuntime(
    addInputs(
      new PareCommand<Options>(terminal, "run", "a model on given or made-up inputs: outputs, latency")
        .argument("<model>", "an ONNX file")
        .option(
          "--shape <name=dims>",
          "shape of an input that is made up, as in image=1,3,224,224 (repeatable)",
          several,
        ),
    ),
  )
    .option("-o, --output <folder>", "where every output is written as .npy")
    .option("--repeat <count>", "timed runs after the first", integer(0, 1_000_000), 0)
    .example("pare run model.onnx", "on inputs made up from a seed")
    .example("pare run model.onnx --input image=cat.npy -o outputs/", "NumPy's files in and out")
    .example("pare run model.onnx --shape image=1,3,224,224 --repeat 100 --threads 2", "the time of a run")
    .run(async (context, { shape = [], output, repeat, seed, runtime, ...rest }, path) => {
      const found = await measure(path, {
        ...context,
        inputs: await tensorsOf(rest),
        shapes: Object.fromEntries(
          shape.map(namedValue("shape")).map(([name, dims]) => [name, dims.split(",").map(Number)]),
        ),
        dims: dimsOf(rest),
        seed,
        runtime,
        runs: repeat,
      });
      const files = output === undefined ? {} : await writeOutputs(found.outputs, output);
      return {
        json: { ...found.toJSON(), ...(output === undefined ? {} : { files }) },
        text: (format) => [found.toString(format), ...Object.values(files).map((file) => `→ ${file}`)].join("\n"),
      };
    });

/** Collects an option that may be given several times, commas and all. */
const several = (text: string, previous: string[] | undefined): string[] => [...(previous ?? []), text];

/** Writes each output; returns the files by the outputs' names. */
async function writeOutputs(
  outputs: Readonly<Record<string, Tensor>>,
  folder: string,
): Promise<Record<string, string>> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new PareError("PARE_FILE", `${folder} cannot be made: ${(error as Error).message}.`, { cause: error });
  });
  const files: Record<string, string> = {};
  for (const [name, tensor] of Object.entries(outputs)) {
    // Names may hold what files may not, and become the same.
    const plain = name.replace(/[^\w.-]/g, "_");
    let file = join(folder, `${plain}.npy`);
    for (let i = 2; Object.values(files).includes(file); i++) file = join(folder, `${plain}-${i}.npy`);
    await writeNpy(file, tensor);
    files[name] = file;
  }
  return files;
}
