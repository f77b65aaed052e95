/** `pare compare`: two models on the same inputs, their outputs' differences and their latency. */
import { compare as compareModels } from "../index.js";
import { integer, PareCommand } from "./command.js";
import { addInputs, addRuntime, dimsOf, tensorsOf, type InputOptions, type RuntimeOption } from "./model-inputs.js";
import type { Terminal } from "./terminal.js";

interface Options extends InputOptions, RuntimeOption {
  runs: number;
}

export const compare = (terminal: Terminal): PareCommand<Options> =>
  addRuntime(
    addInputs(
      new PareCommand<Options>(terminal, "compare", "two models on the same inputs: error, cosine, latency")
        .description(
          "Runs two models on the same inputs and compares every output: largest and mean error, cosine, " +
            "signal-to-noise ratio; then the latency of both, measured in turns.",
        )
        .argument("<a>", "an ONNX file: the one that is right")
        .argument("<b>", "an ONNX file to compare with it"),
    ),
  )
    .option("--runs <count>", "timed runs of each model, 0 for none", integer(0, 1_000_000), 20)
    .example("pare compare model.onnx model.int8.onnx", "on inputs made up from a seed")
    .example("pare compare a.onnx b.onnx --dim batch=4 --dim sequence=128 --json", "with sizes chosen, for a tool")
    .example("pare compare a.onnx b.onnx --input image=cat.npy", "on an array that NumPy saved")
    .example("pare compare a.onnx b.onnx --runtime onnxruntime", "in onnxruntime-node")
    .run(async (context, { runs, seed, runtime, ...inputs }, a, b) => {
      const x = await tensorsOf(inputs);
      const comparison = await compareModels(a, b, {
        ...context,
        data: { x },
        dims: dimsOf(inputs),
        seed,
        runs,
        runtime,
      });
      return { json: comparison, text: (format) => comparison.toString(format) };
    });
