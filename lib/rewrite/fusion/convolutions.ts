/** Convolutions with what follows them: batch normalization, per-channel factors and biases, a sum, an activation. */
import { Weight, type AttributeValue, type Node } from "../../model/index.js";
import { activationOf } from "./epilogue.js";
import type { Fusion, Site } from "./site.js";

const microsoft = "com.microsoft";

/**
 * Batch normalization, or a product or sum with one number a channel, goes into the filters and the bias before it. The new
 * weights are nodes over constants, which folding computes.
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
    const next = site.reader(conv.outputs[0], "BatchNormalization", "Add", "Mul", "Sub", "Div");
    if (!next) return false;
    const build = new Builder(site, conv);
    const whole = [count, ...Array.from({ length: dims!.length - 1 }, () => 1)];
    let factor: string | undefined;
    let offset: string | undefined;
    if (next.opType === "BatchNormalization") {
      if (next.inputs[0] !== conv.outputs[0] || next.outputs.length > 1) return false;
      if ((next.attribute("training_mode") ?? 0) !== 0) return false;
      const [, scale, shift, mean, variance] = next.inputs as [string, string, string, string, string];
      if (![scale, shift, mean, variance].every((name) => site.constant(name)?.dtype === "float32")) return false;
      const epsilon = (next.attribute("epsilon") as number | undefined) ?? 1e-5;
      const stable = build.op("Add", variance, build.number(epsilon));
      factor = build.op("Div", scale, build.op("Sqrt", stable));
      offset = build.op("Sub", shift, build.op("Mul", mean, factor));
    } else {
      const beside = site.other(next, conv.outputs[0]!)!;
      if (!isChannels(site, beside, count, dims!.length)) return false;
      if (next.inputs[0] !== conv.outputs[0] && (next.opType === "Sub" || next.opType === "Div")) return false;
      const flat = build.op("Reshape", beside, build.integers([count]));
      if (next.opType === "Mul") factor = flat;
      else if (next.opType === "Div") factor = build.op("Div", build.number(1), flat);
      else offset = next.opType === "Add" ? flat : build.op("Neg", flat);
    }
    const newFilters =
      factor === undefined ? filters : build.op("Mul", filters, build.op("Reshape", factor, build.integers(whole)));
    let newBias = bias;
    if (bias !== "" && factor !== undefined) newBias = build.op("Mul", bias, factor);
    if (offset !== undefined) newBias = newBias === "" ? offset : build.op("Add", newBias, offset);
    const attributes = attributesOf(conv);
    site.replace([conv, next], next, {
      opType: "Conv",
      ...(conv.name === "" ? {} : { name: conv.name }),
      inputs: newBias === "" ? [x, newFilters] : [x, newFilters, newBias],
      outputs: [next.outputs[0]!],
      attributes,
    });
    return true;
  },
};

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
  if (weight?.dtype !== "float32" || weight.elementCount !== count || weight.dims.length > rank) return false;
  const dims = [...Array.from({ length: rank - weight.dims.length }, () => 1), ...weight.dims];
  return dims.every((dim, axis) => dim === (axis === 1 ? count : 1));
}

function attributesOf(node: Node): Record<string, AttributeValue> {
  return Object.fromEntries(node.attributeNames.map((name) => [name, node.attribute(name)!]));
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
      ...(conv.name === "" ? {} : { name: conv.name }),
      inputs,
      outputs: [last.outputs[0]!],
      attributes: { ...attributesOf(conv), ...activation?.attributes },
    });
    return true;
  },
};

export const convolutionChannels: readonly Fusion[] = [channels];
export const convolutionEpilogues: readonly Fusion[] = [convEpilogue];
