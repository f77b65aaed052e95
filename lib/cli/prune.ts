/** `pare prune`: the weights that matter least become zero. */
import { Option } from "commander";
import {
  importances,
  load,
  PareError,
  prune as pruneModel,
  pruneSchedules,
  scanSensitivity,
  type GradualOptions,
  type ImportanceName,
  type Model,
  type Structure,
  type TrainOptions,
} from "../index.js";
import { defined, integer, number, PareCommand } from "./command.js";
import { readExamples } from "./data-options.js";
import { addFilters, filtersOf, type FilterOptions } from "./filters.js";
import { makeFile, outputPath, reported } from "./model-files.js";
import type { Context, Result, Terminal } from "./terminal.js";
import { addTraining, makeTrained, trainingOptionsOf, type TrainingOptions } from "./training.js";

interface Options extends FilterOptions, TrainingOptions {
  output?: string;
  sparsity?: number;
  amount?: number;
  structure?: Structure;
  scope?: "local" | "global";
  importance: ImportanceName;
  scan?: boolean;
  retrain?: boolean;
  schedule?: GradualOptions["schedule"];
  steps?: number;
  maxDrop?: number;
  regrow?: number;
  all?: boolean;
}

export const prune = (terminal: Terminal): PareCommand<Options> =>
  addTraining(
    addFilters(
      new PareCommand<Options>(terminal, "prune", "zeroes the weights that matter least")
        .description(
          "Prunes the weights of Conv, Gemm, MatMul, LSTM, GRU and their like: the least important become zero. Biases, " +
            "normalization and embeddings stay as they are. With --retrain it goes step by step: prune, train the rest on data, measure " +
            "on what is held back.",
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
        .option("--scan", "write nothing: prune each layer alone by several shares, and measure on --data")
        .option("--retrain", "go step by step and train what is left after each; needs --data")
        .addOption(
          new Option("--schedule <name>", "with --retrain: how sparsity grows (default: cubic)").choices(
            pruneSchedules,
          ),
        )
        .option("--steps <count>", "with --retrain: how many times something is pruned (default: 10)", integer(1, 1000))
        .option("--max-drop <share>", "with --retrain: stop before accuracy drops by more, 0.01 for a point", number)
        .option(
          "--regrow <share>",
          "with --retrain: exchange this share of what stays at each step (default: 0)",
          number,
        )
        .option("--all", "show every tensor, not only the largest"),
      "weights or nodes",
    ),
    { isRequired: false, epochs: 1 },
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
    .example(
      "pare prune net.onnx --sparsity 0.9 --retrain --data train-images-idx3-ubyte.gz --max-drop 0.005",
      "in ten steps, retrained after each, stopped at half a point",
    )
    .example("pare prune net.onnx --scan --data photos/ --mean imagenet", "which layers bear it: a table, no file")
    .run(async (context, options, input) => {
      const { retrain, sparsity, amount, structure, scope, importance, seed, all } = options;
      if (options.scan) return scan(context, options, input);
      const files = { input, output: await outputPath(input, "pruned", options.output) };
      const own = {
        ...context,
        ...defined({ ...filtersOf(options), sparsity, amount, structure, scope, seed }),
        importance,
        inPlace: true,
      };
      if (retrain)
        return makeTrained(files, options, context, async (model, checkpoint) =>
          reported(
            await pruneModel(model, { ...own, ...(await retrainingOf(options, model, context, checkpoint)) }),
            all,
          ),
        );
      refuseRetraining(options);
      return makeFile(files, context, async (model) => reported(await pruneModel(model, own), all));
    });

async function scan(context: Context, options: Options, input: string): Promise<Result> {
  const { data, importance, seed, sparsity } = options;
  if (data === undefined) throw new PareError("PARE_OPTION", "--scan needs --data: what the model is measured on.");
  const model = await load(input);
  const found = await scanSensitivity(model, await readExamples(data, options, model.graph.inputs[0]?.dims), {
    ...context,
    ...defined({ ...filtersOf(options), seed }),
    importance,
    ...(sparsity === undefined ? {} : { sparsities: [sparsity] }),
  });
  return { json: { input, ...found.toJSON() }, text: (format) => found.toString(format) };
}

/** What --retrain asks for. PARE_OPTION where it comes without data. */
async function retrainingOf(
  options: Options,
  model: Model,
  context: Context,
  checkpoint: Pick<TrainOptions, "checkpoint" | "resume">,
): Promise<GradualOptions> {
  const { data, schedule, steps, maxDrop, regrow } = options;
  if (data === undefined) throw new PareError("PARE_OPTION", "--retrain needs --data: what the rest is trained on.");
  const training = await trainingOptionsOf(options, model, context);
  return {
    retrain: { data: training.data, ...training.options, ...checkpoint },
    ...defined({ schedule, steps, maxDrop, regrow }),
  };
}

function refuseRetraining({ data, schedule, steps, maxDrop, regrow }: Options): void {
  const needs = Object.entries({ data, schedule, steps, "max-drop": maxDrop, regrow }).find(
    ([, value]) => value !== undefined,
  );
  if (needs) throw new PareError("PARE_OPTION", `--${needs[0]} belongs to --retrain.`);
}

function structureOf(text: string): Structure {
  const found = /^(\d+):(\d+)$/.exec(text);
  if (!found) throw new PareError("PARE_OPTION", `--structure takes n:m, such as 2:4; got "${text}".`);
  return { n: Number(found[1]), m: Number(found[2]) };
}
