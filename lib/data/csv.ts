/** Tables of comma-separated values (RFC 4180), plain or gzipped: numbers as features, one column as label or target. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { Batch, Dataset, Labels } from "./batch.js";
import { csvRows } from "./csv-rows.js";

export interface CsvOptions {
  /** The column that holds the label, by name or by number (from 0; −1 is the last). null: none. Default: the last. */
  label?: string | number | null;
  /** Columns that are no features, by name or number: an id, for example. */
  ignore?: readonly (string | number)[];
  /** Whether the first line names the columns. Default: it does where none of its fields is a number. */
  header?: boolean;
  /** Default: what the first line has most of: comma, semicolon or tab. */
  delimiter?: string;
  /** Text labels in the order of their numbers. Default: all that occur, sorted. */
  classNames?: readonly string[];
  /** "classes": whole numbers or texts, each a class; "values": targets for a regression. Default: classes where every label is text or a whole number. */
  labels?: "classes" | "values";
}

/** The whole table: x float32 [rows, features], y int32 labels or float32 targets [rows, 1]. Throws PARE_FILE with the line. */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<Dataset> {
  const features: number[] = [];
  const labels: string[] = [];
  let width = 0;
  for await (const row of labelledRows(path, options)) {
    width = row.features.length;
    for (const value of row.features) features.push(value);
    if (row.label !== undefined) labels.push(row.label);
  }
  if (width === 0) throw new PareError("PARE_FILE", `${path} holds no row of data.`);
  const x = new Tensor("float32", Float32Array.from(features), [features.length / width, width]);
  if (labels.length === 0) return { x };
  const kind = options.labels ?? kindOf(labels);
  const names = kind === "classes" ? classNamesOf(labels, options) : undefined;
  return { x, y: encode(labels, kind, names, path), ...(names ? { classNames: names } : {}) };
}

/** The same batch after batch in constant memory. `labels` must be said, and `classNames` where labels are text. */
export async function* csvBatches(
  path: string,
  options: CsvOptions & { batchSize: number; labels: "classes" | "values" },
): AsyncGenerator<Batch> {
  const { batchSize } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new PareError("PARE_OPTION", `batchSize must be a whole number of at least 1; got ${batchSize}.`);
  let features: Float32Array = new Float32Array(0);
  let labels: string[] = [];
  let count = 0;
  let width = 0;
  const flush = (): Batch => {
    const x = new Tensor("float32", features.subarray(0, count * width), [count, width]);
    const batch = { x, ...(labels.length > 0 ? { y: encode(labels, options.labels, options.classNames, path) } : {}) };
    [features, labels, count] = [new Float32Array(batchSize * width), [], 0];
    return batch;
  };
  for await (const row of labelledRows(path, options)) {
    if (width === 0) {
      width = row.features.length;
      features = new Float32Array(batchSize * width);
    }
    features.set(row.features, count * width);
    if (row.label !== undefined) labels.push(row.label);
    if (++count === batchSize) yield flush();
  }
  if (width === 0) throw new PareError("PARE_FILE", `${path} holds no row of data.`);
  if (count > 0) yield flush();
}

interface Row {
  features: number[];
  label: string | undefined;
}

async function* labelledRows(path: string, options: CsvOptions): AsyncGenerator<Row> {
  const { label = -1, ignore = [], header } = options;
  let names: readonly string[] | undefined;
  let columns = 0;
  let labelColumn = -1;
  let taken: number[] = [];
  for await (const { fields, line } of csvRows(path, options.delimiter)) {
    const first = columns === 0;
    if (first) {
      columns = fields.length;
      const isHeader = header ?? fields.every((field) => field.trim() === "" || Number.isNaN(Number(field)));
      if (isHeader) names = fields.map((field) => field.trim());
      labelColumn = label === null ? -1 : columnOf(label, columns, names, path);
      const left = new Set(ignore.map((one) => columnOf(one, columns, names, path)));
      taken = fields.map((_, i) => i).filter((i) => i !== labelColumn && !left.has(i));
      if (taken.length === 0) throw new PareError("PARE_FILE", `${path} has no column of features besides the label.`);
      if (isHeader) continue;
    }
    if (fields.length !== columns)
      throw new PareError(
        "PARE_FILE",
        `${path}, line ${line}: ${fields.length} fields where the first line has ${columns}.`,
      );
    const features = taken.map((i) => {
      const text = fields[i]!.trim();
      const value = Number(text);
      if (text === "" || (Number.isNaN(value) && !/^[+-]?nan$/i.test(text)))
        throw new PareError(
          "PARE_FILE",
          `${path}, line ${line}: "${text.slice(0, 40)}" in column ${names?.[i] ?? i} is no number; ignore that column, or name it as the label.`,
        );
      return value;
    });
    yield { features, label: labelColumn < 0 ? undefined : fields[labelColumn]!.trim() };
  }
}

/** The number of a column by its name or its number. */
function columnOf(column: string | number, count: number, names: readonly string[] | undefined, path: string): number {
  const named = typeof column === "string" ? (names?.indexOf(column) ?? -1) : -1;
  const number = typeof column === "number" || /^-?\d+$/.test(column) ? Number(column) : NaN;
  const found = named >= 0 ? named : number < 0 ? number + count : number;
  if (!Number.isInteger(found) || found < 0 || found >= count)
    throw new PareError(
      "PARE_OPTION",
      `${path} has no column "${column}"; it has ${names ? names.join(", ") : `${count} without names, 0 to ${count - 1}`}.`,
    );
  return found;
}

const isWhole = (text: string): boolean => /^[+-]?\d+(\.0*)?$/.test(text);

function kindOf(labels: readonly string[]): "classes" | "values" {
  const isNumber = (text: string): boolean => text !== "" && !Number.isNaN(Number(text));
  return labels.every((text) => !isNumber(text)) || labels.every(isWhole) ? "classes" : "values";
}

/** Names of text labels, sorted by their characters, so that the order depends on no language; none for numbers. */
function classNamesOf(labels: readonly string[], { classNames }: CsvOptions): readonly string[] | undefined {
  if (classNames || labels.every(isWhole)) return classNames;
  return [...new Set(labels)].sort();
}

function encode(
  labels: readonly string[],
  kind: "classes" | "values",
  names: readonly string[] | undefined,
  path: string,
): Labels {
  const numbers = labels.map((text) => {
    const value = names ? names.indexOf(text) : text === "" ? NaN : Number(text);
    if (Number.isNaN(value) || (names && value < 0) || (kind === "classes" && !Number.isInteger(value)))
      throw new PareError(
        "PARE_FILE",
        `${path}: the label "${text.slice(0, 40)}" is ${names ? `none of ${names.join(", ")}` : kind === "classes" ? "no whole number; name the classes" : "no number"}.`,
      );
    return value;
  });
  return kind === "classes"
    ? Int32Array.from(numbers)
    : new Tensor("float32", Float32Array.from(numbers), [numbers.length, 1]);
}
