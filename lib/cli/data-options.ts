/** Options of commands that read examples: where they are, and how tables and pictures are taken. */
import { Option } from "commander";
import { readData, type Batches, type CsvOptions, type ImageOptions, type ReadOptions } from "../index.js";
import { integer, list, number, type PareCommand } from "./command.js";

export interface DataOptions {
  data?: string;
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
}

/** What data can be, for descriptions. */
export const dataKinds =
  "Data is a folder of pictures (one folder a class), .npy, .npz (arrays x and y), .csv, .tsv, or MNIST's idx files, gzipped or not.";

/** Declares where examples come from; `isRequired` where there is no work without them. */
export function addData<Options extends DataOptions>(
  command: PareCommand<Options>,
  isRequired = true,
): PareCommand<Options> {
  const what = "examples: a folder of pictures, or an .npy, .npz, .csv, .tsv or idx file";
  return (isRequired ? command.requiredOption("--data <path>", what) : command.option("--data <path>", what))
    .option("--labels <file>", "labels as .npy or idx (default for idx: the file that MNIST's names give)")
    .option("--label-column <name>", "column of the label in a table, by name or number (default: the last)")
    .option("--ignore-columns <names>", "columns that are no features (repeatable, or with commas)", list)
    .option(
      "--class-names <names>",
      "names of the labels 0, 1, … (with commas); for folders and text labels their order",
      list,
    )
    .option("--size <width>x<height>", "what pictures are brought to (default: what the model's input says)", size)
    .addOption(new Option("--fit <how>", "how pictures are brought to that size").choices(["cover", "contain", "fill"]))
    .option("--mean <values>", 'subtracted from pixels in 0 … 1, one or one a channel, or "imagenet"', list)
    .option("--std <values>", "what the difference is divided by, one or one a channel", list)
    .addOption(new Option("--order <channels>", "order of the channels").choices(["rgb", "bgr"]))
    .addOption(new Option("--layout <layout>", "where the channels stand").choices(["NCHW", "NHWC"]));
}

/** Examples from a path, as the options say; `shape` is that of the model's input. */
export function readExamples(path: string, options: DataOptions, shape: ReadOptions["shape"]): Promise<Batches> {
  const { labels } = options;
  return readData(path, {
    ...(labels === undefined ? {} : { labels }),
    csv: csvOptions(options),
    images: imageOptions(options),
    ...(shape ? { shape } : {}),
  });
}

function csvOptions({ labelColumn, ignoreColumns, classNames }: DataOptions): CsvOptions {
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
}: DataOptions): Partial<ImageOptions> {
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
