/** Pieces of text that several commands print. */
import { style, wrap, type TextOptions } from "../report/table.js";

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
