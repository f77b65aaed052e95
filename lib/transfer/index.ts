/** Transfer: a model that was trained for one task goes on with another: frozen parts, a new head, rates by depth. */
import type { Batches } from "../data/index.js";
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import type { Layer } from "../model/layers.js";
import { findParameters } from "../train/parameters.js";
import { Loop } from "../train/loop.js";
import type { Epoch, TrainOptions } from "../train/options.js";
import { featuresOf } from "./features.js";
import { replaceHead } from "./head.js";

export interface FinetuneOptions extends TrainOptions {
  /** Parameters that stay as they are: their names, or patterns of them. */
  freeze?: RegExp | string | readonly (RegExp | string)[];
  /**
   * Only the head is trained: linear probing. The rest runs once over the examples, as it does outside of training; where
   * `augment` changes them, at each step.
   */
  probe?: boolean;
  /** Layers that take the place of the last one with weights, and of what comes after it: dense(5) for five classes. */
  head?: Layer | readonly Layer[];
  /** Name of the value that the head takes instead; its dimensions behind the batch must be known. */
  feature?: string;
  /**
   * Gradual unfreezing: only the last layer learns at first, and after every so many epochs the one before it joins (Howard &
   * Ruder 2018). Default: all learn from the beginning.
   */
  unfreezeEvery?: number;
  /** Discriminative rates: each layer learns at the rate of the one behind it times this. Default 1. */
  layerDecay?: number;
}

export type Finetuned = Model & { epochs: Epoch[] };

/** Trains a model further, on other data or for other classes; returns a new model. See `train` for what it throws. */
export async function finetune(
  source: Model,
  data: Batches,
  { freeze, probe = false, head, feature, unfreezeEvery, layerDecay, ...options }: FinetuneOptions = {},
): Promise<Finetuned> {
  if (head !== undefined && options.inPlace)
    throw new PareError("PARE_OPTION", "a new head makes a new model; it cannot be put in place.");
  if (head === undefined && (probe || feature !== undefined))
    throw new PareError(
      "PARE_OPTION",
      `${probe ? "probe trains the head alone" : "a head takes the feature"}; give a head.`,
    );
  const headed = head === undefined ? undefined : replaceHead(source, [head].flat(), { feature, seed: options.seed });
  const model = headed?.model ?? source;
  const frozen = freeze === undefined ? [] : [freeze].flat();
  const parameters = {
    ...options.parameters,
    ...(probe && headed ? { include: headed.added } : {}),
    exclude: [...(options.parameters?.exclude ?? []), ...frozen],
  };
  const rates = ratesByDepth(model, { unfreezeEvery, layerDecay, rateOf: options.rateOf });
  const settings = { unfreezeEvery, layerDecay };
  const all = { ...options, ...rates, parameters };
  if (!probe || !headed || options.augment) return (await Loop.create(model, data, all, { settings })).finish();
  const { validation } = options;
  const held =
    validation === undefined || typeof validation === "number"
      ? validation
      : await featuresOf(headed, validation, options);
  const features = await featuresOf(headed, data, options);
  const probing = { ...all, ...(held === undefined ? {} : { validation: held }) };
  const { graph, epochs } = await (await Loop.create(headed.head, features, probing, { settings })).finish();
  for (const [name, weight] of graph.weights()) model.graph.setWeight(name, weight);
  return Object.assign(model, { epochs });
}

interface Rates {
  unfreezeEvery: number | undefined;
  layerDecay: number | undefined;
  rateOf: TrainOptions["rateOf"] | undefined;
}

/** Factors of the learning rate that follow from how far from the output a parameter's layer is. */
function ratesByDepth(model: Model, { unfreezeEvery, layerDecay = 1, rateOf }: Rates): Pick<TrainOptions, "rateOf"> {
  if (!(layerDecay > 0 && layerDecay <= 1))
    throw new PareError("PARE_OPTION", `layerDecay must be above 0 and at most 1; got ${layerDecay}.`);
  if (unfreezeEvery !== undefined && !(Number.isInteger(unfreezeEvery) && unfreezeEvery > 0))
    throw new PareError("PARE_OPTION", `unfreezeEvery must be a whole number of epochs; got ${unfreezeEvery}.`);
  if (unfreezeEvery === undefined && layerDecay === 1) return rateOf ? { rateOf } : {};
  const depths = depthsOf(model);
  return {
    rateOf: (name, epoch) => {
      const depth = depths.get(name) ?? 0;
      const isFrozen = unfreezeEvery !== undefined && epoch <= depth * unfreezeEvery;
      return isFrozen ? 0 : layerDecay ** depth * (rateOf?.(name, epoch) ?? 1);
    },
  };
}
/** Layers from the output backwards by their parameters: 0 for the last. A matrix or a kernel begins one; what follows belongs to it. */
function depthsOf({ graph }: Model): Map<string, number> {
  const layers: string[][] = [[]];
  for (const { name, dims } of findParameters(graph)) {
    if (dims.length > 1 && layers.at(-1)!.some((other) => graph.weight(other)!.dims.length > 1)) layers.push([]);
    layers.at(-1)!.push(name);
  }
  return new Map(layers.flatMap((names, i) => names.map((name) => [name, layers.length - 1 - i] as const)));
}
