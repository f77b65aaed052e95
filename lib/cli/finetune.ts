/** `pare finetune`: a trained model goes on with other data, or for other classes. */
import { dense, finetune as finetuneModel, l2sp } from "../index.js";
import { defined, integer, list, number, PareCommand } from "./command.js";
import { dataKinds } from "./data-options.js";
import { nameOrPattern } from "./filters.js";
import { outputPath, shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";
import { addLoss, addTraining, lossOptionsOf, makeTrained, trained, trainingOptionsOf } from "./training.js";
import type { LossOptions, TrainingOptions } from "./training.js";

interface Options extends TrainingOptions, LossOptions {
  output?: string;
  freeze?: string[];
  classes?: number;
  feature?: string;
  probe?: boolean;
  unfreezeEvery?: number;
  layerDecay?: number;
  l2sp?: number;
  all?: boolean;
}

export const finetune = (terminal: Terminal): PareCommand<Options> =>
  addLoss(
    addTraining(
      new PareCommand<Options>(terminal, "finetune", "a trained model goes on with other data or other classes")
        .description(
          "Trains a model further on data of its own: with a new head where --classes asks for one, with weights frozen by name. " +
            dataKinds,
        )
        .argument("<model>", "an ONNX file")
        .option("-o, --output <file>", "where to write (default: model.finetuned.onnx beside the input)"),
    ),
  )
    .option("--classes <count>", "a new head of so many classes in place of the last layer", integer(1, 1_000_000))
    .option(
      "--freeze <names>",
      "weights that stay as they are, by name or /pattern/ (repeatable, or with commas)",
      list,
    )
    .option("--feature <name>", "value that the new head takes (default: what the last layer with weights reads)")
    .option("--probe", "train the new head alone")
    .option(
      "--unfreeze-every <epochs>",
      "train the last layer first; the one before it joins after so many",
      integer(1, 1e6),
    )
    .option(
      "--layer-decay <factor>",
      "each layer learns at the rate of the one behind it times this (default: 1)",
      number,
    )
    .option("--l2sp <lambda>", "adds λ·Σ(w − w₀)² to the loss: draws weights to those that they began with", number)
    .option("--all", `list every epoch, not only about ${shownRows}`)
    .example("pare finetune net.onnx --data photos/ --classes 5 --mean imagenet", "five classes of your own")
    .example(
      "pare finetune angles.onnx --data words/ --classes 4 --class-names 0,90,180,270 --size 96 --fit contain --mean .5 --std .5",
      "four folders of pictures that are named by numbers",
    )
    .example("pare finetune net.onnx --data more.npz --freeze /^conv/ --lr 1e-4", "the same classes, convolutions kept")
    .run(async (context, options, input) =>
      makeTrained(
        { input, output: await outputPath(input, "finetuned", options.output) },
        options,
        context,
        async (source, checkpoint) => {
          const { freeze, classes, feature, probe, unfreezeEvery, layerDecay, l2sp: lambda, all } = options;
          const { data, options: training } = await trainingOptionsOf(options, source, context);
          const model = await finetuneModel(source, data, {
            ...training,
            ...checkpoint,
            ...lossOptionsOf(options),
            regularize: [...(training.regularize ?? []), ...(lambda === undefined ? [] : [l2sp(lambda, source)])],
            ...(freeze ? { freeze: freeze.map(nameOrPattern) } : {}),
            ...(classes === undefined ? {} : { head: dense(classes) }),
            ...defined({ feature, probe, unfreezeEvery, layerDecay }),
          });
          return trained(model, model.epochs, all);
        },
      ),
    );
