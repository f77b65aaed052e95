/** Aligned tables for the terminal: cells are shortened where the terminal is narrow, colour only where it is asked for. */
import Table from "cli-table3";

export interface Column {
  title: string;
  /** Default "left". */
  align?: "left" | "right";
  /** Where to cut when the table is wider than the terminal; a column without it is never cut. */
  shorten?: "middle" | "end";
  /** Left out where the terminal is too narrow for all, the highest number first; without it, always shown. */
  optional?: number;
}

export interface TextOptions {
  /** Columns of the terminal; default: no limit. */
  width?: number;
  /** Whether to use ANSI colours; default false. */
  color?: boolean;
}

const gap = 2;
/** A cell is cut no further than to this, and rather than cut to `comfortable`, an optional column goes. */
const shortest = 12;
const comfortable = 18;

/** Text in an ANSI style where `color` is on. */
export function style(text: string, name: "bold" | "dim" | "red" | "yellow", color: boolean | undefined): string {
  const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], yellow: [33, 39] }[name];
  return color && text !== "" ? `\u001b[${codes[0]!}m${text}\u001b[${codes[1]!}m` : text;
}

/** Cuts `text` to `length` characters, an ellipsis in the place of what is lost. */
export function shorten(text: string, length: number, where: "middle" | "end" = "end"): string {
  const characters = Array.from(text);
  if (characters.length <= length) return text;
  const head = where === "end" ? length - 1 : Math.ceil((length - 1) / 2);
  const tail = length - 1 - head;
  return `${characters.slice(0, head).join("")}…${tail > 0 ? characters.slice(-tail).join("") : ""}`;
}

/**
 * Breaks text into lines of at most `width` characters at its spaces, but not at no-break spaces, which then become
 * ordinary ones; later lines are indented by `indent`.
 */
export function wrap(text: string, width = Infinity, indent = ""): string {
  const start = /^ */.exec(text)![0];
  const lines: string[] = [];
  let line = start;
  for (const word of text.slice(start.length).split(" ")) {
    const isFirst = line.trim() === "";
    if (!isFirst && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line += isFirst ? word : ` ${word}`;
  }
  return [...lines, line].join("\n").replaceAll("\u00a0", " ");
}

/** A table; `footer` is set apart below. Columns in which every cell is empty are left out. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, color, footer }: TextOptions & { footer?: readonly string[] } = {},
): string {
  const body = footer ? [...rows, footer] : rows;
  const all = body.map((row) => columns.map((_, i) => printable(row[i] ?? "")));
  const natural = columns.map(({ title }, i) =>
    all.reduce((longest, row) => Math.max(longest, Array.from(row[i]!).length), title.length),
  );
  const filled = columns.map((_, i) => i).filter((i) => all.some((row) => row[i] !== ""));
  const kept = choose(columns, natural, filled, width);
  const shown = kept.map((i) => columns[i]!);
  const cells = all.map((row) => kept.map((i) => row[i]!));
  const widths = fit(
    shown,
    kept.map((i) => natural[i]!),
    width,
  );

  const table = new Table({
    chars: {
      ...Object.fromEntries(borders.map((name) => [name, ""])),
      middle: " ".repeat(gap),
    },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: shown.map(({ align }) => align ?? "left"),
  });
  const bold = (row: string[]): string[] => row.map((cell) => style(cell, "bold", color));
  table.push(bold(shown.map(({ title }) => title)));
  table.push(widths.map((length) => style("─".repeat(length), "dim", color)));
  cells.forEach((row, r) => {
    const isFooter = footer !== undefined && r === cells.length - 1;
    if (isFooter) table.push(widths.map((length) => style("─".repeat(length), "dim", color)));
    const cut = row.map((cell, i) => shorten(cell, widths[i]!, shown[i]!.shorten));
    table.push(isFooter ? bold(cut) : cut);
  });
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const borders = [
  ...["top", "top-mid", "top-left", "top-right", "bottom", "bottom-mid", "bottom-left", "bottom-right"],
  ...["left", "left-mid", "mid", "mid-mid", "right", "right-mid"],
];

/** Leaves optional columns out until the rest, cut as far as may be, fits. */
function choose(columns: readonly Column[], natural: number[], filled: number[], width = Infinity): number[] {
  const kept = [...filled];
  const least = (i: number): number => (columns[i]!.shorten ? Math.min(natural[i]!, comfortable) : natural[i]!);
  while (kept.reduce((sum, i) => sum + least(i), gap * (kept.length - 1)) > width) {
    const first = kept
      .filter((i) => columns[i]!.optional !== undefined)
      .sort((a, b) => columns[b]!.optional! - columns[a]!.optional!)[0];
    if (first === undefined) break;
    kept.splice(kept.indexOf(first), 1);
  }
  return kept;
}

/** Takes from the widest column that may be shortened until the table fits. */
function fit(columns: readonly Column[], natural: number[], width: number | undefined): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, one) => sum + one, gap * (widths.length - 1)) - (width ?? Infinity);
  while (excess > 0) {
    let widest = -1;
    columns.forEach(({ shorten: cut }, i) => {
      if (cut && widths[i]! > shortest && (widest < 0 || widths[i]! > widths[widest]!)) widest = i;
    });
    if (widest < 0) break;
    widths[widest]!--;
    excess--;
  }
  return widths;
}

/** Text without control characters, which a name in a file may hold: each stands as its escape. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Named facts, one a line, their values aligned; empty ones are left out. */
export function factsTable(facts: readonly (readonly [string, string])[], { width, color }: TextOptions): string {
  const shown = facts.filter(([, value]) => value !== "");
  const longest = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => {
      const head = name.padEnd(longest + 2);
      return style(head, "bold", color) + wrap(head + value, width, " ".repeat(head.length)).slice(head.length);
    })
    .join("\n");
}
