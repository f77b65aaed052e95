/** The terminal that a command talks to: results, errors, progress, interruption. */
import { SingleBar } from "cli-progress";
import type { LongCall, Progress } from "../progress.js";
import { shorten, style, wrap, type TextOptions } from "../report/table.js";

/** What a command hands back: the same result for people and for tools. */
export interface Result {
  json: unknown;
  text: (format: TextOptions) => string;
  /** Default 0; 1 where the work was done and its answer is no. */
  exitCode?: number;
}

/** Options of every command. */
export interface CommonOptions {
  json?: boolean;
  quiet?: boolean;
  threads?: number;
}

/** What a command passes on to the library. */
export type Context = LongCall & { signal: AbortSignal; onProgress: (progress: Progress) => void };

const exitCodes: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
const barDelayMs = 1000;
const longestLabel = 32;

export class Terminal {
  /** What the process should exit with when the command is done. */
  exitCode = 0;
  readonly #interrupt = new AbortController();
  #signalCode = 0;
  #bar: SingleBar | undefined;
  #startedAt = 0;
  #doing = "";
  #part = { total: -1, done: 0, start: 0, from: 0 };

  constructor(
    private readonly stdout: NodeJS.WriteStream,
    private readonly stderr: NodeJS.WriteStream,
  ) {}

  /** Takes over the process's signals and what goes wrong with its output. */
  listen(): void {
    // A reader that has seen enough (`pare inspect model.onnx | head`) is no failure.
    for (const stream of [this.stdout, this.stderr])
      stream.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "EPIPE") process.exit(this.exitCode);
        if (stream === this.stdout) this.stderr.write(`Error: the output cannot be written: ${error.message}\n`);
        process.exit(1);
      });
    for (const name of Object.keys(exitCodes) as NodeJS.Signals[])
      process.on(name, () => {
        // Once asks the work to stop and clean up; twice ends it.
        if (this.interrupted !== undefined) process.exit(this.interrupted);
        this.#signalCode = exitCodes[name]!;
        this.#interrupt.abort();
      });
  }

  /** The exit code of the signal that asked the work to stop, if one did. */
  get interrupted(): number | undefined {
    return this.#interrupt.signal.aborted ? this.#signalCode : undefined;
  }

  context({ json, quiet, threads }: CommonOptions): Context {
    this.#startedAt = performance.now();
    const silent = (json ?? false) || (quiet ?? false) || !this.stderr.isTTY;
    return {
      signal: this.#interrupt.signal,
      onProgress: silent
        ? () => undefined
        : (progress) => {
            this.#progress(progress);
          },
      ...(threads === undefined ? {} : { threads }),
    };
  }

  /** Prints what a command hands back; a quiet one prints nothing. */
  show(result: Result, { json, quiet }: CommonOptions): void {
    this.endProgress();
    this.exitCode = result.exitCode ?? 0;
    if (json) this.stdout.write(`${JSON.stringify(result.json, null, 2)}\n`);
    else if (!quiet) this.stdout.write(`${result.text(formatOf(this.stdout))}\n`);
    if (result.exitCode !== undefined) process.exitCode = result.exitCode;
  }

  /** Prints an error as one paragraph, or as JSON, on the error stream. */
  showError({ code, message }: { code?: string; message: string }, json: boolean): void {
    this.endProgress();
    if (json) {
      this.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
      return;
    }
    const { width, color } = formatOf(this.stderr);
    const head = `Error${code === undefined ? "" : ` ${code}`}:`;
    const text = wrap(`${head} ${message.trim()}`, width, "  ");
    this.stderr.write(`${style(head, "red", color)}${text.slice(head.length)}\n`);
  }

  endProgress(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** Shows a bar once the work has taken more than a moment. */
  #progress({ done, total, what }: Progress): void {
    const now = performance.now();
    // Each part of the work (quantizing, saving) counts from its own beginning.
    if (total !== this.#part.total || done < this.#part.done) this.#part = { total, done, start: now, from: done };
    this.#part.done = done;
    if (what !== "") this.#doing = what;
    if (now - this.#startedAt < barDelayMs) return;
    const { start, from } = this.#part;
    const left = done > from ? seconds(((now - start) * (total - done)) / (done - from)) : "…";
    const payload = { what: shorten(this.#doing, longestLabel, "middle"), left };
    if (!this.#bar) {
      this.#bar = new SingleBar({
        stream: this.stderr,
        format: "{what} {bar} {percentage} %  {left} left",
        barCompleteChar: "█",
        barIncompleteChar: "░",
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
      });
      this.#bar.start(total, done, payload);
    }
    this.#bar.setTotal(total);
    this.#bar.update(done, payload);
  }
}

/** Whole seconds, with minutes where there are some: 1 min 20 s. */
function seconds(milliseconds: number): string {
  const all = Math.ceil(milliseconds / 1000);
  return all < 60 ? `${all} s` : `${Math.floor(all / 60)} min ${all % 60} s`;
}

/** Width and colour of a stream: none where it is no terminal; NO_COLOR and FORCE_COLOR are respected. */
function formatOf(stream: NodeJS.WriteStream): TextOptions {
  if (!stream.isTTY) return {};
  return { width: stream.columns || 80, color: stream.hasColors() };
}
