/** What trains a model step by step, and measures it: two plans over one set of weights. */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { Build, Weight, type Model } from "../model/index.js";
import { fuseLayers, fuseStep } from "../rewrite/fusion/index.js";
import { InferenceSession } from "../run/session.js";
import { Augmentation } from "./augment.js";
import type { Examples } from "./examples.js";
import { addGradients } from "./gradients/index.js";
import { addHead, buildStep, keepOutputs, takeWeights, variableOf, workingCopy } from "./step.js";
import type { Head, StepGraph, StepOptions, Tensors } from "./step.js";

export interface TrainerOptions extends StepOptions {
  threads?: number;
  /** Whether a step's batch comes in parts. */
  inParts?: boolean;
  /** Whether batches are changed by `augmented` before a step, for others to see them, instead of in its graph. */
  augmentsBefore?: boolean;
}

/** Loss over examples, and the share of right answers where targets are labels. */
export interface Measure {
  loss: number;
  accuracy?: number;
}

/** Numbers of parts begin where no step's number comes to. */
const firstPart = 2 ** 44;
const mostParts = 2 ** 10;

/** Parts are numbered apart from steps: dropout and augmentation draw lots by the number. */
const numberOf = (step: number, part: number, parts: number): number =>
  part === parts - 1 ? step : firstPart + step * mostParts + part;

/** A score above every gradient's. */
const largest = 1e30;

/** Milliseconds that the event loop may wait for a step: handing a shorter one to another thread takes as long as itself. */
const shortStepMs = 2;

export class Trainer {
  /** Steps done. */
  steps = 0;
  readonly weights: Tensors;
  readonly #model: Model;
  readonly #options: TrainerOptions;
  readonly #graph: StepGraph;
  readonly #session: InferenceSession;
  /** What adds the gradients of a step's parts but the last. */
  readonly #adding: { graph: StepGraph; session: InferenceSession } | undefined;
  readonly #augmentation: Augmentation | undefined;
  readonly #share = new Tensor("float32", new Float32Array(1), []);
  readonly #rate = new Tensor("float32", new Float32Array(1), []);
  readonly #rates: Tensor;
  readonly #number = new Tensor("int64", new BigInt64Array(1), []);
  /** How long the latest step took, and how long those that the event loop waited for since it was last free. */
  #latestMs = Infinity;
  #waitedMs = 0;
  #evaluation: { session: InferenceSession; loss: string; correct: string | undefined } | undefined;

  constructor(model: Model, { augmentsBefore, ...options }: TrainerOptions) {
    this.#model = model;
    if (augmentsBefore && options.augment) {
      this.#augmentation = new Augmentation(model, options.augment, options.seed, options);
      delete options.augment;
    }
    this.#options = options;
    this.weights = takeWeights(model);
    const compile = ({ model: graph, variables, updates }: StepGraph): InferenceSession =>
      new InferenceSession(graph, this.#threads, { variables: [...variables.keys()], updates });
    this.#graph = buildStep(model, this.weights, options.inParts ? { ...options, accumulate: "update" } : options);
    this.#session = compile(this.#graph);
    if (options.inParts) {
      const shared = this.#graph.variables;
      const graph = buildStep(model, this.weights, { ...options, accumulate: "add", shared });
      this.#adding = { graph, session: compile(graph) };
    }
    const { length } = this.#graph.parameters;
    this.#rates = new Tensor("float32", new Float32Array(length).fill(1), [length]);
  }

  get #threads(): { threads?: number } {
    return this.#options.threads === undefined ? {} : { threads: this.#options.threads };
  }

  /** Name of the input that the targets go to. */
  get target(): string {
    return this.#graph.target;
  }
  /** Trained parameters by name. */
  get parameters(): readonly string[] {
    return this.#graph.parameters.map(({ name }) => name);
  }
  /** The masks of parameters that have one; what is written there holds from the next step on. */
  get masks(): ReadonlyMap<string, Float32Array> {
    return this.#graph.masks;
  }

  /** Sets each parameter's factor of the learning rate, for steps to come; takes `hasRates`. */
  setRates(rateOf: (name: string) => number): void {
    for (const [i, name] of this.parameters.entries()) {
      const rate = rateOf(name);
      if (!(rate >= 0 && Number.isFinite(rate)))
        throw new PareError("PARE_OPTION", `rateOf must give factors of at least 0; "${name}" has ${rate}.`);
      this.#rates.data[i] = rate;
    }
  }

  /** All that changes from step to step, by names of its own; what is written there holds from the next step on. */
  get state(): Tensors {
    return this.#graph.variables;
  }

  /** A part of the next step's batch, changed as its graph would, where that is done before it. */
  async augmented(part: Record<string, Tensor>, index: number, parts: number): Promise<Record<string, Tensor>> {
    return this.#augmentation ? this.#augmentation.to(part, numberOf(this.steps + 1, index, parts)) : part;
  }

  /** One step on a batch, or on the parts of one; returns its loss. @throws PareError PARE_NAN where that is no number. */
  async step(batch: Record<string, Tensor> | readonly Record<string, Tensor>[], rate: number): Promise<number> {
    this.steps++;
    this.#rate.data[0] = rate;
    const parts = "length" in batch ? (batch as readonly Record<string, Tensor>[]) : [batch];
    const counts = parts.map((part) => part[this.target]!.dims[0]!);
    const all = counts.reduce((sum, count) => sum + count, 0);
    let sum = 0;
    for (const [i, part] of parts.entries()) {
      const adding = i < parts.length - 1 ? this.#adding : undefined;
      const number = numberOf(this.steps, i, parts.length);
      const value = await this.#run(adding?.session ?? this.#session, adding?.graph ?? this.#graph, part, {
        number,
        share: counts[i]! / all,
      });
      sum += (value * counts[i]!) / all;
    }
    return sum;
  }

  async #run(
    session: InferenceSession,
    graph: StepGraph,
    part: Record<string, Tensor>,
    { number, share }: { number: number; share: number },
  ): Promise<number> {
    this.#number.data[0] = BigInt(number);
    this.#share.data[0] = share;
    const { loss } = graph;
    const given = (name: string | undefined, tensor: Tensor): Record<string, Tensor> =>
      name === undefined ? {} : { [name]: tensor };
    const feeds = {
      ...part,
      ...graph.augment?.(part, number),
      ...given(graph.share, this.#share),
      ...given(graph.rates, this.#rates),
      [graph.rate]: this.#rate,
      [graph.step]: this.#number,
    };
    const results = await this.#runShort(session, feeds);
    const value = results[loss]!.data[0] as number;
    if (Number.isFinite(value)) return value;
    const culprit = await this.#firstNotFinite(feeds);
    const rate = this.#rate.data[0]!;
    throw new PareError(
      "PARE_NAN",
      `the loss of step ${this.steps} is ${value}${culprit}: training has diverged. A smaller lr (now ${Number(rate.toPrecision(6))}) or clipNorm may help; the training's model has the best weights so far.`,
    );
  }

  /** Runs on the event loop what is short, which comes to the same; others have their turn at least every few milliseconds. */
  async #runShort(session: InferenceSession, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const begin = performance.now();
    const isShort = this.#latestMs < shortStepMs;
    const results = isShort ? session.runSync(feeds) : await session.run(feeds);
    this.#latestMs = performance.now() - begin;
    this.#waitedMs = isShort ? this.#waitedMs + this.#latestMs : 0;
    if (this.#waitedMs >= shortStepMs) {
      this.#waitedMs = 0;
      await setImmediate();
    }
    return results;
  }

  /** In words: what first gave no number. The weights are those before the step, which such a loss leaves alone. */
  async #firstNotFinite(feeds: Record<string, Tensor>): Promise<string> {
    const isFinite = (data: Float32Array): boolean => data.every((value) => Number.isFinite(value));
    for (const [name, { data }] of this.weights) if (!isFinite(data)) return `, for "${name}" is not finite any more`;
    for (const [name, { type, data }] of Object.entries(feeds))
      if (type === "float32" && !isFinite(data as Float32Array)) return `, for "${name}" is not finite`;
    const model = this.#graph.model.clone();
    const { graph } = model;
    const shapes = model.inferShapes();
    const made = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => shapes.get(name)?.dtype === "float32");
    graph.proto.output = [];
    for (const name of made) graph.addOutput(name, "float32", shapes.get(name)!.dims ?? []);
    const session = new InferenceSession(model, this.#threads, { variables: [...this.#graph.variables.keys()] });
    const results = await session.run(feeds);
    await session.release();
    const first = made.find((name) => !isFinite(results[name]!.data as Float32Array));
    const node = first === undefined ? undefined : graph.producer(first);
    return node ? `, from ${node.label} on` : "";
  }

  /** Loss and accuracy over examples, as the model answers outside of training. */
  async measure(examples: Examples, batchSize: number, order?: ArrayLike<number>): Promise<Measure> {
    const { session, loss, correct } = (this.#evaluation ??= this.#buildEvaluation());
    const all = order ?? Uint32Array.from({ length: examples.count }, (_, i) => i);
    let [sum, right] = [0, 0];
    for (let start = 0; start < all.length; start += batchSize) {
      const part = Array.prototype.slice.call(all, start, start + batchSize) as number[];
      const results = await session.run(examples.take(part));
      sum += (results[loss]!.data[0] as number) * part.length;
      if (correct !== undefined) right += results[correct]!.data[0] as number;
    }
    const measure: Measure = { loss: sum / all.length };
    if (correct !== undefined) measure.accuracy = right / all.length;
    return measure;
  }

  /** Copies of the weights as they are. */
  snapshot(): Map<string, Float32Array> {
    return new Map([...this.weights].map(([name, { data }]) => [name, data.slice()]));
  }
  restore(snapshot: ReadonlyMap<string, Float32Array>): void {
    for (const [name, data] of snapshot) this.weights.get(name)?.data.set(data);
  }

  /** The weights, or those of a snapshot, in a copy of the model, or in the model itself. */
  write(snapshot?: ReadonlyMap<string, Float32Array>, { inPlace = false }: { inPlace?: boolean } = {}): Model {
    const result = inPlace ? this.#model : this.#model.clone();
    for (const [name, { dims, data }] of this.weights)
      result.graph.setWeight(name, Weight.of("float32", dims, (snapshot?.get(name) ?? data).slice()));
    return result;
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#adding?.session.release();
    await this.#augmentation?.release();
    await this.#evaluation?.session.release();
  }

  /**
   * For each trained matrix and kernel, from the gradient g of the loss on each of some batches, outside of training: how much
   * the loss would change without a weight, Σ(w·g)² (Molchanov et al. 2019); or how much a weight that is zero would move, Σ|g|,
   * where others have the largest score.
   */
  async scores(
    batches: AsyncIterable<Record<string, Tensor>>,
    kind: "change" | "growth",
  ): Promise<Map<string, Float32Array>> {
    const { model, build, loss, variables } = this.#withLoss();
    const { graph } = model;
    const scored = this.#graph.parameters.filter(({ dims }) => dims.length > 1);
    const gradients = addGradients(
      graph,
      loss,
      scored.map(({ name }) => name),
    );
    const places = scored.map(({ name, dims }) => {
      const [weight, gradient] = [variableOf(graph, name), gradients.get(name)!];
      const before = build.name("score");
      graph.addInput(before, "float32", dims);
      const change = build.op("Mul", weight, gradient);
      const sum = build.op(
        "Add",
        before,
        kind === "change" ? build.op("Mul", change, change) : build.op("Abs", gradient),
      );
      if (kind === "change") return { name, dims, before, after: sum };
      const isZero = build.op("Equal", weight, build.number(0));
      return { name, dims, before, after: build.op("Where", isZero, sum, build.number(largest)) };
    });
    keepOutputs(
      graph,
      places.map(({ after }) => after),
    );
    const session = new InferenceSession(model, this.#threads, { variables });
    const zeros = (dims: readonly number[]): Tensor =>
      new Tensor("float32", new Float32Array(dims.reduce((product, dim) => product * dim, 1)), dims);
    let sums = Object.fromEntries(places.map(({ before, dims }) => [before, zeros(dims)]));
    for await (const batch of batches) {
      const results = await session.run({ ...batch, ...sums });
      sums = Object.fromEntries(places.map(({ before, after }) => [before, results[after]!]));
    }
    await session.release();
    return new Map(places.map(({ name, before }) => [name, sums[before]!.data as Float32Array]));
  }

  #buildEvaluation(): { session: InferenceSession; loss: string; correct: string | undefined } {
    const { model, build, head, loss, variables } = this.#withLoss();
    let correct: string | undefined;
    if (this.#options.loss.target === "labels" && head.dims.length === 2) {
      const best = build.op("ArgMax", head.output, { axis: 1, keepdims: 0 });
      const hits = build.cast(build.op("Equal", best, this.target), "float32");
      correct = build.op("ReduceSum", hits, { keepdims: 0 });
    }
    keepOutputs(model.graph, correct === undefined ? [loss] : [loss, correct]);
    fuseLayers(model);
    fuseStep(model, new Set(variables));
    return { session: new InferenceSession(model, this.#threads, { variables }), loss, correct };
  }

  /** The model as it answers outside of training, with its loss, over the shared weights. */
  #withLoss(): { model: Model; build: Build; head: Head; loss: string; variables: string[] } {
    const model = workingCopy(this.#model, this.weights);
    const { graph } = model;
    const { loss: kind, output } = this.#options;
    // Both graphs take the same feeds: the targets' input has one name.
    const head = addHead(model, kind, output);
    if (head.target !== this.target) graph.rename(head.target, this.target);
    const build = new Build(graph, "loss/");
    const loss = kind.build({ build, output: head.output, target: this.target, dims: head.dims });
    const variables = [...this.weights.keys()]
      .map((name) => variableOf(graph, name))
      .filter((name) => graph.weight(name) !== undefined);
    return { model, build, head, loss, variables };
  }
}
