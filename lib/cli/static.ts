/** Options of `pare quantize --mode static`: what the model is calibrated on, and how ranges follow from it. */
import { Option } from "commander";
import {
  batchesOf,
  calibrationMethods,
  PareError,
  readData,
  staticFormats,
  type Batch,
  type Batches,
  type CalibrationMethod,
  type Model,
  type QuantizeOptions,
  type StaticFormat,
} from "../index.js";
import { integer, number, type PareCommand } from "./command.js";

export interface StaticCliOptions {
  calibration?: string;
  heldBack?: string;
  examples?: number;
  method?: CalibrationMethod;
  format?: StaticFormat;
  activationType?: "int8" | "uint8";
  activationSymmetric?: boolean;
  percentile?: number;
  minimumSnr?: number;
}

const batchSize = 8;
const defaultExamples = 256;

/** Declares them. */
export function addStatic<Options extends StaticCliOptions>(command: PareCommand<Options>): PareCommand<Options> {
  return command
    .option(
      "--calibration <path>",
      "static: what the model will meet: .npy, .npz (arrays by input name), .csv, idx, or a folder of pictures",
    )
    .option("--held-back <path>", "static: other data, that accuracy is measured on (default: the calibration data)")
    .option(
      "--examples <count>",
      `static: how many examples of each are used (default: ${defaultExamples})`,
      integer(1, 2 ** 31),
    )
    .addOption(
      new Option("--method <name>", "static: how a range follows from the values (default: minmax)").choices(
        calibrationMethods,
      ),
    )
    .addOption(new Option("--format <name>", "static: how integers are written (default: qdq)").choices(staticFormats))
    .addOption(
      new Option("--activation-type <type>", "static: type of the activations (default: that of the weights)").choices([
        "int8",
        "uint8",
      ]),
    )
    .option("--activation-symmetric", "static: zero in the middle of the activations' range")
    .option("--percentile <percents>", "static: of the values that lie within the range (default: 99.999)", number)
    .option("--minimum-snr <dB>", "static: leave float what harms most, until the outputs are this near", number);
}

/** What quantize() takes of them; PARE_OPTION where they do not belong to the mode. */
export async function staticOptionsOf(
  options: StaticCliOptions,
  mode: string | undefined,
  model: Model,
): Promise<Partial<QuantizeOptions>> {
  const { calibration, heldBack, examples, minimumSnr, method, format, activationType } = options;
  const { activationSymmetric, percentile } = options;
  if (mode === "static" && calibration === undefined)
    throw new PareError(
      "PARE_OPTION",
      "--mode static needs --calibration: what the model will meet, .npy for example.",
    );
  if (examples !== undefined && mode !== "static")
    throw new PareError("PARE_OPTION", "--examples belongs to --mode static.");
  return {
    ...(calibration === undefined ? {} : { calibration: await read(calibration, model, examples) }),
    ...(heldBack === undefined ? {} : { heldBack: await read(heldBack, model, examples) }),
    ...(method === undefined ? {} : { method }),
    ...(format === undefined ? {} : { format }),
    ...(activationType === undefined ? {} : { activationType }),
    ...(activationSymmetric === undefined ? {} : { activationSymmetric }),
    ...(percentile === undefined ? {} : { percentile }),
    ...(minimumSnr === undefined ? {} : { minimumSnrDb: minimumSnr }),
  };
}

async function read(path: string, { graph }: Model, examples = defaultExamples): Promise<Batches> {
  const input = graph.inputs.find(({ name }) => !graph.isOverridable(name));
  const first = input?.dims?.[0];
  const size = typeof first === "number" && first > 0 ? first : batchSize;
  const data = await readData(path, input?.dims ? { shape: input.dims } : {});
  return take(batchesOf(data, size), Math.ceil(examples / size));
}

/** The first batches; data that can be read again would be read twice. */
async function take(batches: AsyncIterable<Batch>, count: number): Promise<Batch[]> {
  const taken: Batch[] = [];
  for await (const batch of batches) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  return taken;
}
