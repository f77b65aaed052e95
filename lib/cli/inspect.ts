/** `pare inspect`: a model's inputs and outputs, operators, weights and where its bytes are; or how pare runs it. */
import { inspect as inspectModel, load, profile } from "../index.js";
import { integer, PareCommand } from "./command.js";
import { shownRows } from "./model-files.js";
import { addInputs, dimsOf, tensorsOf, type InputOptions } from "./model-inputs.js";
import type { Terminal } from "./terminal.js";

interface Options extends InputOptions {
  nodes?: boolean;
  all?: boolean;
  plan?: boolean;
  runs: number;
}

export const inspect = (terminal: Terminal): PareCommand<Options> =>
  addInputs(
    new PareCommand<Options>(terminal, "inspect", "what is in a model: inputs, outputs, operators, weights, bytes")
      .argument("<model>", "an ONNX file")
      .option("--nodes", "list every node with its inputs and the shapes of its outputs")
      .option("--all", `list every weight, or with --plan every node, not only ${shownRows}`)
      .option("--plan", "the nodes that pare runs instead, what was fused, why others were not, and where time goes"),
  )
    .option("--runs <count>", "runs that --plan takes the time of", integer(1, 1_000_000), 20)
    .example("pare inspect model.onnx", "where a model's bytes are")
    .example("pare inspect model.onnx --nodes --json", "the graph for a tool")
    .example("pare inspect model.onnx --plan --dim sequence=128 --threads 1", "where its time goes")
    .run(async (context, { nodes = false, all = false, plan = false, runs, seed, ...inputs }, path) => {
      const rows = all ? {} : { rows: shownRows };
      const summary = plan
        ? await profile(path, { ...context, inputs: await tensorsOf(inputs), dims: dimsOf(inputs), seed, runs })
        : inspectModel(await load(path), { nodes });
      return { json: summary, text: (format) => summary.toString({ ...format, ...rows }) };
    });
