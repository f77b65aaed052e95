/** `pare demo`: real data and real models, and one table of what each technique costs and brings. */
import { resolve } from "node:path";
import { runMnistDemo } from "../demo/mnist/index.js";
import { runOcrDemo } from "../demo/ocr/index.js";
import { PareError } from "../errors.js";
import { defined, integer, PareCommand } from "./command.js";
import { mnistText } from "./demo-mnist.js";
import { ocrText } from "./demo-ocr.js";
import type { Context, Result, Terminal } from "./terminal.js";

interface Options {
  output: string;
  examples?: number;
  words?: number;
  seconds?: number;
}

type Demo = (context: Context, options: Options & { folder: string }) => Promise<Result>;

const demos: Readonly<Record<string, Demo>> = {
  mnist: async (context, { folder, examples }) => {
    const result = await runMnistDemo({ ...context, folder, ...defined({ examples }) });
    return { json: { demo: "mnist", ...result }, text: (format) => mnistText(result, format) };
  },
  ocr: async (context, { folder, words, seconds }) => {
    const budgetMs = seconds === undefined ? undefined : seconds * 1000;
    const result = await runOcrDemo({ ...context, folder, ...defined({ words, budgetMs }) });
    return {
      json: { demo: "ocr", ...result },
      text: (format) => ocrText(result, format),
      exitCode: result.failed.length > 0 ? 1 : 0,
    };
  },
};

export const demo = (terminal: Terminal): PareCommand<Options> =>
  new PareCommand<Options>(terminal, "demo", "every technique on MNIST; or OCR models in every data type")
    .description(
      "mnist trains a net, prunes it step by step, quantizes it, teaches a small one, transfers and regularizes others, and runs " +
        "every file that it writes in pare and in onnxruntime-node. ocr takes three real models through every data type.",
    )
    .argument("[name]", `which demo: ${Object.keys(demos).join(", ")}`, "mnist")
    .option("-o, --output <folder>", "where the models and pictures are written", "demo-output")
    .option("--examples <count>", "mnist: digits to train on, of 60,000 (default: all)", integer(2000, 60_000))
    .option("--words <count>", "ocr: words to read, of 200 (default: all)", integer(2, 200))
    .option("--seconds <count>", "ocr: seconds of timing for each model (default: 8)", integer(0, 600))
    .example("pare demo", "all techniques on MNIST, in a minute or two")
    .example("pare demo ocr -o /tmp/ocr --threads 1", "three OCR models in every form that pare writes, on one thread")
    .run(async (context, options, name = "mnist") => {
      const run = Object.hasOwn(demos, name) ? demos[name] : undefined;
      if (!run)
        throw new PareError(
          "PARE_OPTION",
          `there is no demo "${name}"; there are ${Object.keys(demos).join(" and ")}.`,
        );
      return run(context, { ...options, folder: resolve(options.output) });
    });
