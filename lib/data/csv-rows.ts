/** Rows of comma-separated values (RFC 4180) from a file, in constant memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { PareError } from "../errors.js";

export interface CsvRow {
  fields: string[];
  /** Where it begins, counted from 1. */
  line: number;
}

/** A row longer than this is no table's. */
const longestRow = 1 << 24;
const delimiters = [",", ";", "\t"];

/** The rows that are not empty. Throws PARE_FILE for a file that cannot be read, an open quotation or a row without end. */
export async function* csvRows(path: string, delimiter?: string): AsyncGenerator<CsvRow> {
  if (delimiter !== undefined && (delimiter.length !== 1 || /["\r\n]/.test(delimiter)))
    throw new PareError("PARE_OPTION", `delimiter must be one character; got "${delimiter}".`);
  const parser = new RowParser(path, delimiter);
  try {
    for await (const text of await openText(path)) yield* parser.take(text as string);
  } catch (error) {
    if (error instanceof PareError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "this is a directory" : message;
    throw new PareError("PARE_FILE", `${path}: ${reason}.`, { cause: error });
  }
  yield* parser.end();
}

async function openText(path: string): Promise<Readable> {
  const file = await open(path);
  const { buffer } = await file.read(new Uint8Array(2), 0, 2, 0).finally(() => file.close());
  const stream = createReadStream(path);
  if (buffer[0] !== 0x1f || buffer[1] !== 0x8b) return stream.setEncoding("utf8");
  const unpacked = createGunzip();
  stream.on("error", (error) => unpacked.destroy(error));
  return stream.pipe(unpacked).setEncoding("utf8");
}

/** Splits text, which comes in pieces, where a row may end anywhere. */
class RowParser {
  #rest = "";
  #line = 1;
  #delimiter: string | undefined;

  constructor(
    private readonly path: string,
    delimiter: string | undefined,
  ) {
    this.#delimiter = delimiter;
  }

  *take(text: string): Generator<CsvRow> {
    this.#rest += text;
    let start = 0;
    for (;;) {
      const end = this.#rowEnd(start);
      // A carriage return at the very end may be half of a line's end.
      if (end < 0) break;
      yield* this.#row(this.#rest.slice(start, end));
      start = end + 1;
    }
    this.#rest = this.#rest.slice(start);
    if (this.#rest.length > longestRow)
      throw new PareError(
        "PARE_FILE",
        `${this.path}, line ${this.#line}: a row of more than ${longestRow} characters.`,
      );
  }

  *end(): Generator<CsvRow> {
    if (this.#rest === "") return;
    if (this.#rowEnd(0, true) < 0)
      throw new PareError("PARE_FILE", `${this.path}, line ${this.#line}: a quotation that begins there does not end.`);
    yield* this.#row(this.#rest);
  }

  /** Where the row that begins at `start` ends: a line feed outside of quotations; −1 where it goes on. */
  #rowEnd(start: number, last = false): number {
    let quotes = 0;
    for (let from = start; ;) {
      let end = this.#rest.indexOf("\n", from);
      if (end < 0) {
        if (!last) return -1;
        end = this.#rest.length;
      }
      quotes += this.#rest.slice(from, end).split('"').length - 1;
      if (quotes % 2 === 0) return end;
      if (end === this.#rest.length) return -1;
      from = end + 1;
    }
  }

  *#row(text: string): Generator<CsvRow> {
    const line = this.#line;
    this.#line += text.split("\n").length;
    const row = (line === 1 ? text.replace(/^\ufeff/, "") : text).replace(/\r$/, "");
    if (row.trim() === "") return;
    this.#delimiter ??= mostFrequent(row);
    yield { fields: row.includes('"') ? this.#quoted(row, line) : row.split(this.#delimiter), line };
  }

  #quoted(row: string, line: number): string[] {
    const fields: string[] = [];
    for (let at = 0; at <= row.length;) {
      let field = "";
      let end: number;
      if (row[at] === '"') {
        end = at + 1;
        for (;;) {
          const quote = row.indexOf('"', end);
          if (quote < 0)
            throw new PareError("PARE_FILE", `${this.path}, line ${line}: a quotation that begins there does not end.`);
          field += row.slice(end, quote);
          end = quote + 1;
          if (row[end] !== '"') break;
          field += '"';
          end++;
        }
        if (end < row.length && row[end] !== this.#delimiter)
          throw new PareError("PARE_FILE", `${this.path}, line ${line}: text follows a closing quotation mark.`);
      } else {
        end = row.indexOf(this.#delimiter!, at);
        if (end < 0) end = row.length;
        field = row.slice(at, end);
      }
      fields.push(field);
      at = end + 1;
    }
    return fields;
  }
}

function mostFrequent(row: string): string {
  const counts = delimiters.map((delimiter) => row.split(delimiter).length);
  return delimiters[counts.indexOf(Math.max(...counts))]!;
}
