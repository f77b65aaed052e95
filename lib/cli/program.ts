/** The program `pare`: its commands, and how their errors become exit codes. */
import { Command, CommanderError } from "commander";
import { pareVersion } from "../report/information.js";
import { compare } from "./compare.js";
import { demo } from "./demo.js";
import { distill } from "./distill.js";
import { evaluate } from "./evaluate.js";
import { finetune } from "./finetune.js";
import { info } from "./info.js";
import { inspect } from "./inspect.js";
import { prune } from "./prune.js";
import { quantize } from "./quantize.js";
import { run } from "./run.js";
import { Terminal } from "./terminal.js";
import { train } from "./train.js";

/** Every command, in the order in which help lists them. */
const commands: ((terminal: Terminal) => Command)[] = [
  ...[info, inspect, quantize, prune, train, distill, finetune],
  ...[run, evaluate, compare, demo],
];

/** The parser with all its commands. */
export function createProgram(terminal = new Terminal(process.stdout, process.stderr)): Command {
  const program = new Command("pare")
    .description("Makes neural networks smaller and faster: prunes, quantizes, trains and distills ONNX models.")
    .version(pareVersion(), "-V, --version", "print pare's version")
    .usage("<command> [options]")
    .helpCommand("help [command]", "how a command is used");
  for (const command of commands) program.addCommand(command(terminal));
  for (const command of [program, ...program.commands])
    command
      .exitOverride()
      .configureOutput({ outputError: () => undefined })
      .allowExcessArguments(false)
      .helpOption("-h, --help", "print this help");
  return program;
}

/** Runs the command line and returns the exit code: 0 done, 1 the work failed, 2 wrong usage, 128 + signal interrupted. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = new Terminal(process.stdout, process.stderr);
  terminal.listen();
  const program = createProgram(terminal);
  const json = args.includes("--json");
  try {
    await program.parseAsync(args, { from: "user" });
    // An interruption that came too late to stop the work is none.
    return terminal.exitCode;
  } catch (error) {
    if (terminal.interrupted !== undefined) {
      const { code, message } = error as { code?: string; message: string };
      const told = code === "PARE_ABORTED" ? message : "Interrupted; no file was left half-written.";
      terminal.showError({ code: "PARE_ABORTED", message: told }, json);
      return terminal.interrupted;
    }
    if (error instanceof CommanderError) return usageError(error, program, terminal, json);
    const { code, message, stack } = error as { code?: string; message: string; stack?: string };
    const known = code?.startsWith("PARE_") ?? false;
    // An error without a code of ours is a fault of pare: its stack helps whoever reports it.
    terminal.showError(
      known ? { ...(code === undefined ? {} : { code }), message } : { message: stack ?? message },
      json,
    );
    return code === "PARE_OPTION" ? 2 : 1;
  } finally {
    terminal.endProgress();
  }
}

function usageError(error: CommanderError, program: Command, terminal: Terminal, json: boolean): number {
  if (error.exitCode === 0) return 0; // help and version are printed
  if (error.code !== "commander.help") {
    const message = error.message
      .replace(/^error: /, "")
      .replace(/\n?\(Did you mean (one of )?(.*)\?\)$/s, ". Did you mean $2?")
      .replace(/([^.?!])$/, "$1.");
    const named = program.commands.find((command) => command.name() === program.args[0]);
    const name = named ? `${named.name()} ` : "";
    terminal.showError({ code: "PARE_OPTION", message: `${message} See pare ${name}--help.` }, json);
  }
  return 2;
}
