/** Convolutions with what follows them: batch normalization, per-channel factors and biases, a sum, an activation. */
import { Weight, type Node } from "../../model/index.js";
import { activationOf } from "./epilogue.js";
import type { Fusion, Site } from "./site.js";

const microsoft = "com.microsoft";

/**
 * Batch normalizations, products and sums with one number a channel, or one for all, go into the filters and the bias of
 * the convolution: those behind it, and those before it, sums only where nothing is padded. The new weights are nodes over
 * constants, which folding computes.
 */
const channels: Fusion = {
  name: "conv-channels",
  startsAt: ["Conv"],
  fuse(conv, site) {
    const [x, filters, bias = ""] = conv.inputs as [string, string, string?];
    const dims = site.dims(filters);
    const isConstant = (name: string): boolean => site.constant(name) !== undefined;
    if (!isConstant(filters) || (bias !== "" && !isConstant(bias)) || !site.isFloat32(x)) return false;
    if (!dims?.every((dim) => typeof dim === "number")) return false;
    const absorbed = new Absorbed(site, conv, dims);
    const nodes = [conv];
    for (let next = absorbed.takeAfter(conv); next; next = absorbed.takeAfter(next)) nodes.push(next);
    const last = nodes.at(-1)!;
    for (let before = absorbed.takeBefore(conv); before; before = absorbed.takeBefore(before)) nodes.push(before);
    if (nodes.length === 1) return false;
    site.replace(nodes, last, {
      opType: "Conv",
      inputs: absorbed.inputs,
      outputs: [last.outputs[0]!],
      attributes: conv.attributes,
    });
    return true;
  },
};

/** A convolution's input, filters and bias as they become while nodes around it go into them. */
class Absorbed {
  #x: string;
  #filters: string;
  #bias: string;
  readonly #site: Site;
  readonly #conv: Node;
  readonly #dims: readonly number[];
  readonly #build: Builder;

  constructor(site: Site, conv: Node, dims: readonly number[]) {
    const [x, filters, bias = ""] = conv.inputs as [string, string, string?];
    this.#x = x;
    this.#filters = filters;
    this.#bias = bias;
    this.#site = site;
    this.#conv = conv;
    this.#dims = dims;
    this.#build = new Builder(site, conv);
  }

  get inputs(): string[] {
    return this.#bias === "" ? [this.#x, this.#filters] : [this.#x, this.#filters, this.#bias];
  }

  /** Takes in the node that alone reads what `node` makes; undefined where it is another than can be. */
  takeAfter(node: Node): Node | undefined {
    const value = node.outputs[0]!;
    const next = this.#site.reader(value, "BatchNormalization", "Add", "Mul", "Sub", "Div");
    if (!next) return undefined;
    const build = this.#build;
    if (next.opType === "BatchNormalization") return this.#takeNormalization(next, value) ? next : undefined;
    const beside = this.#site.other(next, value)!;
    if (!isChannels(this.#site, beside, this.#dims[0]!, this.#dims.length)) return undefined;
    if (next.inputs[0] !== value && (next.opType === "Sub" || next.opType === "Div")) return undefined;
    const flat = build.op("Reshape", beside, build.integers([-1]));
    if (next.opType === "Mul") this.#scale(flat);
    else if (next.opType === "Div") this.#scale(build.op("Div", build.number(1), flat));
    else this.#shift(next.opType === "Add" ? flat : build.op("Neg", flat));
    return next;
  }

  #takeNormalization(node: Node, value: string): boolean {
    if (node.inputs[0] !== value || node.outputs.length > 1) return false;
    if ((node.attribute("training_mode") ?? 0) !== 0) return false;
    const [, scale, shift, mean, variance] = node.inputs as [string, string, string, string, string];
    if (![scale, shift, mean, variance].every((name) => this.#site.constant(name)?.dtype === "float32")) return false;
    const build = this.#build;
    const epsilon = (node.attribute("epsilon") as number | undefined) ?? 1e-5;
    const stable = build.op("Add", variance, build.number(epsilon));
    const factor = build.op("Div", scale, build.op("Sqrt", stable));
    this.#scale(factor);
    this.#shift(build.op("Sub", shift, build.op("Mul", mean, factor)));
    return true;
  }

  /** `factor` is flat: a number for each output channel, or one. */
  #scale(factor: string): void {
    const build = this.#build;
    const whole = [-1, ...this.#dims.slice(1).map(() => 1)];
    this.#filters = build.op("Mul", this.#filters, build.op("Reshape", factor, build.integers(whole)));
    if (this.#bias !== "") this.#bias = build.op("Mul", this.#bias, factor);
  }

  #shift(offset: string): void {
    const build = this.#build;
    this.#bias =
      this.#bias === ""
        ? build.op("Expand", offset, build.integers([this.#dims[0]!]))
        : build.op("Add", this.#bias, offset);
  }

  /** Takes in the product or sum that makes what `node` reads. */
  takeBefore(node: Node): Node | undefined {
    const site = this.#site;
    const before = site.producer(this.#x, "Mul", "Add");
    if (!before || !site.isOwn(this.#x, node)) return undefined;
    const constant = before.inputs.find((name) => site.constant(name) !== undefined);
    const value = constant === undefined ? undefined : site.other(before, constant);
    // The constant must not be what makes the value larger.
    if (constant === undefined || value === undefined || !site.haveSameDims(value, this.#x)) return undefined;
    const [outputs, inputs] = this.#dims as [number, number];
    const groups = Number(this.#conv.attribute("group") ?? 1);
    if (!isChannels(site, constant, inputs * groups, this.#dims.length)) return undefined;
    // Filters in groups have the channels of each in turn; depthwise ones have them in the first dimension.
    const isDepthwise = inputs === 1 && groups === outputs;
    if (site.constant(constant)!.elementCount > 1 && groups > 1 && !isDepthwise) return undefined;
    if (before.opType === "Add" && isPadded(this.#conv)) return undefined;
    const build = this.#build;
    const rest = this.#dims.slice(2).map(() => 1);
    const shape = build.integers(isDepthwise ? [-1, 1, ...rest] : [1, -1, ...rest]);
    const product = build.op("Mul", this.#filters, build.op("Reshape", constant, shape));
    if (before.opType === "Mul") this.#filters = product;
    else {
      const rows = build.op("Reshape", product, build.integers([outputs, -1]));
      this.#shift(build.op("Reshape", build.op("ReduceSum", rows, build.integers([1])), build.integers([-1])));
    }
    this.#x = value;
    return before;
  }
}

/** Whether zeros are put around what the convolution reads. */
function isPadded(conv: Node): boolean {
  const automatic = (conv.attribute("auto_pad") as string | undefined) ?? "NOTSET";
  if (automatic !== "NOTSET") return automatic !== "VALID";
  const pads = (conv.attribute("pads") as readonly (number | bigint)[] | undefined) ?? [];
  return pads.some((pad) => Number(pad) !== 0);
}

/** Small nodes before a given one. */
class Builder {
  readonly #site: Site;
  readonly #before: Node;
  readonly #name: string;

  constructor(site: Site, before: Node) {
    this.#site = site;
    this.#before = before;
    this.#name = before.outputs[0]!;
  }
  op(opType: string, ...inputs: readonly string[]): string {
    const output = this.#site.graph.uniqueName(`${this.#name}_folded`);
    this.#site.graph.addNode({ opType, inputs, outputs: [output] }, { before: this.#before });
    return output;
  }
  number(value: number): string {
    return this.#site.graph.addWeight(`${this.#name}_number`, Weight.of("float32", [], [value]));
  }
  integers(values: readonly number[]): string {
    return this.#site.graph.addWeight(`${this.#name}_dims`, Weight.of("int64", [values.length], values));
  }
}

/** A constant that broadcasts one number a channel: [count, 1, …, 1] behind the batch, or one number for all. */
function isChannels(site: Site, name: string, count: number, rank: number): boolean {
  const weight = site.constant(name);
  if (weight?.dtype !== "float32" || weight.dims.length > rank) return false;
  if (weight.elementCount === 1) return true;
  if (weight.elementCount !== count) return false;
  const dims = [...Array.from({ length: rank - weight.dims.length }, () => 1), ...weight.dims];
  return dims.every((dim, axis) => dim === (axis === 1 ? count : 1));
}

/** FusedConv: activation(conv + bias + Z). */
const convEpilogue: Fusion = {
  name: "conv-epilogue",
  startsAt: ["Conv"],
  fuse(conv, site) {
    const [x, filters, bias = ""] = conv.inputs as [string, string, string?];
    if (!site.isFloat32(x)) return false;
    const nodes = [conv];
    let last = conv;
    let residual = "";
    const sum = site.reader(conv.outputs[0], "Add");
    const beside = sum && site.other(sum, conv.outputs[0]!);
    if (beside !== undefined && beside !== conv.outputs[0] && site.haveSameDims(beside, conv.outputs[0])) {
      residual = beside;
      nodes.push((last = sum!));
    }
    const activation = activationOf(site, last);
    if (activation) nodes.push((last = activation.node));
    if (nodes.length === 1) return false;
    const inputs = [x, filters, bias, residual];
    while (inputs.at(-1) === "") inputs.pop();
    site.replace(nodes, last, {
      domain: microsoft,
      opType: "FusedConv",
      inputs,
      outputs: [last.outputs[0]!],
      attributes: { ...conv.attributes, ...activation?.attributes },
    });
    return true;
  },
};

export const convolutionChannels: readonly Fusion[] = [channels];
export const convolutionEpilogues: readonly Fusion[] = [convEpilogue];
