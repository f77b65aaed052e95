/** How a command of `pare` is declared: commander's Command with examples, common options and one way to run. */
import { Command, InvalidArgumentError } from "commander";
import { PareError } from "../errors.js";
import type { CommonOptions, Context, Result, Terminal } from "./terminal.js";

export interface Example {
  line: string;
  what: string;
}

/** `Options` are those that the command declares beside the common ones. */
export class PareCommand<Options extends object = object> extends Command {
  readonly examples: Example[] = [];

  constructor(
    private readonly terminal: Terminal,
    name: string,
    summary: string,
  ) {
    super(name);
    this.summary(summary).description(summary);
    this.addHelpText("after", () =>
      this.examples.length === 0
        ? ""
        : `\nExamples:\n${this.examples.map(({ line, what }) => `  # ${what}\n  ${line}`).join("\n")}`,
    );
  }

  /** A line to copy, and what it does. */
  example(line: string, what: string): this {
    this.examples.push({ line, what });
    return this;
  }

  /** Runs `work` on the options and the positional arguments, and shows its result. Called last. */
  run(
    work: (context: Context, options: Options & CommonOptions, ...positional: string[]) => Result | Promise<Result>,
  ): this {
    this.option(
      "--threads <count>",
      "native threads (default: PARE_THREADS, else the processors at hand)",
      integer(1, 256),
    )
      .option("--json", "print the result as JSON")
      .option("--quiet", "print nothing but errors");
    return this.action(async () => {
      const options = this.opts<Options & CommonOptions>();
      this.terminal.show(await work(this.terminal.context(options), options, ...this.args), options);
    });
  }
}

/** Parses an option's value as an integer between two bounds. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(
        most === Infinity
          ? `It must be an integer of at least ${least}.`
          : `It must be an integer from ${least} to ${most}.`,
      );
    return value;
  };
}

/** Parses an option's value as a number; its range is the library's to check. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Collects an option that may be given several times, or once with commas. */
export function list(text: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), ...text.split(",").filter((part) => part !== "")];
}

/** What was given of these options: the library's are left out, never undefined. */
export function defined<Values extends object>(
  values: Values,
): { [Key in keyof Values]?: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Values]?: Exclude<Values[Key], undefined>;
  };
}

/** Takes "name=value" apart; the name may hold "=" itself. */
export function namedValue(option: string): (text: string) => [string, string] {
  return (text) => {
    const at = text.lastIndexOf("=");
    if (at < 1 || at === text.length - 1)
      throw new PareError("PARE_OPTION", `--${option} takes name=value; got "${text}".`);
    return [text.slice(0, at), text.slice(at + 1)];
  };
}
