/** Training: epochs over shuffled batches, measured on examples that are held back. */
import { PareError } from "../errors.js";
import type { Batch } from "../data/index.js";
import type { Model } from "../model/index.js";
import { Loop, type Epoch, type TrainOptions } from "./loop.js";

/** A training that goes on while it is iterated; `finish` iterates what is left and returns the trained model. */
export class Training implements AsyncIterable<Epoch> {
  readonly epochs: Epoch[] = [];
  readonly #run: AsyncGenerator<Epoch, Model>;
  #model: Model | undefined;

  constructor(run: AsyncGenerator<Epoch, Model>) {
    this.#run = run;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Epoch> {
    for (;;) {
      const next = await this.#run.next();
      if (next.done) {
        // Of a generator that has ended before there is no value.
        if ((next.value as Model | undefined) !== undefined) this.#model = next.value;
        return;
      }
      this.epochs.push(next.value);
      yield next.value;
    }
  }

  /** The trained model. */
  async finish(): Promise<Model> {
    const rest = this[Symbol.asyncIterator]();
    while (!(await rest.next()).done);
    return this.model;
  }

  /** The trained model, once the epochs are through. */
  get model(): Model {
    if (this.#model) return this.#model;
    throw new PareError("PARE_OPTION", "the training has not ended yet; iterate it, or await finish().");
  }
}

/**
 * Trains a model: `for await (const epoch of train(model, data, { … }))`, or `await train(…).finish()`. The model stays as it
 * is, unless `inPlace` is asked for; the result has its face and the trained weights.
 * @throws PareError PARE_OPTION, PARE_SHAPE or PARE_TYPE for data and options that do not fit; PARE_UNSUPPORTED for an
 * operator without a gradient; PARE_NAN where the loss is no number; the signal's reason when it aborts.
 */
export function train(model: Model, data: Batch, options: TrainOptions = {}): Training {
  return new Training(run(model, data, options));
}

async function* run(model: Model, data: Batch, options: TrainOptions): AsyncGenerator<Epoch, Model> {
  options.signal?.throwIfAborted();
  const loop = new Loop(model, data, options);
  try {
    const weights = yield* loop.run();
    return loop.trainer.write(weights, { inPlace: options.inPlace ?? false });
  } finally {
    await loop.trainer.release();
  }
}
