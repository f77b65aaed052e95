/** Runs the benches that were named, or all, and keeps each one's last tables under bench/results/. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { binding } from "../lib/binding.js";
import { BenchReport } from "./frame/report.js";

/** What every bench/NAME.ts exports. */
export interface Bench {
  /** The heading: what is measured, against whom. */
  title: string;
  run: (report: BenchReport) => Promise<void>;
}

const usage = (names: string[]): string =>
  `Usage: npm run bench -- [NAME …] [--threads 1,2] [--quick]\n\n` +
  `NAME is one of ${names.join(", ")}; default all without a folder, for accuracy takes hours. Tables go to the terminal and to bench/results/NAME.md (not with --quick).\n`;

/** `root` is the package's root; `benches` loads each bench by its name. */
export async function main(root: string, benches: Record<string, () => Promise<Bench>>): Promise<void> {
  const names = Object.keys(benches);
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      threads: { type: "string" },
      quick: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const unknown = positionals.filter((name) => !names.includes(name));
  const all = binding.information().threads;
  const threads = values.threads?.split(",").map(Number) ?? [...new Set([1, all])];
  if (values.help || unknown.length > 0 || threads.some((count) => !Number.isInteger(count) || count < 1)) {
    if (unknown.length > 0) process.stderr.write(`There is no bench ${unknown.join(", ")}.\n`);
    (values.help ? process.stdout : process.stderr).write(usage(names));
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  for (const name of positionals.length > 0 ? positionals : names.filter((one) => !one.includes("/"))) {
    const { title, run } = await benches[name]!();
    const given = values.threads === undefined ? "" : ` --threads ${values.threads}`;
    const report = new BenchReport(title, {
      threads,
      quick: values.quick,
      command: `npm run bench -- ${name}${given}`,
    });
    await run(report);
    report.progress("");
    process.stdout.write(`${report.toTerminal()}\n\n`);
    if (values.quick) continue;
    const file = join(root, "bench", "results", `${name}.md`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, report.toMarkdown());
    if (report.svg !== undefined) writeFileSync(file.replace(/md$/, "svg"), report.svg);
  }
}
