/** `pare evaluate`: a model on data with the answers: accuracy, errors, what each class is mistaken for. */
import { Option } from "commander";
import { createSession, evaluate as evaluateModel, metrics, type Metric } from "../index.js";
import { integer, PareCommand } from "./command.js";
import { addData, dataKinds, readExamples, type DataOptions } from "./data-options.js";
import { addRuntime, type RuntimeOption } from "./model-inputs.js";
import { shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";

interface Options extends DataOptions, RuntimeOption {
  metric?: Metric;
  output?: string;
  batchSize: number;
  all?: boolean;
}

export const evaluate = (terminal: Terminal): PareCommand<Options> =>
  addRuntime(
    addData(
      new PareCommand<Options>(terminal, "evaluate", "a model on data with the answers: accuracy, errors, classes")
        .description(
          "Runs a model on labelled data and counts: accuracy and top 5 for labels, mean squared error for target values, recall and " +
            `precision of each class. ${dataKinds}`,
        )
        .argument("<model>", "an ONNX file"),
    ),
  )
    .addOption(new Option("--metric <name>", "what to measure (default: by the labels)").choices(metrics))
    .option("--output <name>", "the output that answers (default: the first)")
    .option("--batch-size <count>", "examples a run", integer(1, 1_000_000), 32)
    .option("--all", `list every class, not only the ${shownRows} with the most wrong answers`)
    .example("pare evaluate lenet.onnx --data t10k-images-idx3-ubyte.gz", "MNIST; the labels lie beside the images")
    .example("pare evaluate net.onnx --data photos/ --mean imagenet", "folders of pictures, one a class")
    .example("pare evaluate net.onnx --data iris.csv --label-column species --json", "a table, for a tool")
    .run(async (context, options, path) => {
      const { data = "", classNames, metric, output, batchSize, runtime, all = false } = options;
      const { threads } = context;
      const session = await createSession(path, { runtime, ...(threads === undefined ? {} : { threads }) });
      try {
        const [input] = session.inputMetadata;
        const examples = await readExamples(data, options, input?.isTensor ? input.shape : undefined);
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
