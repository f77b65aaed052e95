/** What commands that make a model of a model share: names of files, filters, the last lines of their views. */
import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { load, type Model, type Report } from "../index.js";
import { formatBytes, formatPercent } from "../report/format.js";
import { printable, wrap, type TextOptions } from "../report/table.js";
import type { Context, Result } from "./terminal.js";

/** Rows that a table shows unless all are asked for. */
export const shownRows = 20;

/** Where the result goes: as asked, into a folder under the default name, or beside the input: model.onnx → model.int8.onnx. */
export async function outputPath(input: string, suffix: string, given: string | undefined): Promise<string> {
  const extension = extname(input);
  const name = `${basename(input, extension)}.${suffix}${extension}`;
  if (given === undefined) return join(dirname(input), name);
  const isFolder = given.endsWith("/") || (await stat(given).catch(() => undefined))?.isDirectory();
  return isFolder ? join(given, name) : given;
}

/** A model that a command has made, and what is told of it. */
export interface Made {
  model: Model;
  json: object;
  text: (format: TextOptions) => string;
}

/** Loads a model, makes another of it, saves that, and tells what was done. */
export async function makeFile(
  { input, output }: { input: string; output: string },
  { signal, onProgress }: Context,
  make: (model: Model) => Promise<Made>,
): Promise<Result> {
  const source = await load(input);
  const bytesBefore = await sizeOf(input);
  const { model, json, text } = await make(source);
  await model.save(output, { signal, onProgress });
  const bytesAfter = await sizeOf(output);
  return {
    json: { input, output, bytesBefore, bytesAfter, ...json },
    text: (format) => `${text(format)}\n\n${sizesText([input, bytesBefore], [output, bytesAfter], format)}`,
  };
}

/** A model whose report is what is told of it; all of its rows where that is asked for. */
export function reported(model: Model & { report: Report }, all = false): Made {
  const { report } = model;
  return { model, json: { report }, text: (format) => reportText(report, format, all) };
}

export function reportText(report: Report, format: TextOptions, all: boolean): string {
  return report.toString({ ...format, ...(all ? {} : { rows: shownRows }) });
}

/** "model.onnx 10.8 MB → model.int8.onnx 2.9 MB (26.9 %)" */
export function sizesText(
  [input, before]: [string, number],
  [output, after]: [string, number],
  { width }: TextOptions,
): string {
  const share = formatPercent(after / Math.max(1, before));
  const parts = [`${input} ${formatBytes(before)}`, `→ ${output} ${formatBytes(after)} (${share})`];
  return wrap(parts.map((part) => printable(part).replaceAll(" ", "\u00a0")).join(" "), width, "  ");
}

/** Bytes of a file, and of the external data that pare writes beside it. */
export async function sizeOf(path: string): Promise<number> {
  const { size } = await stat(path);
  const data = await stat(`${path}_data`).catch(() => undefined);
  return size + (data?.size ?? 0);
}

/** A path as short as it can be said. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}
