/** Convolutions with what follows them: batch normalization, per-channel factors and biases, a sum, an activation. */
import { Weight, type Node } from "../../model/index.js";
import { activationOf } from "./epilogue.js";
import { attributesOf, type Fusion, type Site } from "./site.js";

const microsoft = "com.microsoft";

/**
 * Batch normalization, and products and sums with one number a channel or one for all, go into the filters and the bias
 * before them. The new weights are nodes over constants, which folding computes.
 */
const channels: Fusion = {
  name: "conv-channels",
  startsAt: ["Conv"],
  fuse(conv, site) {
    const [x, filters, bias = ""] = conv.inputs as [string, string, string?];
    const dims = site.dims(filters);
    const isConstant = (name: string): boolean => site.constant(name) !== undefined;
    if (!isConstant(filters) || (bias !== "" && !isConstant(bias)) || !site.isFloat32(x)) return false;
    const count = dims?.[0];
    if (typeof count !== "number") return false;
    const build = new Builder(site, conv);
    const nodes = [conv];
    let { factor, offset }: Affine = { factor: undefined, offset: bias === "" ? undefined : bias };
    for (;;) {
      const output = nodes.at(-1)!.outputs[0]!;
      const next = site.reader(output, "BatchNormalization", "Add", "Mul", "Sub", "Div");
      const made = next && affineOf(site, build, next, output, [count, dims!.length]);
      if (!made) break;
      nodes.push(next);
      if (made.factor !== undefined) {
        factor = factor === undefined ? made.factor : build.op("Mul", factor, made.factor);
        if (offset !== undefined) offset = build.op("Mul", offset, made.factor);
      }
      if (made.offset !== undefined) offset = offset === undefined ? made.offset : build.op("Add", offset, made.offset);
    }
    if (nodes.length === 1) return false;
    const whole = [count, ...Array.from({ length: dims!.length - 1 }, () => 1)];
    const newFilters =
      factor === undefined ? filters : build.op("Mul", filters, build.op("Reshape", factor, build.integers(whole)));
    const last = nodes.at(-1)!;
    site.replace(nodes, last, {
      opType: "Conv",
      inputs: offset === undefined ? [x, newFilters] : [x, newFilters, offset],
      outputs: [last.outputs[0]!],
      attributes: attributesOf(conv),
    });
    return true;
  },
};

/** factor·x + offset, values of one number a channel. */
interface Affine {
  factor: string | undefined;
  offset: string | undefined;
}

/** What a node does to each channel of its input `x`; undefined where it does anything else. */
function affineOf(
  site: Site,
  build: Builder,
  node: Node,
  x: string,
  [count, rank]: readonly [number, number],
): Affine | undefined {
  if (node.opType === "BatchNormalization") {
    if (node.inputs[0] !== x || node.outputs.length > 1) return undefined;
    if ((node.attribute("training_mode") ?? 0) !== 0) return undefined;
    const [, scale, shift, mean, variance] = node.inputs as [string, string, string, string, string];
    if (![scale, shift, mean, variance].every((name) => site.constant(name)?.dtype === "float32")) return undefined;
    const epsilon = (node.attribute("epsilon") as number | undefined) ?? 1e-5;
    const factor = build.op("Div", scale, build.op("Sqrt", build.op("Add", variance, build.number(epsilon))));
    return { factor, offset: build.op("Sub", shift, build.op("Mul", mean, factor)) };
  }
  const beside = site.other(node, x)!;
  if (!isChannels(site, beside, count, rank)) return undefined;
  if (node.inputs[0] !== x && (node.opType === "Sub" || node.opType === "Div")) return undefined;
  const isNumber = site.constant(beside)!.elementCount === 1;
  const flat = build.op("Reshape", beside, build.integers([isNumber ? 1 : count]));
  const each = isNumber ? build.op("Expand", flat, build.integers([count])) : flat;
  switch (node.opType) {
    case "Mul":
      return { factor: each, offset: undefined };
    case "Div":
      return { factor: build.op("Div", build.number(1), each), offset: undefined };
    case "Sub":
      return { factor: undefined, offset: build.op("Neg", each) };
    default:
      return { factor: undefined, offset: each };
  }
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
      attributes: { ...attributesOf(conv), ...activation?.attributes },
    });
    return true;
  },
};

export const convolutionChannels: readonly Fusion[] = [channels];
export const convolutionEpilogues: readonly Fusion[] = [convEpilogue];
