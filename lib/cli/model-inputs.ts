/** Options of commands that run models: what they are fed, and where they run. */
import { Option } from "commander";
import { readNpy, readNpz, PareError, runtimeNames, type RuntimeName, type Tensor } from "../index.js";
import { integer, list, namedValue, type PareCommand } from "./command.js";

export interface InputOptions {
  input?: string[];
  dim?: string[];
  seed: number;
}

export interface RuntimeOption {
  runtime: RuntimeName;
}

/** Declares what the inputs are. */
export function addInputs<Options extends InputOptions>(command: PareCommand<Options>): PareCommand<Options> {
  return command
    .option(
      "--input <name=file.npy>",
      "values of an input, or file.npz with several by name (repeatable); others are made up from the seed",
      list,
    )
    .option(
      "--dim <name=size>",
      "size of a symbolic dimension, or of input.axis (repeatable; default: 1 for the first axis, else 64)",
      list,
    )
    .option("--seed <number>", "seed of the inputs that are made up", integer(0, 2 ** 32 - 1), 0);
}

/** Declares where models run. */
export function addRuntime<Options extends RuntimeOption>(command: PareCommand<Options>): PareCommand<Options> {
  return command.addOption(
    new Option("--runtime <name>", "what runs the model; onnxruntime needs the package onnxruntime-node")
      .choices(runtimeNames)
      .default("pare"),
  );
}

/** The tensors that `--input` names. */
export async function tensorsOf({ input = [] }: Pick<InputOptions, "input">): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const given of input)
    if (/^[^=]*\.npz$/i.test(given)) Object.assign(tensors, await readNpz(given));
    else {
      const [name, file] = namedValue("input")(given);
      if (/\.npz$/i.test(file))
        throw new PareError("PARE_OPTION", `--input takes an archive alone, as it names its arrays: --input ${file}`);
      tensors[name] = await readNpy(file);
    }
  return tensors;
}

/** The sizes that `--dim` names. */
export function dimsOf({ dim = [] }: Pick<InputOptions, "dim">): Record<string, number> {
  return Object.fromEntries(dim.map(namedValue("dim")).map(([name, size]) => [name, Number(size)]));
}
