/** A model as pare runs it: the nodes that are left, what was fused, where the time goes. */
import { inspect } from "node:util";
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import type { LongCall } from "../progress.js";
import { formatBytes, formatCount, formatDims, formatDuration, formatPercent } from "../report/format.js";
import { factsTable, printable, renderTable, style, type TextOptions } from "../report/table.js";
import type { FusionOutcome } from "../rewrite/fusion/index.js";
import { describeInputs, generateInputs, type InputDescription } from "./inputs.js";
import type { Runnable } from "./onnxruntime.js";
import { nameOf } from "./runtime.js";
import type { CompileOptions, NodeStats, SessionStats } from "./plan.js";
import { compile } from "./session.js";

export interface ProfileOptions extends LongCall, CompileOptions {
  /** Values of inputs; others are made up. */
  inputs?: Record<string, Tensor>;
  /** Sizes of symbolic dimensions, by their name in the model or as "input.axis". Default: 1 for an input's first, else 64. */
  dims?: Record<string, number>;
  /** For inputs that are made up. Default 0. */
  seed?: number;
  /** Profiled runs, after one that is not. Default 20. */
  runs?: number;
}

/**
 * Compiles the model and runs it with a clock at every node. Errors: PARE_FILE and PARE_MODEL for a model that does not load,
 * PARE_UNSUPPORTED for one that does not run, PARE_OPTION and PARE_SHAPE for inputs that do not fit.
 */
export async function profile(model: Runnable, options: ProfileOptions = {}): Promise<PlanSummary> {
  const { inputs: given = {}, runs = 20, signal, onProgress, ...rest } = options;
  if (!Number.isInteger(runs) || runs < 1)
    throw new PareError("PARE_OPTION", `runs must be a whole number of at least 1; got ${runs}.`);
  const session = await compile(model, rest);
  try {
    const inputs = generateInputs(session, given, rest);
    const feeds = Object.fromEntries(inputs.map(({ name, tensor }) => [name, tensor]));
    const runOptions = signal ? { signal } : {};
    await session.run(feeds, runOptions);
    session.startProfiling();
    for (let i = 0; i < runs; i++) {
      onProgress?.({ done: i, total: runs, what: "timing" });
      await session.run(feeds, runOptions);
    }
    return new PlanSummary(nameOf(model, "the model"), describeInputs(inputs), session.stats);
  } finally {
    await session.release();
  }
}

/** What a session made of a model; prints as text, and as JSON. */
export class PlanSummary {
  constructor(
    readonly model: string,
    readonly inputs: readonly InputDescription[],
    readonly stats: SessionStats,
  ) {}

  /** The sum over all nodes, in milliseconds a run. */
  get milliseconds(): number {
    return this.stats.nodes.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  }

  /** `rows` nodes at most, the slowest; default: all that take time. */
  toString({ rows = Infinity, ...format }: TextOptions & { rows?: number } = {}): string {
    const { nodes, fusions, arenaBytes, profiledRuns } = this.stats;
    const timed = nodes.filter(({ milliseconds }) => milliseconds > 0).sort(slowestFirst);
    const declined = fusions.filter(({ reason }) => reason !== undefined);
    const facts: [string, string][] = [
      ...this.inputs.map(({ name, type, dims }): [string, string] => [
        "input",
        `${printable(name)} ${type} ${formatDims(dims)}`,
      ]),
      ["nodes", `${formatCount(nodes.length)}, of which ${formatCount(timed.length)} take time`],
      ["a run", `${formatDuration(this.milliseconds)} in nodes, on average of ${profiledRuns}`],
      ["memory", `${formatBytes(arenaBytes)} beside weights, inputs and results`],
      ["fused", countsOf(fusions.filter(({ reason }) => reason === undefined))],
    ];
    const hidden = timed.length - Math.min(rows, timed.length);
    const rest = timed.slice(timed.length - hidden).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    return [
      style(printable(this.model), "bold", format.color),
      factsTable(facts, format),
      this.#opTable(timed, format),
      this.#nodeTable(timed.slice(0, timed.length - hidden), format),
      ...(hidden === 0
        ? []
        : [
            style(
              `${formatCount(hidden)} faster nodes, ${formatDuration(rest)} together, are not shown.`,
              "dim",
              format.color,
            ),
          ]),
      ...(declined.length === 0 ? [] : [declinedTable(declined, format)]),
    ].join("\n\n");
  }

  #opTable(timed: readonly NodeStats[], format: TextOptions): string {
    const ops = new Map<string, { count: number; milliseconds: number }>();
    for (const node of timed) {
      const known = ops.get(opOf(node)) ?? { count: 0, milliseconds: 0 };
      ops.set(opOf(node), { count: known.count + 1, milliseconds: known.milliseconds + node.milliseconds });
    }
    return renderTable(
      [
        { title: "op" },
        { title: "nodes", align: "right" },
        { title: "time", align: "right" },
        { title: "share", align: "right" },
      ],
      [...ops]
        .sort(([, a], [, b]) => slowestFirst(a, b))
        .map(([op, { count, milliseconds }]) => [op, formatCount(count), ...this.#timeCells(milliseconds)]),
      format,
    );
  }

  #nodeTable(nodes: readonly NodeStats[], format: TextOptions): string {
    return renderTable(
      [
        { title: "node", shorten: "middle" },
        { title: "op" },
        { title: "time", align: "right" },
        { title: "share", align: "right" },
      ],
      nodes.map((node) => [labelOf(node), opOf(node), ...this.#timeCells(node.milliseconds)]),
      format,
    );
  }

  #timeCells(milliseconds: number): [string, string] {
    return [formatDuration(milliseconds), formatPercent(milliseconds / this.milliseconds)];
  }

  toJSON(): Record<string, unknown> {
    const { model, inputs, milliseconds, stats } = this;
    return { model, inputs, milliseconds, ...stats };
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const slowestFirst = (a: { milliseconds: number }, b: { milliseconds: number }): number =>
  b.milliseconds - a.milliseconds;
const labelOf = ({ name, outputs }: NodeStats): string => (name === "" ? (outputs[0] ?? "") : name);
const opOf = ({ domain, op }: NodeStats): string => (domain === "" ? op : `${domain}.${op}`);

/** "gelu 6, linear 36"; empty where there is none. */
function countsOf(outcomes: readonly FusionOutcome[]): string {
  const counts = new Map<string, number>();
  for (const { fusion } of outcomes) counts.set(fusion, (counts.get(fusion) ?? 0) + 1);
  return Array.from(counts, ([fusion, count]) => `${fusion} ${count}`).join(", ");
}

/** Why nodes were not fused that looked as if they could be, a row a reason. */
function declinedTable(declined: readonly FusionOutcome[], format: TextOptions): string {
  const reasons = new Map<string, { outcome: FusionOutcome; count: number }>();
  for (const outcome of declined) {
    const key = `${outcome.fusion}\n${outcome.reason!}`;
    reasons.set(key, { outcome: reasons.get(key)?.outcome ?? outcome, count: (reasons.get(key)?.count ?? 0) + 1 });
  }
  return renderTable(
    [
      { title: "not fused" },
      { title: "nodes", align: "right" },
      { title: "why", shorten: "end" },
      { title: "as in", shorten: "middle", optional: 1 },
    ],
    Array.from(reasons.values(), ({ outcome: { fusion, reason, node }, count }) => [
      fusion,
      formatCount(count),
      reason!,
      node,
    ]),
    format,
  );
}
