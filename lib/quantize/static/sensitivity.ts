/** Which operators must stay float for the answers to stay near: each is quantized alone and the outputs are compared. */
import { PareError } from "../../errors.js";
import type { Model } from "../../model/index.js";
import { Report } from "../../report/index.js";
import { nameOf } from "../../rewrite/names.js";
import type { Resolved } from "../options.js";
import { WeightWork } from "../work.js";
import type { Reference } from "./accuracy.js";
import { declines } from "./plan.js";

/** Operators that are tried one by one; of the others, all of a type together. */
const singles = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/** Nodes that are quantized or left float together, and the noise that they alone bring, as a share of the signal. */
interface Candidate {
  nodes: readonly string[];
  noise: number;
}

/** What stays float, by node, and the signal-to-noise ratio that its integers alone would leave. */
export type Fragile = Map<string, number>;

/** Quantizes a copy of the model's nodes that a filter takes. */
export type Write = (options: Resolved, work: WeightWork, report: Report) => Model;

/**
 * The fewest nodes, the most harmful first, without which the outputs reach `minimumSnrDb`.
 * @throws PareError PARE_OPTION where nothing that is left to quantize reaches it.
 */
export async function findFragile(
  model: Model,
  options: Resolved,
  minimumSnrDb: number,
  reference: Reference,
  write: Write,
): Promise<Fragile> {
  const { smallest, largest, threads, signal } = options;
  const measure = async (nodes: (name: string) => boolean): Promise<number> => {
    const report = new Report("");
    const work = new WeightWork(report, {
      smallest,
      largest,
      ...(threads === undefined ? {} : { threads }),
      ...(signal && { signal }),
    });
    const names = model.graph.nodes.map(nameOf).filter(nodes);
    const made = write({ ...options, nodes: { include: names } }, work, report);
    made.graph.removeUnused();
    await work.run();
    return reference.outputsSnrDb(made);
  };
  const allowed = model.graph.nodes.filter((node) => declines(node, options) === undefined);
  const all = new Set(allowed.map(nameOf));
  if ((await measure((name) => all.has(name))) >= minimumSnrDb) return new Map();
  const groups = new Map<string, string[]>();
  for (const node of allowed) {
    const key = singles.has(node.opType) ? `node ${nameOf(node)}` : node.opType;
    groups.set(key, [...(groups.get(key) ?? []), nameOf(node)]);
  }
  const candidates: Candidate[] = [];
  for (const nodes of groups.values()) {
    signal?.throwIfAborted();
    options.onProgress?.({ done: candidates.length, total: groups.size, what: "finding what must stay float" });
    const alone = new Set(nodes);
    const noise = 10 ** (-(await measure((name) => alone.has(name))) / 10);
    // What only moves values does no harm, and nothing without the others.
    if (noise > 0) candidates.push({ nodes, noise });
  }
  candidates.sort((a, b) => b.noise - a.noise);
  const target = 10 ** (-minimumSnrDb / 10);
  // Noise adds up, roughly: begin with as many as that says, then go on until it is true.
  let rest = candidates.reduce((sum, { noise }) => sum + noise, 0);
  let count = 0;
  for (; count < candidates.length && rest > target; count++) rest -= candidates[count]!.noise;
  for (; count < candidates.length; count += Math.max(1, Math.ceil(count / 8))) {
    const left = new Set(candidates.slice(0, count).flatMap(({ nodes }) => nodes));
    if ((await measure((name) => all.has(name) && !left.has(name))) >= minimumSnrDb)
      return fragileOf(candidates.slice(0, count));
  }
  throw new PareError(
    "PARE_OPTION",
    `minimumSnrDb ${minimumSnrDb} is out of reach: even the least harmful operator alone leaves ${(-10 * Math.log10(candidates.at(-1)?.noise ?? 1)).toFixed(1)} dB.`,
  );
}

function fragileOf(candidates: readonly Candidate[]): Fragile {
  return new Map(
    candidates.flatMap(({ nodes, noise }) => nodes.map((name): [string, number] => [name, -10 * Math.log10(noise)])),
  );
}
