/** The example of transformers.js as a process: what it makes of sentences, and what a timer did meanwhile. */
import { spawnSync } from "node:child_process";

/** What examples/transformersjs/embed.mjs prints. */
export interface Embedding {
  dims: number[];
  vectors: number[][];
  runMs: number;
  ticks: number;
  longestGapMs: number;
}

/** @param program arguments of Node, the example's file the last of them; `model` is a folder */
export function embed(
  program: readonly string[],
  { model, sentences, cwd }: { model: string; sentences: readonly string[]; cwd: string },
): Embedding {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...program, model, ...sentences], {
    encoding: "utf8",
    cwd,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Embedding;
}
