/** `pare prune`: the weights that matter least become zero. */
import { Option } from "commander";
import { importances, PareError, prune as pruneModel, type ImportanceName, type Structure } from "../index.js";
import { integer, number, PareCommand } from "./command.js";
import { addFilters, filtersOf, type FilterOptions } from "./filters.js";
import { makeFile, outputPath } from "./model-files.js";
import type { Terminal } from "./terminal.js";

interface Options extends FilterOptions {
  output?: string;
  sparsity?: number;
  amount?: number;
  structure?: Structure;
  scope?: "local" | "global";
  importance: ImportanceName;
  seed: number;
  all?: boolean;
}

export const prune = (terminal: Terminal): PareCommand<Options> =>
  addFilters(
    new PareCommand<Options>(terminal, "prune", "zeroes the weights that matter least")
      .description(
        "Prunes the weights of Conv, Gemm, MatMul, LSTM, GRU and their like: the least important become zero. Biases, " +
          "normalization and embeddings stay as they are.",
      )
      .argument("<model>", "an ONNX file")
      .option("-o, --output <file>", "where to write (default: model.pruned.onnx beside the input)")
      .option("--sparsity <fraction>", "fraction of the weights to prune, 0 to 1", number)
      .option("--amount <amount>", "a fraction below 1, or a number of weights, as PyTorch's pruning has it", number)
      .option("--structure <n:m>", "keep n of every m weights along the input dimension, such as 2:4", structureOf)
      .addOption(
        new Option("--scope <scope>", "each tensor by itself, or all together (default: local)").choices([
          "local",
          "global",
        ]),
      )
      .addOption(
        new Option("--importance <name>", "which weights matter")
          .choices(Object.keys(importances))
          .default("magnitude"),
      )
      .option("--seed <number>", "seed of random importance", integer(0, Number.MAX_SAFE_INTEGER), 0)
      .option("--all", "show every tensor, not only the largest"),
    "weights or nodes",
  )
    .example("pare prune model.onnx --sparsity 0.5", "half of every tensor's weights, the smallest")
    .example(
      "pare prune model.onnx --sparsity 0.8 --scope global -o small.onnx",
      "the smallest of all tensors together",
    )
    .example(
      "pare prune model.onnx --structure 2:4 --exclude head,/embed/",
      "two of every four, some tensors left alone",
    )
    .run(async (context, options, input) => {
      const { names, opTypes } = filtersOf(options);
      const { output, all, sparsity, amount, structure, scope, importance, seed } = options;
      return makeFile({ input, output: await outputPath(input, "pruned", output), all }, context, (model) =>
        pruneModel(model, {
          ...context,
          ...(names && { names }),
          ...(opTypes && { opTypes }),
          ...(sparsity === undefined ? {} : { sparsity }),
          ...(amount === undefined ? {} : { amount }),
          ...(structure === undefined ? {} : { structure }),
          ...(scope === undefined ? {} : { scope }),
          importance,
          seed,
          inPlace: true,
        }),
      );
    });

function structureOf(text: string): Structure {
  const found = /^(\d+):(\d+)$/.exec(text);
  if (!found) throw new PareError("PARE_OPTION", `--structure takes n:m, such as 2:4; got "${text}".`);
  return { n: Number(found[1]), m: Number(found[2]) };
}
