/** The loop of a training, an epoch at a time: what training, retraining after pruning, distilling and fine-tuning share. */
import { createHash } from "node:crypto";
import type { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { joinBatches, type Batch, type Batches } from "../data/index.js";
import type { Model } from "../model/index.js";
import { readCheckpoint, writeCheckpoint, type Settings } from "./checkpoint.js";
import { Examples, permutation } from "./examples.js";
import { lossOf, type Loss } from "./losses.js";
import { adam, type Optimizer } from "./optimizers.js";
import { checked, type Checked, type Epoch, type TrainOptions } from "./options.js";
import { constant, type Schedule } from "./schedules.js";
import { Trainer, type Measure } from "./trainer.js";

/** What techniques add to a training. */
export interface LoopExtras {
  /** Parameters that have a mask. */
  masked?: ReadonlySet<string>;
  /** What inputs that the loss has added are fed with a batch: tensors whose first dimension counts the examples. */
  answers?: {
    to: (feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>;
    /** Whether they are computed once for each example that is trained on, unless that is augmented, instead of at each step. */
    cache: boolean;
  };
  /** Epochs of the whole training, where they are not those of the options. */
  epochs?: number;
  /** What else a training that goes on must have been asked for, by name. */
  settings?: Readonly<Record<string, unknown>>;
}

/** Batches that weights are scored on, drawn anew for every step of pruning, and their size. */
const scored = { batches: 64, size: 16 };

/** Within an epoch a checkpoint is as old as this at most. */
const checkpointMs = 60_000;

export class Loop {
  /** Epochs of the whole training, and those that are done. */
  readonly epochs: number;
  readonly history: Epoch[] = [];
  readonly trainer: Trainer;
  /** The weights that the result has, if not the present ones; what a technique remembers: both are in the checkpoint. */
  kept: ReadonlyMap<string, Float32Array> | undefined;
  memo: unknown;
  readonly #options: TrainOptions;
  readonly #batchSize: number;
  readonly #seed: number;
  readonly #optimizer: Optimizer;
  readonly #schedule: Schedule;
  #training: Examples;
  readonly #trainingOrder: Uint32Array;
  #heldBack: Examples;
  readonly #heldBackOrder: Uint32Array;
  readonly #settings: Settings;
  /** More feeds for a batch, where they are not kept beside the examples. */
  #extend: ((feeds: Record<string, Tensor>) => Promise<Record<string, Tensor>>) | undefined;
  /** Examples of the present epoch that were trained on, and the sum of their losses. */
  #at = 0;
  #sum = 0;
  #savedAt = performance.now();

  /** Streams are read to their end first: an epoch has its own order. */
  static async create(model: Model, data: Batches, options: TrainOptions, extras: LoopExtras = {}): Promise<Loop> {
    options.signal?.throwIfAborted();
    const settings = checked(options);
    const { validation } = settings;
    const heldBack = typeof validation === "number" ? validation : await joinBatches(validation, options);
    const all = await joinBatches(data, options);
    const loop = new Loop(model, all, options, { ...settings, validation: heldBack }, extras);
    if (extras.answers) await loop.#answer(extras.answers);
    if (options.resume) await loop.#resume();
    return loop;
  }

  private constructor(
    model: Model,
    data: Batch,
    options: TrainOptions,
    { epochs, batchSize, seed, validation }: Checked & { validation: number | Batch },
    extras: LoopExtras,
  ) {
    const loss = lossOf(options.loss ?? "crossEntropy");
    this.epochs = extras.epochs ?? epochs;
    this.#options = options;
    this.#batchSize = batchSize;
    this.#seed = seed;
    this.#optimizer = options.optimizer ?? adam();
    this.#schedule = options.schedule ?? constant();
    this.trainer = new Trainer(model, {
      loss,
      optimizer: this.#optimizer,
      seed,
      regularize: (options.regularize ?? []).flatMap((one) => one),
      ...pick(options, "parameters", "clipNorm", "maxNorm", "augment", "output", "threads"),
      hasRates: options.rateOf !== undefined,
      inParts: (options.accumulate ?? 1) > 1,
      ...pick(extras, "masked"),
      augmentsBefore: extras.answers !== undefined,
    });
    const parts = split(model, data, validation, { trainer: this.trainer, loss, seed, options });
    this.#training = parts.training;
    this.#trainingOrder = parts.trainingOrder;
    this.#heldBack = parts.heldBack;
    this.#heldBackOrder = parts.heldBackOrder;
    if (options.resume && options.checkpoint === undefined)
      throw new PareError("PARE_OPTION", "resume goes on from a checkpoint; name its file.");
    this.#settings = options.checkpoint === undefined ? {} : this.#describe(model, loss, extras);
  }

  /** Trains one epoch, or what is left of it, and measures. */
  async epoch(): Promise<Epoch> {
    const { signal, onProgress, shuffle = true } = this.#options;
    const own = this.#trainingOrder;
    const number = this.history.length + 1;
    const order = shuffle ? permutation(own.length, this.#seed, 2 ** 20 + number) : undefined;
    const total = Math.ceil(own.length / this.#batchSize) * this.epochs;
    const { rateOf } = this.#options;
    if (rateOf) this.trainer.setRates((name) => rateOf(name, number));
    while (this.#at < own.length) {
      if (signal?.aborted || performance.now() - this.#savedAt > checkpointMs) await this.save();
      signal?.throwIfAborted();
      const numbers = own.slice(this.#at, this.#at + this.#batchSize);
      if (order) for (let i = 0; i < numbers.length; i++) numbers[i] = own[order[this.#at + i]!]!;
      const rate = this.#optimizer.lr * this.#schedule(this.trainer.steps, total);
      const parts: Record<string, Tensor>[] = [];
      const size = Math.ceil(numbers.length / (this.#options.accumulate ?? 1));
      for (let start = 0; start < numbers.length; start += size) {
        const taken = this.#training.take(numbers.subarray(start, start + size));
        const part = await this.trainer.augmented(taken, parts.length, Math.ceil(numbers.length / size));
        parts.push({ ...part, ...(await this.#extend?.(part)) });
      }
      this.#sum += (await this.trainer.step(parts, rate)) * numbers.length;
      this.#at += numbers.length;
      const loss = (this.#sum / this.#at).toPrecision(3);
      onProgress?.({ done: this.trainer.steps, total, what: `epoch ${number} of ${this.epochs}, loss ${loss}` });
    }
    const { loss: validationLoss, accuracy } = await this.measure();
    const trainLoss = this.#sum / own.length;
    const epoch: Epoch = {
      epoch: number,
      steps: this.trainer.steps,
      trainLoss,
      validationLoss,
      generalizationGap: validationLoss - trainLoss,
      ...(accuracy === undefined ? {} : { accuracy }),
      isBest: validationLoss < (this.history.filter(({ isBest }) => isBest).at(-1)?.validationLoss ?? Infinity),
    };
    this.history.push(epoch);
    this.#at = 0;
    this.#sum = 0;
    return epoch;
  }

  /** Trains all epochs that are left, or fewer where `patience` says so. */
  async *run(): AsyncGenerator<Epoch> {
    const { patience = Infinity } = this.#options;
    const sinceBest = (): number =>
      this.history.length - 1 - this.history.map(({ isBest }) => isBest).lastIndexOf(true);
    while (this.history.length < this.epochs && sinceBest() < patience) {
      const epoch = await this.epoch();
      if (epoch.isBest) this.kept = this.trainer.snapshot();
      await this.save();
      yield epoch;
    }
  }

  /** The same to the end, and the trained model with its epochs; gives the memory back. */
  async finish(): Promise<Model & { epochs: Epoch[] }> {
    try {
      const run = this.run();
      while (!(await run.next()).done);
      return Object.assign(this.write(), { epochs: this.history });
    } finally {
      await this.trainer.release();
    }
  }

  /** Scores of weights on some of what is trained on; see Trainer. */
  scores(kind: "change" | "growth"): Promise<Map<string, Float32Array>> {
    const own = this.#trainingOrder;
    const order = permutation(own.length, this.#seed, 2 ** 22 + this.history.length).map((at) => own[at]!);
    const [examples, extend] = [this.#training, this.#extend];
    return this.trainer.scores(
      (async function* () {
        for (let start = 0; start < Math.min(order.length, scored.batches * scored.size); start += scored.size) {
          const batch = examples.take(order.subarray(start, start + scored.size));
          yield { ...batch, ...(await extend?.(batch)) };
        }
      })(),
      kind,
    );
  }

  /** What the options ask for: the best weights or the last ones, in a new model or in place. */
  write(): Model {
    const { best = true, inPlace = false } = this.#options;
    return this.trainer.write(best ? this.kept : undefined, { inPlace });
  }

  /** A model of the best weights so far; undefined before the first epoch has ended. */
  bestModel(): Model | undefined {
    return this.kept && this.trainer.write(this.kept);
  }

  /** Writes the checkpoint, where the options name one. */
  async save(): Promise<void> {
    const { checkpoint } = this.#options;
    if (checkpoint === undefined) return;
    const standing = {
      steps: this.trainer.steps,
      history: this.history,
      at: this.#at,
      sum: this.#sum,
      memo: this.memo,
    };
    await writeCheckpoint(checkpoint, { standing, state: this.trainer.state, kept: this.kept }, this.#settings);
    this.#savedAt = performance.now();
  }

  /** Answers to what is held back never change; those to what is trained on are kept where that is asked for. */
  async #answer({ to, cache }: NonNullable<LoopExtras["answers"]>): Promise<void> {
    this.#heldBack = await this.#heldBack.with(to, this.#heldBackOrder, this.#options);
    if (cache && !this.#options.augment)
      this.#training = await this.#training.with(to, this.#trainingOrder, this.#options);
    else this.#extend = to;
  }

  async #resume(): Promise<void> {
    const found = await readCheckpoint(this.#options.checkpoint!, this.#settings);
    if (!found) return;
    const { standing, state, kept } = found;
    this.trainer.steps = standing.steps;
    for (const [name, { data }] of this.trainer.state) data.set(state.get(name)!);
    this.history.push(...standing.history);
    this.#at = standing.at;
    this.#sum = standing.sum;
    this.memo = standing.memo;
    this.kept = kept;
  }

  /** What a training must be asked for again when it goes on; the number of epochs may be another one. */
  #describe(model: Model, loss: Loss, { settings = {} }: LoopExtras): Settings {
    const {
      regularize = [],
      shuffle = true,
      accumulate = 1,
      clipNorm,
      maxNorm,
      augment,
      output,
      parameters,
    } = this.#options;
    const digest = createHash("sha256");
    this.#training.hash(digest);
    if (this.#heldBack !== this.#training) this.#heldBack.hash(digest);
    const all: Record<string, unknown> = {
      model: createHash("sha256").update(model.toBytes()).digest("hex"),
      data: digest.digest("hex"),
      "held-back share": this.#heldBackOrder.length,
      batchSize: this.#batchSize,
      seed: this.#seed,
      optimizer: this.#optimizer,
      loss: loss.name,
      ...{ regularize, shuffle, accumulate, clipNorm, maxNorm, augment, output, parameters, ...settings },
    };
    const plain = (_: string, value: unknown): unknown =>
      Object.prototype.toString.call(value) === "[object RegExp]" ? String(value) : value;
    const text = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value, plain));
    return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, text(value)]));
  }

  /** Loss and accuracy on what is held back, now. */
  measure(): Promise<Measure> {
    return this.trainer.measure(this.#heldBack, Math.max(this.#batchSize, 256), this.#heldBackOrder);
  }
}

/** Training and held-back examples: of two sets of data, or of one that is split by lot. */
function split(
  model: Model,
  data: Batch,
  validation: number | Batch,
  { trainer, loss, seed, options }: { trainer: Trainer; loss: Loss; seed: number; options: TrainOptions },
): { training: Examples; trainingOrder: Uint32Array; heldBack: Examples; heldBackOrder: Uint32Array } {
  const output = options.output ?? model.graph.outputs[0]!.name;
  const dims = model.inferShapes().get(output)?.dims ?? [];
  const sizes = dims.slice(1);
  const target = {
    name: trainer.target,
    kind: loss.target,
    ...(typeof dims[1] === "number" ? { classes: dims[1] } : {}),
    ...(sizes.every((size) => typeof size === "number") ? { dims: sizes } : {}),
  };
  const training = Examples.of(data, model, target);
  const all = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, i) => i);
  if (typeof validation !== "number") {
    const heldBack = Examples.of(validation, model, target);
    return { training, trainingOrder: all(training.count), heldBack, heldBackOrder: all(heldBack.count) };
  }
  const held = Math.max(1, Math.round(training.count * validation));
  if (held >= training.count)
    throw new PareError(
      "PARE_OPTION",
      `of ${training.count} examples ${held} would be held back, and none left to train on.`,
    );
  const order = permutation(training.count, seed, 2 ** 20);
  return { training, trainingOrder: order.slice(held), heldBack: training, heldBackOrder: order.slice(0, held) };
}

function pick<Value, Key extends keyof Value>(from: Value, ...keys: Key[]): Pick<Value, Key> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Pick<
    Value,
    Key
  >;
}
