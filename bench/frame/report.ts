/** What a bench prints into: tables under a heading that says on which machine they were made, for the terminal and as Markdown. */
import Table from "cli-table3";
import { cpus, loadavg } from "node:os";
import { binding } from "../../lib/binding.js";

type Cell = string | number;

export interface BenchOptions {
  /** Thread counts to measure with; `--threads 1,2`. Default: 1 and all that this process may use. */
  threads: number[];
  /** Fewer and smaller cases, to see whether it works; `--quick`. */
  quick: boolean;
  /** The command that makes the table. */
  command: string;
}

interface BenchTable {
  title: string;
  columns: readonly string[];
  rows: string[][];
}

/** The tables and notes of one bench. */
export class BenchReport {
  readonly threads: number[];
  readonly quick: boolean;
  private readonly tables: BenchTable[] = [];
  private readonly notes: string[] = [];
  private readonly machine: string[];
  /** The picture, where there is one. */
  svg: string | undefined;

  constructor(
    readonly title: string,
    private readonly options: BenchOptions,
  ) {
    this.threads = options.threads;
    this.quick = options.quick;
    const { processor, level, processors } = binding.information();
    this.machine = [
      `${processor || cpus()[0]!.model}, ${processors} of ${cpus().length} processors`,
      `kernels ${level}`,
      `threads ${options.threads.join(" and ")}`,
      `Node ${process.versions.node}`,
      `load before ${loadavg()[0]!.toFixed(1)}`,
    ];
  }

  /** Begins a table; rows are added with the function returned. Numbers get three significant digits. */
  table(title: string, columns: readonly string[]): (...cells: Cell[]) => void {
    const table: BenchTable = { title, columns, rows: [] };
    this.tables.push(table);
    return (...cells) => {
      if (cells.length !== columns.length)
        throw new Error(`"${title}" has ${columns.length} columns; a row has ${cells.length} cells.`);
      table.rows.push(cells.map((cell) => (typeof cell === "number" ? formatNumber(cell) : cell)));
    };
  }

  /** A line below the tables: what was left out and why, what a column means; the same text is kept once. */
  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  /** Says on standard error what is being measured now; the next call replaces it on a terminal. */
  progress(what: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
  }

  /** An SVG that is kept beside the tables. */
  picture(svg: string): void {
    this.svg = svg;
  }

  /** A line on standard error of what long measurements have come to. */
  log(line: string): void {
    this.progress("");
    process.stderr.write(`${line}\n`);
  }

  toTerminal(): string {
    const parts = [`${this.title}\n${this.machine.join(" · ")}`];
    for (const { title, columns, rows } of this.tables) {
      const table = new Table({
        head: [...columns],
        colAligns: alignments(columns.length),
        style: { head: [], border: [], compact: true },
      });
      table.push(...rows);
      parts.push(`${title}\n${table.toString()}`);
    }
    return [...parts, ...this.notes].join("\n\n");
  }

  toMarkdown(): string {
    const row = (cells: readonly string[]): string =>
      `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    const parts = [`# ${this.title}`, `\`${this.options.command}\``, this.machine.join(" · ")];
    for (const { title, columns, rows } of this.tables) {
      const rule = alignments(columns.length).map((side) => (side === "left" ? "---" : "---:"));
      parts.push(`## ${title}`, [columns, rule, ...rows].map(row).join("\n"));
    }
    return `${[...parts, ...this.notes].join("\n\n")}\n`;
  }
}

/** The first column names the case; the others hold figures. */
function alignments(columns: number): ("left" | "right")[] {
  return Array.from({ length: columns }, (_, column) => (column === 0 ? "left" : "right"));
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : `${Number(value.toPrecision(3))}`;
}
