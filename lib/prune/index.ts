/** Pruning: weights that matter least become zero, by magnitude (Han et al. 2015, arXiv:1506.02626) or another importance. */
import { binding } from "../binding.js";
import type { Floats, NativeCall, NativeComparison } from "../binding-types.js";
import { offLoop } from "../kernels/kernel.js";
import { allocateBytes, Weight, type Model } from "../model/index.js";
import { formatCount } from "../report/format.js";
import { Report } from "../report/index.js";
import { pruneGradually, type GradualOptions, type PruningStep } from "./gradual.js";
import { countToPrune, resolveOptions, type PruneOptions, type Resolved, type Structure } from "./options.js";
import { findTargets, type Target } from "./targets.js";

export { importances, type Importance, type ImportanceName, type Scored } from "./importance.js";
export { pruneSchedules } from "./gradual.js";
export type { GradualOptions, PruningStep, RetrainOptions } from "./gradual.js";
export type { PruneOptions, Structure } from "./options.js";
export { scanSensitivity, Sensitivity } from "./sensitivity.js";
export type { LayerSensitivity, SensitivityOptions } from "./sensitivity.js";
export { prunableOps } from "./targets.js";

/** A model and what was done to it. */
export type Pruned = Model & { report: Report };

/** A tensor at work: its values as float32, and where the pruned ones go. */
interface Work {
  target: Target;
  values: Floats;
  out: Uint8Array;
  /** The new weight, which `out` is a part of, or is converted to. */
  weight: Weight;
}

/**
 * Prunes a model's weights in one shot and returns a new model with a `report` of every tensor. Biases, normalization
 * parameters, embeddings (unless opTypes includes Gather), integers and initializers that an input overrides stay as they
 * are. A weight that several nodes share is pruned once. Throws PARE_OPTION for options that do not fit.
 *
 * With `retrain` it goes step by step (see GradualOptions): each time the least important weights go, the others are trained
 * on with the zeros held, and what that came to on held-back data is in the result's `steps` and its report.
 */
export function prune(model: Model, options: PruneOptions & GradualOptions): Promise<Pruned & { steps: PruningStep[] }>;
export function prune(model: Model, options: PruneOptions): Promise<Pruned>;
export async function prune(model: Model, options: PruneOptions & Partial<GradualOptions>): Promise<Pruned> {
  const { retrain, ...rest } = options;
  if (retrain) return pruneGradually(model, pruneOnce, { ...rest, retrain });
  return pruneOnce(model, rest);
}

async function pruneOnce(model: Model, options: PruneOptions): Promise<Pruned> {
  const resolved = resolveOptions(options);
  resolved.signal?.throwIfAborted();
  const report = new Report(titleOf(resolved));
  const result = resolved.inPlace ? model : model.clone();
  const targets = findTargets(result, resolved, report).filter((target) => fits(target, resolved.structure, report));
  const pruning = new Pruning(targets, resolved);
  await pruning.run();
  await pruning.describe(report);
  // Only now: an aborted call leaves a model that is pruned in place as it was.
  pruning.apply();
  if (targets.length === 0) report.note("No weight was found to prune.");
  else
    report.note("A zero is stored like any other value: the file keeps its size, and shrinks when it is compressed.");
  return Object.assign(result, { report });
}

class Pruning {
  readonly #work: Work[];
  readonly #options: Resolved;
  #done = 0;
  readonly #total: number;

  constructor(targets: readonly Target[], options: Resolved) {
    this.#options = options;
    this.#work = [];
    this.#targets = targets;
    // Every tensor is converted, pruned and measured.
    this.#total = 3 * targets.reduce((sum, { weight }) => sum + weight.bytes.byteLength, 0);
  }
  readonly #targets: readonly Target[];

  async run(): Promise<void> {
    for (const target of this.#targets) {
      this.#progress(target, "reading");
      this.#work.push(await this.#prepare(target));
    }
    const { structure, scope } = this.#options;
    const groups = scope === "global" ? [this.#work] : this.#work.map((one) => [one]);
    for (const group of groups) {
      if (structure) await this.#pruneGroups(group[0]!, structure);
      else await this.#pruneTogether(group);
      for (const { target } of group) this.#progress(target, "pruning");
    }
  }

  async #prepare(target: Target): Promise<Work> {
    const { weight } = target;
    const bytes = allocateBytes(weight.bytes.byteLength);
    const pruned = new Weight(weight.dtype, [...weight.dims], bytes);
    if (weight.dtype === "float32") return { target, values: weight.bytes, out: bytes, weight: pruned };
    const values = allocateBytes(2 * bytes.byteLength);
    await this.#native((call) => binding.fromHalf(halfOf(weight), weight.bytes, values, call));
    return { target, values, out: allocateBytes(values.byteLength), weight: pruned };
  }

  /** The least important of all these tensors together go. */
  async #pruneTogether(group: readonly Work[]): Promise<void> {
    const elements = group.reduce((sum, { target }) => sum + target.weight.elementCount, 0);
    const where = group.length === 1 ? `"${group[0]!.target.name}"` : "the model";
    const count = countToPrune(this.#options, elements, where);
    const scores: Floats[] = [];
    for (const one of group) scores.push(await this.#score(one));
    await this.#native((call) =>
      binding.pruneMagnitude(
        group.map(({ values }) => values),
        { count, scores, mask: false },
        group.map(({ out }) => out),
        undefined,
        call,
      ),
    );
  }

  async #pruneGroups(one: Work, { n, m }: Structure): Promise<void> {
    const { values, out } = one;
    const { dims } = one.target.weight;
    const at = one.target.axis!;
    const layout = { outer: product(dims.slice(0, at)), axis: dims[at]!, inner: product(dims.slice(at + 1)) };
    const scores = await this.#score(one);
    await this.#native((call) => binding.pruneNM(scores, { n, m, ...layout, mask: false }, out, undefined, call));
    // `out` holds the scores that stay; where they are zero, the values go.
    if (scores !== values)
      await this.#native((call) =>
        binding.pruneMagnitude([values], { threshold: 0, scores: [out], mask: false }, [out], undefined, call),
      );
  }

  async #score({ target, values }: Work): Promise<Floats> {
    const { importance, seed, threads, signal } = this.#options;
    const { name, weight } = target;
    return importance.score({
      name,
      dims: weight.dims,
      values,
      index: this.#targets.indexOf(target),
      seed,
      ...(threads === undefined ? {} : { threads }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Measures every tensor and turns half floats back. */
  async describe(report: Report): Promise<void> {
    for (const { target, values, out, weight } of this.#work) {
      this.#progress(target, "measuring");
      const sums = (await this.#native((call) => binding.compare(values, out, call))) as NativeComparison;
      const [zerosBefore, zeros] = (await this.#native((call) => binding.countZeros([values, out], call))) as number[];
      if (weight.dtype !== "float32")
        await this.#native((call) => binding.toHalf(halfOf(weight), out, weight.bytes, call));
      report.add({
        name: target.name,
        op: target.op,
        dims: weight.dims,
        from: weight.dtype,
        to: weight.dtype,
        bytesBefore: weight.bytes.byteLength,
        bytesAfter: weight.bytes.byteLength,
        zerosBefore: zerosBefore!,
        zeros: zeros!,
        error: { signal: sums.sumSquareA, noise: sums.sumSquareError, maxError: sums.maxError },
      });
      if (sums.nanCount > 0)
        report.note(`"${target.name}" holds ${formatCount(sums.nanCount)} NaN, which count as the largest and stay.`);
    }
  }

  apply(): void {
    for (const { target, weight } of this.#work) target.graph.setWeight(target.name, weight);
  }

  #progress(target: Target, what: string): void {
    this.#options.signal?.throwIfAborted();
    this.#done += target.weight.bytes.byteLength;
    this.#options.onProgress?.({ done: this.#done, total: this.#total, what });
  }

  #native(start: (call: NativeCall) => unknown): Promise<unknown> {
    return offLoop(start, this.#options);
  }
}

/** Whether N:M groups can be formed in this tensor. */
function fits({ name, weight, axis }: Target, structure: Structure | undefined, report: Report): boolean {
  if (!structure) return true;
  if (axis === undefined) {
    report.skip(name, "its readers do not agree on the dimension that is summed over, or turn it");
    return false;
  }
  if (weight.dims[axis]! <= structure.n) {
    report.skip(name, `it has no more than ${structure.n} along the dimension that is summed over`);
    return false;
  }
  return true;
}

function titleOf({ sparsity, amount, structure, scope, importance, seed }: Resolved): string {
  const what =
    structure !== undefined
      ? `${structure.n}:${structure.m} along the input dimension`
      : sparsity !== undefined
        ? `sparsity ${sparsity}, ${scope}`
        : `amount ${amount!}, ${scope}`;
  return `prune: ${what}, by ${importance.name}${importance.name === "random" ? ` (seed ${seed})` : ""}`;
}

const product = (dims: readonly number[]): number => dims.reduce((all, dim) => all * dim, 1);

const halfOf = ({ dtype }: Weight): "float16" | "bfloat16" => (dtype === "float16" ? "float16" : "bfloat16");
