/** What `train`, `prune --retrain`, `distill` and `finetune` share: options of a training, and the view of what it came to. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Option } from "commander";
import {
  crossEntropy,
  l1,
  l2,
  losses,
  optimizers,
  PareError,
  schedules,
  type Batches,
  type Epoch,
  type LossName,
  type Model,
  type OptimizerName,
  type ScheduleName,
  type TrainOptions,
} from "../index.js";
import { historyTable } from "../report/history.js";
import { defined, integer, number, type PareCommand } from "./command.js";
import { addData, readExamples, type DataOptions } from "./data-options.js";
import { makeFile, shownRows, type Made } from "./model-files.js";
import type { Context, Result } from "./terminal.js";

export interface TrainingOptions extends DataOptions {
  heldBack?: string;
  validation?: number;
  epochs?: number;
  batchSize?: number;
  accumulate?: number;
  optimizer?: OptimizerName;
  lr?: number;
  momentum?: number;
  weightDecay?: number;
  lrSchedule?: ScheduleName;
  l1?: number;
  l2?: number;
  proximalL1?: number;
  clipNorm?: number;
  maxNorm?: number;
  shift?: number;
  flip?: boolean;
  noise?: number;
  seed?: number;
  resume?: boolean;
}

/** Of commands that choose the loss themselves. */
export interface LossOptions {
  loss?: LossName;
  labelSmoothing?: number;
}

/** Declares where examples come from, and how a model learns from them. */
export function addTraining<Options extends TrainingOptions>(
  command: PareCommand<Options>,
  { isRequired = true, epochs = 10 } = {},
): PareCommand<Options> {
  return addData(command, isRequired)
    .option("--held-back <path>", "other data that is measured on and never trained on")
    .option("--validation <share>", "without --held-back: share of the data that is held back (default: 0.1)", number)
    .option("--epochs <count>", `times that all examples are seen (default: ${epochs})`, integer(1, 1_000_000))
    .option("--batch-size <count>", "examples a step (default: 64)", integer(1, 1_000_000))
    .option("--accumulate <parts>", "compute a step's batch in so many parts (default: 1)", integer(1, 1024))
    .addOption(new Option("--optimizer <name>", "default: adam").choices(Object.keys(optimizers)))
    .option("--lr <rate>", "learning rate (default: 0.001; sgd and rmsprop 0.01)", number)
    .option("--momentum <share>", "of sgd and rmsprop (default: 0)", number)
    .option("--weight-decay <lambda>", "as PyTorch's optimizers have it (default: 0; adamw 0.01)", number)
    .addOption(
      new Option("--lr-schedule <name>", "how the learning rate changes (default: constant)").choices(
        Object.keys(schedules),
      ),
    )
    .option("--l1 <lambda>", "adds λ·Σ|w| to the loss", number)
    .option("--l2 <lambda>", "adds λ·Σw² to the loss", number)
    .option("--proximal-l1 <lambda>", "l1 that makes weights exactly zero", number)
    .option("--clip-norm <length>", "cuts the gradients' common length", number)
    .option("--max-norm <length>", "cuts the weights that lead into a unit to this length", number)
    .option("--shift <pixels>", "pictures that are trained on move by up to so many", integer(0, 65_535))
    .option("--flip", "every other picture that is trained on is mirrored")
    .option("--noise <deviation>", "normal noise on what is trained on", number)
    .option(
      "--seed <number>",
      "of what is random: split, order, dropout, importance by lot (default: 0)",
      integer(0, Number.MAX_SAFE_INTEGER),
    )
    .option("--resume", "go on where a training stood that was interrupted or killed")
    .option("--no-resume", "begin anew where one stood");
}

/** Declares which loss is made small. */
export function addLoss<Options extends LossOptions>(command: PareCommand<Options>): PareCommand<Options> {
  return command
    .addOption(new Option("--loss <name>", "what is made small (default: crossEntropy)").choices(Object.keys(losses)))
    .option("--label-smoothing <share>", "of crossEntropy: share of the target that goes to all classes alike", number);
}

/** The loss that was chosen. PARE_OPTION for smoothing of another one than cross entropy. */
export function lossOptionsOf({ loss, labelSmoothing }: LossOptions): Pick<TrainOptions, "loss"> {
  if (labelSmoothing === undefined) return loss ? { loss } : {};
  if (loss !== undefined && loss !== "crossEntropy")
    throw new PareError("PARE_OPTION", `--label-smoothing belongs to crossEntropy, not to ${loss}.`);
  return { loss: crossEntropy({ labelSmoothing }) };
}

/** What train() and its like take of the options. */
export async function trainingOptionsOf(
  options: TrainingOptions,
  model: Model,
  context: Context,
): Promise<{ data: Batches; options: Omit<TrainOptions, "loss" | "inPlace"> }> {
  const {
    data = "",
    heldBack,
    validation,
    epochs,
    batchSize,
    lrSchedule,
    accumulate,
    clipNorm,
    maxNorm,
    seed,
  } = options;
  const augment = defined({ shift: options.shift, flip: options.flip, noise: options.noise });
  if (heldBack !== undefined && validation !== undefined)
    throw new PareError(
      "PARE_OPTION",
      "--held-back names the data to measure on; --validation has no meaning beside it.",
    );
  const input = model.graph.inputs.find(({ name }) => !model.graph.isOverridable(name));
  const held = heldBack === undefined ? validation : await readExamples(heldBack, options, input?.dims);
  return {
    data: await readExamples(data, options, input?.dims),
    options: {
      ...context,
      optimizer: optimizerOf(options),
      regularize: regularizersOf(options),
      ...(held === undefined ? {} : { validation: held }),
      ...defined({ epochs, batchSize }),
      ...(lrSchedule === undefined ? {} : { schedule: schedules[lrSchedule]() }),
      ...defined({ accumulate, clipNorm, maxNorm, seed }),
      ...(Object.keys(augment).length > 0 ? { augment } : {}),
    },
  };
}

function optimizerOf({ optimizer = "adam", lr, momentum, weightDecay }: TrainingOptions): TrainOptions["optimizer"] {
  const own = {
    ...defined({ lr, weightDecay }),
  };
  if (optimizer === "sgd" || optimizer === "rmsprop")
    return optimizers[optimizer]({ ...own, ...(momentum === undefined ? {} : { momentum }) });
  if (momentum === undefined) return optimizers[optimizer](own);
  throw new PareError("PARE_OPTION", `--momentum belongs to sgd and rmsprop, not to ${optimizer}.`);
}

function regularizersOf(options: TrainingOptions): NonNullable<TrainOptions["regularize"]> {
  return [
    ...(options.l1 === undefined ? [] : [l1(options.l1)]),
    ...(options.l2 === undefined ? [] : [l2(options.l2)]),
    ...(options.proximalL1 === undefined ? [] : [l1(options.proximalL1, { form: "proximal" })]),
  ];
}

/**
 * As makeFile, of a training that keeps a checkpoint beside its output until that is written: nothing is lost by an
 * interruption, a kill or a full disk.
 */
export async function makeTrained(
  files: { input: string; output: string },
  { resume }: TrainingOptions,
  context: Context,
  make: (model: Model, checkpoint: { checkpoint: string; resume: boolean }) => Promise<Made>,
): Promise<Result> {
  const checkpoint = `${files.output}.checkpoint`;
  if (existsSync(checkpoint) && resume === undefined)
    throw new PareError(
      "PARE_OPTION",
      `${checkpoint} is of a training that was interrupted: --resume goes on with it, --no-resume begins anew.`,
    );
  try {
    const result = await makeFile(files, context, (model) => make(model, { checkpoint, resume: resume ?? false }));
    await rm(checkpoint, { force: true });
    return result;
  } catch (error) {
    if (!context.signal.aborted || !existsSync(checkpoint)) throw error;
    throw new PareError(
      "PARE_ABORTED",
      `Interrupted; the same command with --resume goes on where it stood, from ${checkpoint}.`,
    );
  }
}

/** A trained model as a result: its epochs as a table and as data. */
export function trained(model: Model, epochs: readonly Epoch[], all = false): Made {
  const chosen = epochs.map(({ isBest }) => isBest).lastIndexOf(true);
  return {
    model,
    json: { chosen: epochs[chosen]?.epoch, epochs },
    text: (format) =>
      historyTable(
        epochs.map((epoch) => [`epoch ${epoch.epoch}`, epoch]),
        { ...format, chosen, ...(all ? {} : { rows: shownRows }) },
      ),
  };
}
