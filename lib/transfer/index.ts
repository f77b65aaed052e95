/** Transfer: a model that was trained for one task goes on with another: frozen parts, a new head, rates by depth. */
import type { Batches } from "../data/index.js";
import { PareError } from "../errors.js";
import { Build, type Model, type Node } from "../model/index.js";
import { sequential, type Layer } from "../model/layers.js";
import { findParameters } from "../train/parameters.js";
import { Loop } from "../train/loop.js";
import type { Epoch, TrainOptions } from "../train/options.js";

export interface FinetuneOptions extends TrainOptions {
  /** Parameters that stay as they are: their names, or patterns of them. */
  freeze?: RegExp | string | readonly (RegExp | string)[];
  /** Only the head is trained: linear probing. */
  probe?: boolean;
  /** Layers that take the place of the last one with weights, and of what comes after it: dense(5) for five classes. */
  head?: Layer | readonly Layer[];
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
  { freeze, probe = false, head, unfreezeEvery, layerDecay, ...options }: FinetuneOptions = {},
): Promise<Finetuned> {
  if (head !== undefined && options.inPlace)
    throw new PareError("PARE_OPTION", "a new head makes a new model; it cannot be put in place.");
  const { model, added } =
    head === undefined ? { model: source, added: [] } : replaceHead(source, [head].flat(), options.seed);
  if (probe && head === undefined) throw new PareError("PARE_OPTION", "probe trains the head alone; give a head.");
  const frozen = freeze === undefined ? [] : [freeze].flat();
  const parameters = {
    ...options.parameters,
    ...(probe ? { include: added } : {}),
    exclude: [...(options.parameters?.exclude ?? []), ...frozen],
  };
  const rates = ratesByDepth(model, { unfreezeEvery, layerDecay, rateOf: options.rateOf });
  const settings = { unfreezeEvery, layerDecay };
  return (await Loop.create(model, data, { ...options, ...rates, parameters }, { settings })).finish();
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

const withWeights = new Set(["Gemm", "MatMul", "Conv"]);

/** A copy whose last layer with weights has made room for others. */
function replaceHead(source: Model, layers: readonly Layer[], seed = 0): { model: Model; added: string[] } {
  const model = source.clone();
  const { graph } = model;
  const [output] = graph.outputs;
  if (graph.outputs.length !== 1 || !output)
    throw new PareError("PARE_UNSUPPORTED", "a head can be replaced in models of one output.");
  const last = lastWithWeights(
    graph.producer(output.name),
    (name) => graph.producer(name),
    (name) => graph.weight(name) !== undefined,
  );
  if (!last) throw new PareError("PARE_OPTION", "there is no Gemm, MatMul or Conv with weights before the output.");
  const feature = last.inputs[0]!;
  const dims = model.inferShapes().get(feature)?.dims?.slice(1);
  if (!dims?.every((dim) => typeof dim === "number"))
    throw new PareError("PARE_SHAPE", `the dimensions of "${feature}" behind the batch must be known, for a new head.`);
  // The new layers as a model of their own first, whose nodes and weights then move over.
  const part = sequential(layers, {
    input: dims,
    seed,
    inputName: "feature",
    outputName: "result",
    opset: model.opset() ?? 17,
  });
  graph.proto.output = [];
  const build = new Build(graph, "head/");
  const names = new Map<string, string>([["feature", feature]]);
  const added: string[] = [];
  for (const [name, weight] of part.graph.weights()) {
    const fresh = build.weight(name, weight);
    names.set(name, fresh);
    added.push(fresh);
  }
  const renamed = (name: string): string => {
    if (name === "") return "";
    let fresh = names.get(name);
    if (fresh === undefined) names.set(name, (fresh = build.name(name)));
    return fresh;
  };
  for (const node of part.graph.nodes)
    graph.addNode({
      opType: node.opType,
      domain: node.domain,
      name: `head/${node.name}`,
      inputs: node.inputs.map(renamed),
      outputs: node.outputs.map(renamed),
      attributes: Object.fromEntries(node.attributeNames.map((name) => [name, node.attribute(name)!])),
    });
  const result = renamed("result");
  graph.addOutput(result, "float32", [output.dims?.[0], ...(part.graph.outputs[0]!.dims ?? []).slice(1)]);
  graph.removeUnused();
  return { model, added };
}

/** Backwards from the output along first inputs. */
function lastWithWeights(
  from: Node | undefined,
  producer: (name: string) => Node | undefined,
  isWeight: (name: string) => boolean,
): Node | undefined {
  for (let node = from; node;) {
    const isMade = (name: string): boolean => name !== "" && !isWeight(name);
    if (withWeights.has(node.opType) && node.inputs.slice(1).some((name) => hasWeight(name, producer, isWeight)))
      return node;
    const next = node.inputs.find(isMade);
    node = next === undefined ? undefined : producer(next);
  }
  return undefined;
}

/** Whether a weight stands behind a name, turned or not. */
function hasWeight(
  name: string,
  producer: (name: string) => Node | undefined,
  isWeight: (name: string) => boolean,
): boolean {
  if (name === "") return false;
  if (isWeight(name)) return true;
  const node = producer(name);
  return node?.opType === "Transpose" && hasWeight(node.inputs[0] ?? "", producer, isWeight);
}
