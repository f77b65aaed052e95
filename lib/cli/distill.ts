/** `pare distill`: a student learns from a teacher's answers. */
import { distill as distillModel, load } from "../index.js";
import { defined, list, namedValue, number, PareCommand } from "./command.js";
import { dataKinds } from "./data-options.js";
import { outputPath, shownRows } from "./model-files.js";
import type { Terminal } from "./terminal.js";
import { addTraining, makeTrained, trained, trainingOptionsOf, type TrainingOptions } from "./training.js";

interface Options extends TrainingOptions {
  teacher: string;
  output?: string;
  temperature?: number;
  alpha?: number;
  hard?: boolean;
  features?: string[];
  cache: boolean;
  all?: boolean;
}

export const distill = (terminal: Terminal): PareCommand<Options> =>
  addTraining(
    new PareCommand<Options>(terminal, "distill", "a small model learns from the answers of a large one")
      .description(
        "Trains a student on a teacher's probabilities, softened by a temperature, and on the labels (Hinton, Vinyals & Dean 2015). " +
          `The two models need as many classes and the same inputs, and nothing else in common. ${dataKinds}`,
      )
      .argument("<student>", "an ONNX file: the model that learns")
      .requiredOption("--teacher <file>", "an ONNX file: the model that it learns from")
      .option("-o, --output <file>", "where to write (default: model.distilled.onnx beside the student)"),
  )
    .option("--temperature <number>", "softens both models' probabilities (default: 4)", number)
    .option("--alpha <share>", "of the teacher in the loss; the rest is the labels' (default: 0.9)", number)
    .option("--hard", "learn the teacher's most likely class, not its probabilities")
    .option(
      "--features <student=teacher>",
      "values inside the student that follow values inside the teacher, by their names (repeatable, or with commas)",
      list,
    )
    .option("--no-cache", "ask the teacher again in each step instead of keeping its answers")
    .option("--all", `list every epoch, not only about ${shownRows}`)
    .example("pare distill small.onnx --teacher large.onnx --data train-images-idx3-ubyte.gz", "softly, and by labels")
    .example(
      "pare distill small.onnx --teacher large.onnx --data photos/ --alpha 1 --hard",
      "by the teacher's labels alone",
    )
    .run(async (context, options, input) =>
      makeTrained(
        { input, output: await outputPath(input, "distilled", options.output) },
        options,
        context,
        async (model, checkpoint) => {
          const { temperature, alpha, hard, cache, all } = options;
          const pairs = options.features?.map(namedValue("features"));
          const features = pairs?.map(([student, teacher]) => ({ student, teacher }));
          const teacher = await load(options.teacher);
          const { data, options: training } = await trainingOptionsOf(options, model, context);
          const student = await distillModel(model, teacher, data, {
            ...training,
            ...checkpoint,
            cache,
            ...defined({ temperature, alpha, hard, features }),
          });
          return trained(student, student.epochs, all);
        },
      ),
    );
