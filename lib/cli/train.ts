/** `pare train`: a model learns from data, and is measured on what was held back. */
import { train as trainModel } from "../index.js";
import { defined, integer, PareCommand } from "./command.js";
import { dataKinds } from "./data-options.js";
import { outputPath, shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";
import { addLoss, addTraining, lossOptionsOf, makeTrained, trained, trainingOptionsOf } from "./training.js";
import type { LossOptions, TrainingOptions } from "./training.js";

interface Options extends TrainingOptions, LossOptions {
  output?: string;
  patience?: number;
  all?: boolean;
}

export const train = (terminal: Terminal): PareCommand<Options> =>
  addLoss(
    addTraining(
      new PareCommand<Options>(terminal, "train", "a model learns from data, measured on what is held back")
        .description(
          "Trains all float32 weights of a model. A part of the data is held back, always: the result has the weights of the epoch " +
            `with the least loss there. ${dataKinds}`,
        )
        .argument("<model>", "an ONNX file: where training begins")
        .option("-o, --output <file>", "where to write (default: model.trained.onnx beside the input)"),
    ),
  )
    .option("--patience <epochs>", "stop when the held-back loss has not improved for so many", integer(1, 1_000_000))
    .option("--all", `list every epoch, not only about ${shownRows}`)
    .example("pare train net.onnx --data train-images-idx3-ubyte.gz --epochs 5", "MNIST, a tenth held back")
    .example("pare train net.onnx --data photos/ --mean imagenet --l2 1e-4 --lr-schedule cosineDecay", "pictures")
    .example("pare train net.onnx --data iris.csv --label-column species --patience 5 --json", "a table, for a tool")
    .run(async (context, options, input) =>
      makeTrained(
        { input, output: await outputPath(input, "trained", options.output) },
        options,
        context,
        async (model, checkpoint) => {
          const { data, options: training } = await trainingOptionsOf(options, model, context);
          const { patience, all } = options;
          const run = trainModel(model, data, {
            ...training,
            ...checkpoint,
            ...lossOptionsOf(options),
            ...defined({ patience }),
          });
          return trained(await run.finish(), run.epochs, all);
        },
      ),
    );
