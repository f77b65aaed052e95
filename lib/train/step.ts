/** A training step as one graph: forward, loss, backward, penalties, clipping, the optimizer's update and the pruning mask. */
import { PareError } from "../errors.js";
import { Build, Weight, type Graph, type Model } from "../model/index.js";
import type { Dim } from "../model/value.js";
import { fuseLayers, fuseStep } from "../rewrite/fusion/index.js";
import { takes, type NameFilter } from "../rewrite/names.js";
import { addAugmentation, type Augmenter, type AugmentOptions } from "./augment.js";
import { addGradients, gradientOpset } from "./gradients/index.js";
import type { Loss } from "./losses.js";
import type { Optimizer } from "./optimizers.js";
import { findParameters, type Parameter } from "./parameters.js";
import type { Regularizer } from "./regularize.js";
import { enterTrainingMode } from "./training-mode.js";

/** Float32 tensors by name that training changes, in memory that its sessions share. */
export type Tensors = Map<string, { dims: readonly number[]; data: Float32Array }>;

export interface StepOptions {
  loss: Loss;
  optimizer: Optimizer;
  regularize: readonly Regularizer[];
  /** Which parameters are trained; default: all. */
  parameters?: NameFilter;
  seed: number;
  /** The gradients' common length is cut to this. */
  clipNorm?: number;
  /** How examples are changed before they are trained on. */
  augment?: AugmentOptions;
  /** The weights that lead into a unit are cut to this length after each step. */
  maxNorm?: number;
  /** One step's gradients come from several parts of its batch: this graph adds a part's, or adds the last one's and updates. */
  accumulate?: "add" | "update";
  /** Of the other graph of such a pair: what both remember. */
  shared?: Tensors;
  /** Whether every parameter has a factor of the learning rate of its own. */
  hasRates?: boolean;
  /** Parameters that have a mask, ones at first. */
  masked?: ReadonlySet<string>;
  /** Name of the model's output that the loss is of; default: the first. */
  output?: string;
}

/** Names of a step graph's face. */
export interface StepGraph {
  model: Model;
  parameters: Parameter[];
  /** Parameters, running statistics, what the optimizer remembers, masks; shared with others by their arrays. */
  variables: Tensors;
  updates: [string, string][];
  masks: Map<string, Float32Array>;
  target: string;
  rate: string;
  /** Input of the parameters' factors of the rate, in their order, where they have some. */
  rates: string | undefined;
  step: string;
  loss: string;
  /** Input of a part's share in its batch, where gradients are accumulated. */
  share: string | undefined;
  /** More feeds for a batch. */
  augment: Augmenter | undefined;
}

/** Weights as arrays of training's own: parameters, and statistics of batch norms. */
export function takeWeights(model: Model): Tensors {
  const taken: Tensors = new Map();
  const take = (name: string): void => {
    const weight = model.graph.weight(name);
    if (weight?.dtype === "float32" && !taken.has(name))
      taken.set(name, { dims: weight.dims, data: new Float32Array(weight.toFloats()) });
  };
  for (const { name } of findParameters(model.graph)) take(name);
  for (const node of model.graph.nodes)
    if (node.opType === "BatchNormalization" && node.domain === "") node.inputs.slice(3).forEach(take);
  return taken;
}

/** A copy of a model to be built upon: of a newer opset, its weights the given arrays. */
export function workingCopy(model: Model, weights: Tensors): Model {
  const copy = model.clone();
  copy.raiseIrVersion(8);
  if ((copy.opset() ?? 0) < gradientOpset) copy.upgradeOpset(gradientOpset);
  const { graph } = copy;
  for (const [name, { dims, data }] of weights) {
    const weight = Weight.of("float32", dims, data);
    const producer = graph.producer(name);
    if (!producer) {
      graph.setWeight(name, weight);
      continue;
    }
    // A Constant node: a variable must be an initializer, of the same name.
    graph.removeNode(producer);
    const fresh = graph.addWeight(`${name}/variable`, weight);
    graph.addNode({ opType: "Identity", inputs: [fresh], outputs: [name] });
  }
  graph.sort();
  return copy;
}

/** Where a weight's variable stands in a working copy. */
export function variableOf(graph: Graph, name: string): string {
  return graph.producer(name)?.inputs[0] ?? name;
}

export interface Head {
  /** What the loss reads. */
  output: string;
  dims: readonly Dim[];
  target: string;
}

/** Adds the input for the targets, and finds the output that the loss is of: before a final Softmax where it wants logits. */
export function addHead(model: Model, loss: Loss, output?: string): Head {
  const { graph } = model;
  const name = output ?? graph.outputs[0]?.name;
  if (name === undefined || !graph.isOutput(name))
    throw new PareError("PARE_OPTION", `the model has no output "${name ?? ""}" for the loss.`);
  const dims = model.inferShapes().get(name)?.dims;
  if (!dims || dims.length < 1)
    throw new PareError("PARE_SHAPE", `the output "${name}" must have a batch as its first dimension, for a loss.`);
  const producer = graph.producer(name);
  const isSoftmax = producer?.domain === "" && producer.opType === "Softmax" && loss.takesLogits;
  const target = graph.uniqueName("target");
  if (loss.target === "labels") {
    if (dims.length < 2)
      throw new PareError(
        "PARE_SHAPE",
        `${loss.name} takes scores [batch, classes]; "${name}" is [${dims.join(", ")}].`,
      );
    graph.addInput(target, "int64", [dims[0], ...dims.slice(2)]);
  } else graph.addInput(target, "float32", dims);
  return { output: isSoftmax ? producer.inputs[0]! : name, dims, target };
}

/** Only what leads to these outputs stays. */
export function keepOutputs(graph: Graph, outputs: readonly string[]): void {
  graph.proto.output = [];
  for (const name of outputs) graph.addOutput(name, "float32", []);
  graph.removeUnused();
}

/** The step graph of a model whose weights are in `weights`. */
export function buildStep(original: Model, weights: Tensors, options: StepOptions): StepGraph {
  const model = workingCopy(original, weights);
  fuseLayers(model);
  const { graph } = model;
  const names = (base: string): string => graph.uniqueName(base);
  const [rate, step] = [names("lr"), names("step")];
  graph.addInput(rate, "float32", []);
  graph.addInput(step, "int64", []);
  const head = addHead(model, options.loss, options.output);
  const parameters = findParameters(original.graph, options.parameters).filter(({ name }) => weights.has(name));
  if (parameters.length === 0)
    throw new PareError("PARE_OPTION", "no weight of the model is trained: none is float32, or the filter takes none.");
  const trained = new Set(parameters.map(({ name }) => name));
  const { statistics } = enterTrainingMode(graph, step, options.seed, (name) => trained.has(name));
  const augment = options.augment && addAugmentation(graph, options.augment, options.seed);
  const rates = options.hasRates ? names("rates") : undefined;
  if (rates !== undefined) graph.addInput(rates, "float32", [parameters.length]);
  const share = options.accumulate && names("share");
  if (share !== undefined) graph.addInput(share, "float32", []);
  const build = new Build(graph, "loss/");
  const loss = options.loss.build({ build, output: head.output, target: head.target, dims: head.dims });
  const gradients = addGradients(graph, loss, [...trained]);

  const variables: Tensors = new Map();
  const updates: [string, string][] = [];
  const masks = new Map<string, Float32Array>();
  build.prefix = "update/";
  const remember = ({ name, dims }: Parameter, base: string, fill: number): string => {
    const known = options.shared?.get(`${name}/${base}`);
    const own = known ?? { dims, data: new Float32Array(weights.get(name)!.data.length).fill(fill) };
    const key = graph.addWeight(`${name}/${base}`, Weight.of("float32", dims, own.data));
    variables.set(key, own);
    return key;
  };
  if (share !== undefined)
    for (const parameter of parameters) {
      const { name } = parameter;
      const sum = remember(parameter, "sum", 0);
      const total = build.op("Add", sum, build.op("Mul", gradients.get(name), share));
      gradients.set(name, total);
      updates.push([options.accumulate === "add" ? total : build.op("Mul", sum, build.number(0)), sum]);
    }
  const scale =
    options.clipNorm === undefined ? undefined : clipScale(build, [...gradients.values()], options.clipNorm);
  for (const [index, parameter] of parameters.entries()) {
    const { name, dims } = parameter;
    const variable = variableOf(graph, name);
    variables.set(variable, { dims, data: weights.get(name)!.data });
    if (options.accumulate === "add") continue;
    const memory = options.optimizer.memory.map((base) => remember(parameter, base, 0));
    let mask: string | undefined;
    if (options.masked?.has(name)) {
      mask = remember(parameter, "mask", 1);
      masks.set(name, variables.get(mask)!.data);
    }
    const own =
      rates === undefined ? rate : build.op("Mul", rate, build.op("Gather", rates, build.integer(index), { axis: 0 }));
    const gradient = drawBack(build, parameter, { variable, gradient: gradients.get(name)!, options });
    const inputs = [variable, gradient, own, step, scale, mask, memory[0], memory[1], loss];
    const attributes = { ...options.optimizer.attributes, ...penalties(parameter, options) };
    const outputs = build.node(`pare.${options.optimizer.opType}`, inputs, 1 + memory.length, attributes);
    const next = options.maxNorm === undefined ? outputs[0]! : cut(build, parameter, outputs[0]!, options.maxNorm);
    updates.push([next, variable], ...memory.map((key, i): [string, string] => [outputs[i + 1]!, key]));
  }
  for (const [running, next] of statistics) {
    const variable = variableOf(graph, running);
    variables.set(variable, weights.get(running)!);
    updates.push([next, variable]);
  }
  graph.proto.output = [];
  graph.addOutput(loss, "float32", []);
  // What updates variables is no output for the file's sake, but removeUnused must keep it.
  for (const [output] of updates) graph.addOutput(output, "float32");
  graph.removeUnused();
  fuseStep(model, new Set(variables.keys()));
  graph.proto.output = graph.proto.output.slice(0, 1);
  model.changed();
  return { model, parameters, variables, updates, masks, target: head.target, rate, rates, step, loss, share, augment };
}

/** What goes into a parameter's update beside the gradient of the loss. */
function penalties({ name, dims }: Parameter, { optimizer, regularize }: StepOptions): Record<string, number> {
  const sum = { l1: 0, l2: optimizer.l2, decay: optimizer.decay, proximal: 0 };
  for (const { kind, lambda, form, parameters } of regularize) {
    const isMeant = parameters ? takes(parameters, name) : dims.length > 1;
    if (!isMeant || kind === "l2sp") continue;
    if (form === "proximal") sum.proximal += lambda;
    else if (form === "decoupled") sum.decay += 2 * lambda;
    else if (kind === "l1") sum.l1 += lambda;
    else sum.l2 += 2 * lambda;
  }
  return sum;
}

/** gradient + 2λ·(w − w₀) for what l2sp draws back to where it began. */
function drawBack(
  build: Build,
  { name, dims }: Parameter,
  { variable, gradient, options }: { variable: string; gradient: string; options: StepOptions },
): string {
  let sum = gradient;
  for (const { kind, lambda, parameters, sourceOf } of options.regularize) {
    if (kind !== "l2sp" || !(parameters ? takes(parameters, name) : dims.length > 1)) continue;
    const source = sourceOf?.(name);
    if (source?.dtype !== "float32" || source.dims.join() !== dims.join()) continue;
    const away = build.op("Sub", variable, build.weight(`${name}/source`, source));
    sum = build.op("Add", sum, build.op("Mul", away, build.number(2 * lambda)));
  }
  return sum;
}

/** w · min(1, most / ‖what leads into its unit‖) */
function cut(build: Build, { name, dims, node }: Parameter, weight: string, most: number): string {
  if (!(most > 0)) throw new PareError("PARE_OPTION", `maxNorm must be above 0; got ${most}.`);
  if (dims.length < 2) return weight;
  // Kernels and what is turned have their units first, matrices as they are multiplied last.
  const isLast =
    node.inputs[1] === name && (node.opType === "MatMul" || (node.opType === "Gemm" && node.attribute("transB") !== 1));
  const unit = isLast ? dims.length - 1 : 0;
  const axes = dims.map((_, axis) => axis).filter((axis) => axis !== unit);
  const length = build.op("ReduceL2", weight, build.integers(axes), { keepdims: 1 });
  const ratio = build.op("Div", build.number(most), build.op("Max", length, build.number(1e-30)));
  return build.op("Mul", weight, build.op("Min", ratio, build.number(1)));
}

/** min(1, most / ‖all gradients‖) */
function clipScale(build: Build, gradients: readonly string[], most: number): string {
  if (!(most > 0)) throw new PareError("PARE_OPTION", `clipNorm must be above 0; got ${most}.`);
  const squares = gradients.map((one) => build.op("ReduceSumSquare", one, { keepdims: 0 }));
  const norm = build.op(
    "Sqrt",
    squares.reduce((a, b) => build.op("Add", a, b)),
  );
  const ratio = build.op("Div", build.number(most), build.op("Add", norm, build.number(1e-6)));
  return build.op("Min", ratio, build.number(1));
}
