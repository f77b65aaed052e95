/** `pare evaluate`: a model on data with the answers: accuracy, errors, what each class is mistaken for. */
import { Option } from "commander";
import {
  createSession,
  evaluate as evaluateModel,
  metrics,
  readData,
  type CsvOptions,
  type ImageOptions,
  type Metric,
  type RuntimeName,
} from "../index.js";
import { integer, list, number, PareCommand } from "./command.js";
import { addRuntime } from "./model-inputs.js";
import { shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";

interface Options {
  data: string;
  labels?: string;
  labelColumn?: string;
  ignoreColumns?: string[];
  classNames?: string[];
  size?: [number, number];
  mean?: string[];
  std?: string[];
  fit?: ImageOptions["fit"];
  order?: ImageOptions["order"];
  layout?: ImageOptions["layout"];
  metric?: Metric;
  output?: string;
  batchSize: number;
  runtime: RuntimeName;
  all?: boolean;
}

export const evaluate = (terminal: Terminal): PareCommand<Options> =>
  addRuntime(
    new PareCommand<Options>(terminal, "evaluate", "a model on data with the answers: accuracy, errors, classes")
      .description(
        "Runs a model on labelled data and counts: accuracy and top 5 for labels, mean squared error for target values, recall and " +
          "precision of each class. Data is a folder of pictures (one folder a class), .npy, .npz (arrays x and y), .csv, .tsv, or " +
          "MNIST's idx files, gzipped or not.",
      )
      .argument("<model>", "an ONNX file")
      .requiredOption("--data <path>", "examples: a folder of pictures, or an .npy, .npz, .csv, .tsv or idx file")
      .option("--labels <file>", "labels as .npy or idx (default for idx: the file that MNIST's names give)")
      .option("--label-column <name>", "column of the label in a table, by name or number (default: the last)")
      .option("--ignore-columns <names>", "columns that are no features (repeatable, or with commas)", list)
      .option(
        "--class-names <names>",
        "names of the labels 0, 1, … (with commas); for folders and text labels their order",
        list,
      )
      .option("--size <width>x<height>", "what pictures are brought to (default: what the model's input says)", size)
      .addOption(
        new Option("--fit <how>", "how pictures are brought to that size").choices(["cover", "contain", "fill"]),
      )
      .option("--mean <values>", 'subtracted from pixels in 0 … 1, one or one a channel, or "imagenet"', list)
      .option("--std <values>", "what the difference is divided by, one or one a channel", list)
      .addOption(new Option("--order <channels>", "order of the channels").choices(["rgb", "bgr"]))
      .addOption(new Option("--layout <layout>", "where the channels stand").choices(["NCHW", "NHWC"])),
  )
    .addOption(new Option("--metric <name>", "what to measure (default: by the labels)").choices(metrics))
    .option("--output <name>", "the output that answers (default: the first)")
    .option("--batch-size <count>", "examples a run", integer(1, 1_000_000), 32)
    .option("--all", `list every class, not only the ${shownRows} with the most wrong answers`)
    .example("pare evaluate lenet.onnx --data t10k-images-idx3-ubyte.gz", "MNIST; the labels lie beside the images")
    .example("pare evaluate net.onnx --data photos/ --mean imagenet", "folders of pictures, one a class")
    .example("pare evaluate net.onnx --data iris.csv --label-column species --json", "a table, for a tool")
    .run(async (context, options, path) => {
      const { data, labels, classNames, metric, output, batchSize, runtime, all = false } = options;
      const { threads } = context;
      const session = await createSession(path, { runtime, ...(threads === undefined ? {} : { threads }) });
      try {
        const [input] = session.inputMetadata;
        const examples = await readData(data, {
          ...(labels === undefined ? {} : { labels }),
          csv: csvOptions(options),
          images: imageOptions(options),
          ...(input?.isTensor ? { shape: input.shape } : {}),
        });
        const evaluation = await evaluateModel(session, examples, {
          ...context,
          batchSize,
          ...(metric ? { metric } : {}),
          ...(output === undefined ? {} : { output }),
          ...(classNames ? { classNames } : {}),
        });
        return {
          json: { model: path, data, runtime, ...evaluation.toJSON() },
          text: (format) => evaluation.toString({ ...format, ...(all ? {} : { rows: shownRows }) }),
        };
      } finally {
        await session.release();
      }
    });

function csvOptions({ labelColumn, ignoreColumns, classNames }: Options): CsvOptions {
  return {
    ...(labelColumn === undefined ? {} : { label: labelColumn }),
    ...(ignoreColumns ? { ignore: ignoreColumns } : {}),
    ...(classNames ? { classNames } : {}),
  };
}

function imageOptions({
  size: [width, height] = [0, 0],
  fit,
  order,
  layout,
  mean,
  std,
  classNames,
}: Options): Partial<ImageOptions> {
  const several = (values: string[]): number | number[] =>
    values.length === 1 ? number(values[0]!) : values.map(number);
  return {
    ...(width > 0 ? { width, height } : {}),
    ...(fit ? { fit } : {}),
    ...(order ? { order } : {}),
    ...(layout ? { layout } : {}),
    ...(mean ? { mean: mean[0] === "imagenet" ? "imagenet" : several(mean) } : {}),
    ...(std ? { std: several(std) } : {}),
    ...(classNames ? { classNames } : {}),
  };
}

/** "224x224", or "224" for a square. */
function size(text: string): [number, number] {
  const [width, height = width] = text.split("x").map(integer(1, 65_535));
  return [width!, height!];
}
