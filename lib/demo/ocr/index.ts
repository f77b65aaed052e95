/** The OCR demo: three real models in every form that pare writes, and what each form costs and brings. */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PareError } from "../../errors.js";
import { load } from "../../model/index.js";
import type { LongCall } from "../../progress.js";
import { quantize } from "../../quantize/index.js";
import { chart } from "./chart.js";
import { measure, type Form, type Row } from "./measure.js";
import { createTasks, type Task } from "./tasks.js";
import { fileNameOf, variants } from "./variants.js";

export type { Row } from "./measure.js";

export interface OcrDemoOptions extends LongCall {
  /** Where the models and pictures are written; made if need be. */
  folder: string;
  /** Words to read. Default 200, all. */
  words?: number;
  /** Milliseconds of timing for each of the three models. Default 8000. */
  budgetMs?: number;
}

export interface Omission {
  model: string;
  dtype: string;
  reason: string;
}

export interface OcrDemoResult {
  rows: Row[];
  /** What the right answers of each model are, by its name. */
  counts: Record<string, string>;
  /** Forms that a model was not written in, and why. */
  skipped: Omission[];
  /** Forms that were written and that the runtime does not load. */
  failed: Omission[];
  folder: string;
  /** The pictures and the chart, by file. */
  files: string[];
}

/** How long the parts of the demo take, as shares. */
const rendering = 0.03;
const writing = 0.12;
const weights: Record<string, number> = { det: 0.3, cls: 0.1, rec: 0.6 };

/** Throws PARE_FILE where a package that it needs is missing, with the command that installs it. */
export async function runOcrDemo(options: OcrDemoOptions): Promise<OcrDemoResult> {
  const { folder, signal, budgetMs = 8000 } = options;
  const report = (done: number, what: string): void =>
    options.onProgress?.({ done: Math.round(done * 1000), total: 1000, what });
  report(0, "rendering words");
  const { tasks, renderer, pictures } = await createTasks(options.words);
  try {
    await mkdir(folder, { recursive: true });
    const skipped: Omission[] = [];
    const failed: Omission[] = [];
    const forms = new Map<Task, Form[]>();
    for (const [index, task] of tasks.entries()) {
      const base = rendering + (index / tasks.length) * writing;
      forms.set(
        task,
        await writeForms(task, options, skipped, (share, what) => {
          report(base + (share / tasks.length) * writing, what);
        }),
      );
    }
    const rows: Row[] = [];
    let base = rendering + writing;
    for (const task of tasks) {
      const part = (1 - rendering - writing) * weights[task.name]!;
      rows.push(
        ...(await measure(task, forms.get(task)!, {
          ...options,
          budgetMs,
          onFailure: ({ dtype, file }, { message }) =>
            failed.push({ model: task.name, dtype, reason: message.replaceAll(file, basename(file)) }),
          onProgress: ({ done, what }) => {
            report(base + done * part, what);
          },
        })),
      );
      base += part;
    }
    signal?.throwIfAborted();
    const files = { words: join(folder, "words.png"), chart: join(folder, "size-and-words.svg") };
    await writeFile(files.words, await renderer.sheet(pictures));
    await writeFile(files.chart, chart(rows.filter(({ model }) => model === "rec")));
    return {
      rows,
      counts: Object.fromEntries(tasks.map(({ name, counts }) => [name, counts])),
      skipped,
      failed,
      folder,
      files: Object.values(files),
    };
  } finally {
    renderer.close();
  }
}

/** Quantizes a model into each form and saves it. */
async function writeForms(
  task: Task,
  { folder, threads, signal }: OcrDemoOptions,
  skipped: Omission[],
  report: (share: number, what: string) => void,
): Promise<Form[]> {
  const model = await load(task.file);
  const forms: Form[] = [];
  for (const [index, variant] of variants.entries()) {
    report(index / variants.length, `writing ${task.name} ${variant.name}`);
    signal?.throwIfAborted();
    const file = join(folder, fileNameOf(task.name, variant));
    const call = { ...(threads === undefined ? {} : { threads }), ...(signal === undefined ? {} : { signal }) };
    try {
      const small = variant.options === undefined ? model : await quantize(model, { ...variant.options, ...call });
      if (variant.options !== undefined && small.report?.rows.length === 0)
        throw new PareError("PARE_UNSUPPORTED", "it has no weights that this form takes.");
      await small.save(file, signal === undefined ? {} : { signal });
      forms.push({ dtype: variant.name, file });
    } catch (error) {
      if (!(error instanceof PareError) || error.code !== "PARE_UNSUPPORTED") throw error;
      skipped.push({ model: task.name, dtype: variant.name, reason: error.message });
    }
  }
  return forms;
}
