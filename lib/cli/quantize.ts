/** `pare quantize`: smaller weights, one file, or all the files that transformers.js looks for. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { Option } from "commander";
import {
  load,
  PareError,
  quantize as quantizeModel,
  quantizeDtypes,
  quantizeForTransformersJs,
  quantizeModes,
  transformersJsVariants,
  type QuantizeDtype,
  type QuantizeMode,
  type TransformersJsVariant,
} from "../index.js";
import { defined, integer, list, PareCommand } from "./command.js";
import { addFilters, filtersOf, type FilterOptions } from "./filters.js";
import { makeFile, outputPath, reported, reportText, sizeOf, sizesText } from "./model-files.js";
import { addStatic, staticOptionsOf, type StaticCliOptions } from "./static.js";
import type { Context, Result, Terminal } from "./terminal.js";

interface Options extends FilterOptions, StaticCliOptions {
  output?: string;
  dtype?: QuantizeDtype;
  mode?: QuantizeMode;
  perChannel?: boolean;
  reduceRange?: boolean;
  blockSize?: number;
  symmetric?: boolean;
  transformersjs?: boolean;
  variants?: TransformersJsVariant[];
  all?: boolean;
}

export const quantize = (terminal: Terminal): PareCommand<Options> =>
  addFilters(
    addStatic(
      new PareCommand<Options>(terminal, "quantize", "stores or computes with smaller numbers")
        .description(
          "Makes a model's weights smaller: 8-bit integers that are computed with (dynamic; static, with ranges from calibration data), weights stored small and widened " +
            "where they are used (weights), 4-bit matrices (matmulnbits, bnb4), float16 and bfloat16.",
        )
        .argument("<model>", "an ONNX file")
        .option(
          "-o, --output <file>",
          "where to write (default: model.int8.onnx beside the input); a folder with --transformersjs",
        )
        .addOption(new Option("--dtype <type>", "type of the weights (default: int8)").choices(quantizeDtypes))
        .addOption(
          new Option("--mode <mode>", "how they are used (default: dynamic where the type has it)").choices(
            quantizeModes,
          ),
        )
        .option("--per-channel", "a scale for each output channel")
        .option("--no-per-channel", "one scale for a tensor")
        .option("--reduce-range", "seven bits of eight, for processors whose int8 products saturate")
        .option("--block-size <count>", "weights that share a scale", integer(1, 2 ** 31))
        .option("--symmetric", "zero in the middle of the range")
        .option("--no-symmetric", "a zero point for each scale")
        .option("--transformersjs", "write all the files that transformers.js looks for")
        .addOption(
          new Option(
            "--variants <names>",
            `with --transformersjs: only these of ${Object.keys(transformersJsVariants).join(", ")}`,
          ).argParser(list),
        )
        .option("--all", "show every tensor, not only the largest"),
    ),
    "nodes",
  )
    .example("pare quantize model.onnx", "8-bit weights and arithmetic: model.int8.onnx")
    .example("pare quantize model.onnx --dtype float16 -o half.onnx", "half precision, inputs and outputs kept")
    .example("pare quantize model.onnx --dtype int4 --block-size 32", "4-bit weights for large language models")
    .example(
      "pare quantize model.onnx --mode static --calibration examples.npy",
      "integers throughout, ranges from data",
    )
    .example("pare quantize model.onnx --transformersjs -o onnx/", "every file that transformers.js can ask for")
    .run(async (context, options, input) => {
      if (options.transformersjs) return await forTransformersJs(context, options, input);
      if (options.variants) throw new PareError("PARE_OPTION", "--variants belongs to --transformersjs.");
      const { names, opTypes } = filtersOf(options);
      const { output, all, dtype = "int8", mode, perChannel, reduceRange, blockSize, symmetric } = options;
      return await makeFile({ input, output: await outputPath(input, dtype, output) }, context, async (model) =>
        reported(
          await quantizeModel(model, {
            ...context,
            ...(await staticOptionsOf(options, mode, model)),
            ...(names && { nodes: names }),
            ...(opTypes && { opTypes }),
            dtype,
            ...defined({ mode, perChannel, reduceRange, blockSize, symmetric }),
          }),
          all,
        ),
      );
    });

async function forTransformersJs(context: Context, options: Options, input: string): Promise<Result> {
  for (const name of ["dtype", "mode", "symmetric", "include", "exclude", "opTypes", "excludeOpTypes"] as const)
    if (options[name] !== undefined)
      throw new PareError(
        "PARE_OPTION",
        `--transformersjs decides by itself what ${name} says; leave one of both out.`,
      );
  const { output = dirname(input), variants, perChannel, reduceRange, blockSize, all = false } = options;
  const model = await load(input);
  const bytesBefore = await sizeOf(input);
  await mkdir(output, { recursive: true });
  const made = await quantizeForTransformersJs(model, output, {
    ...context,
    ...defined({ variants, perChannel, reduceRange, blockSize }),
  });
  const files: { variant: string; path: string; bytes: number; report: (typeof made)[number]["report"] }[] = [];
  for (const { variant, path, report } of made) files.push({ variant, path, bytes: await sizeOf(path), report });
  return {
    json: { input, bytesBefore, files },
    text: (format) =>
      [
        ...(all ? files.map(({ report }) => reportText(report, format, all)) : []),
        files.map(({ path, bytes }) => sizesText([input, bytesBefore], [path, bytes], format)).join("\n"),
      ].join("\n\n"),
  };
}
