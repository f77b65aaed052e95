/** Training: epochs over shuffled batches, measured on examples that are held back. */
import { PareError } from "../errors.js";
import type { Batches } from "../data/index.js";
import type { Model } from "../model/index.js";
import { Loop } from "./loop.js";
import type { Epoch, TrainOptions } from "./options.js";

/** A training that goes on while it is iterated; `finish` iterates what is left and returns the trained model. */
export class Training implements AsyncIterable<Epoch> {
  readonly #run: AsyncGenerator<Epoch>;
  #loop: Loop | undefined;
  #model: Model | undefined;

  /** @internal See `train`. */
  constructor(model: Model, data: Batches, options: TrainOptions) {
    this.#run = this.#start(model, data, options);
  }

  /** Those that are done, before a resumption too. */
  get epochs(): readonly Epoch[] {
    return this.#loop?.history ?? [];
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Epoch> {
    for (;;) {
      const next = await this.#run.next();
      if (next.done) return;
      yield next.value;
    }
  }

  /** The trained model. */
  async finish(): Promise<Model> {
    while (!(await this.#run.next()).done);
    return this.model;
  }

  /** The trained model; while the training goes on, and after it has failed, a model of the best weights so far. */
  get model(): Model {
    const model = this.#model ?? this.#loop?.bestModel();
    if (model) return model;
    throw new PareError("PARE_OPTION", "no epoch has ended yet; iterate the training, or await finish().");
  }

  async *#start(model: Model, data: Batches, options: TrainOptions): AsyncGenerator<Epoch> {
    const loop = (this.#loop = await Loop.create(model, data, options));
    try {
      yield* loop.run();
      this.#model = loop.write();
    } finally {
      await loop.trainer.release();
    }
  }
}

/**
 * Trains a model: `for await (const epoch of train(model, data, { … }))`, or `await train(…).finish()`. The model stays as it
 * is, unless `inPlace` is asked for; the result has its face and the trained weights.
 * @throws PareError PARE_OPTION, PARE_SHAPE or PARE_TYPE for data and options that do not fit; PARE_UNSUPPORTED for an
 * operator without a gradient; PARE_NAN where the loss is no number; the signal's reason when it aborts.
 */
export function train(model: Model, data: Batches, options: TrainOptions = {}): Training {
  return new Training(model, data, options);
}
