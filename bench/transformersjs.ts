/** transformers.js unchanged, with all-MiniLM-L6-v2: on pare by `overrides`, and on onnxruntime-node; vectors, times, and a timer meanwhile. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { embed, type Embedding } from "../test/embed.js";
import { cosine } from "../test/onnxruntime.js";
import { formatSeconds, median } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "transformers.js on pare and on onnxruntime-node: sentences embedded by all-MiniLM-L6-v2";

export async function run(report: BenchReport): Promise<void> {
  await Promise.resolve();
  const root = dirname(__dirname);
  const example = join(root, "examples/transformersjs");
  const files = process.env.PARE_MINILM;
  if (files === undefined || !existsSync(join(files, "tokenizer.json")) || !existsSync(join(example, "node_modules"))) {
    report.note(
      "Left out: it needs $PARE_MINILM, a folder made by bench/oracle/minilm.py, and npm install --ignore-scripts --prefix examples/transformersjs.",
    );
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "pare-bench-"));
  try {
    const model = join(folder, "all-MiniLM-L6-v2");
    mkdirSync(join(model, "onnx"), { recursive: true });
    symlinkSync(join(files, "model.onnx"), join(model, "onnx/model.onnx"));
    for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json"])
      copyFileSync(join(files, name), join(model, name));
    const programs = { pare: [join(example, "embed.mjs")], other: onOnnxRuntime(root, example, folder) };
    const known = JSON.parse(readFileSync(join(files, "sentences.json"), "utf8")) as { text: string }[];
    const texts = known.map(({ text }) => text);
    const cases: Record<string, string[]> = {
      "one word": ["Hello"],
      "one sentence": texts.slice(0, 1),
      "twelve sentences": texts.slice(0, 12),
      "one text of 25 sentences": [texts.slice(0, 25).join(" ")],
      "fifty sentences": texts,
      "a word and a page": ["Hello", texts.join(" ")],
      "twelve texts of 20 sentences": Array.from({ length: 12 }, (_, i) => texts.slice(i, i + 20).join(" ")),
    };
    const rounds = report.quick ? 1 : 5;
    const row = report.table(
      `Median of ${rounds} processes each; the first call of the pipeline, its tokenizer included`,
      [
        ...[
          "input",
          "least cosine",
          "pare",
          "ORT",
          "ratio",
          "ticks of 1 ms, pare",
          "ORT",
          "longest pause, pare",
          "ORT",
        ],
      ],
    );
    for (const [name, sentences] of Object.entries(cases)) {
      report.progress(name);
      const answers = { pare: [] as Embedding[], other: [] as Embedding[] };
      for (let round = 0; round < rounds; round++)
        for (const key of ["pare", "other"] as const)
          answers[key].push(embed(programs[key], { model, sentences, cwd: folder }));
      const cosines = answers.pare[0]!.vectors.map((vector, i) => cosine(vector, answers.other[0]!.vectors[i]!));
      const middle = (key: keyof typeof answers, what: "runMs" | "ticks" | "longestGapMs"): number =>
        median(answers[key].map((one) => one[what]));
      row(
        name,
        Math.min(...cosines).toFixed(7),
        formatSeconds(middle("pare", "runMs") / 1e3),
        formatSeconds(middle("other", "runMs") / 1e3),
        (middle("other", "runMs") / middle("pare", "runMs")).toFixed(2),
        String(middle("pare", "ticks")),
        String(middle("other", "ticks")),
        formatSeconds(middle("pare", "longestGapMs") / 1e3),
        formatSeconds(middle("other", "longestGapMs") / 1e3),
      );
    }
    report.note(
      "Cosine: of pare's vectors with onnxruntime-node's. Pauses and ticks are of a timer of one millisecond during the call.",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The example's project with the real onnxruntime-node in its place: links to all else. */
function onOnnxRuntime(root: string, example: string, folder: string): string[] {
  const modules = join(folder, "node_modules");
  mkdirSync(modules);
  for (const name of readdirSync(join(example, "node_modules")))
    if (!name.startsWith(".") && name !== "onnxruntime-node")
      symlinkSync(join(example, "node_modules", name), join(modules, name));
  for (const name of readdirSync(join(root, "node_modules")))
    if (!name.startsWith(".") && !existsSync(join(modules, name)))
      symlinkSync(join(root, "node_modules", name), join(modules, name));
  const program = join(folder, "embed.mjs");
  copyFileSync(join(example, "embed.mjs"), program);
  return ["--preserve-symlinks", "--preserve-symlinks-main", program];
}
