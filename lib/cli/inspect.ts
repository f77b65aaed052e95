/** `pare inspect`: a model's inputs and outputs, operators, weights and where its bytes are. */
import { inspect as inspectModel, load } from "../index.js";
import { PareCommand } from "./command.js";
import { shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";

interface Options {
  nodes?: boolean;
  all?: boolean;
}

export const inspect = (terminal: Terminal): PareCommand<Options> =>
  new PareCommand<Options>(terminal, "inspect", "what is in a model: inputs, outputs, operators, weights, bytes")
    .argument("<model>", "an ONNX file")
    .option("--nodes", "list every node with its inputs and the shapes of its outputs")
    .option("--all", `list every weight, not only the ${shownRows} largest`)
    .example("pare inspect model.onnx", "where a model's bytes are")
    .example("pare inspect model.onnx --nodes --json", "the graph for a tool")
    .run(async (_, { nodes = false, all = false }, path) => {
      const summary = inspectModel(await load(path), { nodes });
      return { json: summary, text: (format) => summary.toString({ ...format, ...(all ? {} : { rows: shownRows }) }) };
    });
