/** `pare compare`: two models on the same inputs, their outputs' differences and their latency. */
import type { Tensor } from "onnxruntime-common";
import { compare as compareModels, readNpy } from "../index.js";
import { integer, list, namedValue, PareCommand } from "./command.js";
import type { Terminal } from "./terminal.js";

interface Options {
  input?: string[];
  dim?: string[];
  seed: number;
  runs: number;
}

export const compare = (terminal: Terminal): PareCommand<Options> =>
  new PareCommand<Options>(terminal, "compare", "two models on the same inputs: error, cosine, latency")
    .description(
      "Runs two models on the same inputs in onnxruntime-node and compares every output: largest and mean error, cosine, " +
        "signal-to-noise ratio; then the latency of both, measured in turns.",
    )
    .argument("<a>", "an ONNX file: the one that is right")
    .argument("<b>", "an ONNX file to compare with it")
    .option("--input <name=file.npy>", "values of an input (repeatable); others are made up from the seed", list)
    .option(
      "--dim <name=size>",
      "size of a symbolic dimension, or of input.axis (repeatable; default: 1 for the first axis, else 64)",
      list,
    )
    .option("--seed <number>", "seed of the inputs that are made up", integer(0, 2 ** 32 - 1), 0)
    .option("--runs <count>", "timed runs of each model, 0 for none", integer(0, 1_000_000), 20)
    .example("pare compare model.onnx model.int8.onnx", "on inputs made up from a seed")
    .example("pare compare a.onnx b.onnx --dim batch=4 --dim sequence=128 --json", "with sizes chosen, for a tool")
    .example("pare compare a.onnx b.onnx --input image=cat.npy", "on an array that NumPy saved")
    .run(async (context, { input = [], dim = [], seed, runs }, a, b) => {
      const x: Record<string, Tensor> = {};
      for (const [name, file] of input.map(namedValue("input"))) x[name] = await readNpy(file);
      const dims = Object.fromEntries(dim.map(namedValue("dim")).map(([name, size]) => [name, Number(size)]));
      const comparison = await compareModels(a, b, { ...context, data: { x }, dims, seed, runs });
      return { json: comparison, text: (format) => comparison.toString(format) };
    });
