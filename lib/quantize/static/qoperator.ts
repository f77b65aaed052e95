/**
 * The format whose operators take integers themselves: ONNX's QLinearConv and QLinearMatMul, and com.microsoft's others.
 * Rules of onnxruntime.quantization's ONNXQuantizer (onnx_quantizer.py and operators/), node by node in the file's order.
 */
import type { Weight } from "../../model/index.js";
import { type Graph, type Model, type Node } from "../../model/index.js";
import type { Report } from "../../report/index.js";
import { nameOf } from "../../rewrite/names.js";
import { takeAttributes } from "../attributes.js";
import type { Resolved } from "../options.js";
import type { IntegerValue as Integers } from "./accuracy.js";
import type { Parameters } from "./parameters.js";
import { declines, followsFromRange } from "./plan.js";

/** Puts an operator on integers in a node's place, or says why not. */
type Rule = (writer: Writer, node: Node) => string | undefined;

const rules: Record<string, Rule> = {
  Conv: (writer, node) => writer.product(node, "QLinearConv", 0),
  Gemm: (writer, node) => writer.product(node, "QGemm", Number(node.attribute("transB") ?? 0) > 0 ? 0 : 1),
  MatMul: (writer, node) => writer.matMul(node),
  Add: (writer, node) => writer.microsoft(node, 2),
  Mul: (writer, node) => writer.microsoft(node, 2),
  LeakyRelu: (writer, node) => writer.microsoft(node, 1),
  Sigmoid: (writer, node) => writer.microsoft(node, 1),
  AveragePool: (writer, node) => writer.microsoft(node, 1),
  GlobalAveragePool: (writer, node) => writer.globalAveragePool(node),
  Softmax: (writer, node) => writer.softmax(node),
  Concat: (writer, node) => writer.concat(node),
  Relu: (writer, node) => writer.removable(node),
  Clip: (writer, node) => writer.removable(node),
  Gather: (writer, node) => writer.gather(node),
  Split: (writer, node) => writer.split(node),
  ArgMax: (writer, node) => writer.argMax(node),
  Pad: (writer, node) => writer.pad(node),
  ...Object.fromEntries(
    ["MaxPool", "Reshape", "Resize", "Transpose", "Squeeze", "Unsqueeze", "Flatten"].map((type): [string, Rule] => [
      type,
      (writer, node) => writer.passing(node),
    ]),
  ),
};

/** @returns where the integers of each activation stand. */
export function writeOperators(
  model: Model,
  options: Resolved,
  parameters: Parameters,
  report: Report,
): ReadonlyMap<string, Integers> {
  const writer = new Writer(model, options, parameters);
  const { graph } = model;
  for (const node of [...graph.nodes]) {
    const rule = rules[node.opType];
    const reason = rule
      ? (declines(node, options) ?? rule(writer, node))
      : node.opType === "Constant"
        ? undefined
        : `the format has no ${node.opType} of integers`;
    if (reason === undefined) continue;
    if (node.outputs.some((name) => writer.isFloat(name))) report.skip(nameOf(node), reason);
  }
  writer.finish();
  if (writer.usesMicrosoft && model.opset("com.microsoft") === undefined) model.setOpset("com.microsoft", 1);
  return writer.integers;
}

class Writer {
  usesMicrosoft = false;
  readonly #graph: Graph;
  readonly #options: Resolved;
  readonly #parameters: Parameters;
  readonly #opset: number;
  readonly #types: ReadonlyMap<string, { dtype?: string }>;
  /** Values that are there as integers; what is only there so gets a DequantizeLinear for whoever reads floats. */
  readonly #integers = new Map<string, Integers>();
  readonly #gone = new Map<string, { after: Node }>();

  constructor(model: Model, options: Resolved, parameters: Parameters) {
    this.#graph = model.graph;
    this.#options = options;
    this.#parameters = parameters;
    this.#opset = model.opset() ?? 0;
    this.#types = model.inferShapes();
  }

  get integers(): ReadonlyMap<string, Integers> {
    return this.#integers;
  }

  isFloat(name: string): boolean {
    return this.#types.get(name)?.dtype === "float32";
  }

  /** Conv and Gemm: weight and bias are constants. */
  product(node: Node, opType: string, axis: number): string | undefined {
    const [input = "", weight = "", bias = ""] = node.inputs;
    const isConv = opType === "QLinearConv";
    const kernel = this.#constant(weight) ? undefined : `its weight "${weight}" is computed`;
    if (kernel !== undefined) return kernel;
    if (bias !== "" && !this.#constant(bias)) return `its bias "${bias}" is computed`;
    const a = this.#read(node, input);
    const w = this.#weight(weight, node.opType, this.#options.perChannel ? axis : undefined);
    const beta = isConv ? 1 : Number(node.attribute("beta") ?? 1);
    let own = bias;
    if (bias !== "" && this.#biases.has(bias)) own = this.#graph.addWeight(bias, this.#graph.weight(bias)!);
    this.#biases.add(own);
    const b = own === "" ? undefined : this.#parameters.bias(own, a, weight, beta);
    if (own !== "" && !b) return `its bias "${bias}" does not fit its weight's scales`;
    const y = this.#made(node, 0);
    const [data, out] = [
      [...read(a), ...read(w)],
      [y.scaleName, y.zeroPointName],
    ];
    const inputs = isConv ? [...data, ...out, ...(b ? [b.data] : [])] : [...data, b?.data ?? "", ...out];
    this.#replace(node, opType, isConv ? "" : "com.microsoft", inputs, [y], "beta");
    return undefined;
  }
  readonly #biases = new Set<string>();

  matMul(node: Node): string | undefined {
    const [a = "", b = ""] = node.inputs;
    const isMatrix = this.#constant(b)?.dims.length === 2;
    const left = this.#constant(a) ? this.#weight(a, node.opType) : this.#read(node, a);
    const right = this.#constant(b)
      ? this.#weight(b, node.opType, this.#options.perChannel && isMatrix ? 1 : undefined)
      : this.#read(node, b);
    const y = this.#made(node, 0);
    this.#replace(node, "QLinearMatMul", "", [...read(left), ...read(right), y.scaleName, y.zeroPointName], [y]);
    return undefined;
  }

  /** com.microsoft's QLinear form of one or two operands: data, scale and zero point of each, then the output's. */
  microsoft(node: Node, operands: number): string | undefined {
    if (!node.inputs.slice(0, operands).every((name) => this.isFloat(name))) return "its inputs are not float32";
    const inputs = node.inputs.slice(0, operands).flatMap((name) => read(this.#operand(node, name)));
    const y = this.#made(node, 0);
    this.#replace(node, `QLinear${node.opType}`, "com.microsoft", [...inputs, y.scaleName, y.zeroPointName], [y]);
    return undefined;
  }

  globalAveragePool(node: Node): string | undefined {
    if (!this.#integers.has(node.inputs[0]!)) return unquantized(node);
    const x = this.#read(node, node.inputs[0]!);
    const y = this.#made(node, 0);
    const made = this.#replace(
      node,
      "QLinearGlobalAveragePool",
      "com.microsoft",
      [...read(x), y.scaleName, y.zeroPointName],
      [y],
    );
    made.setAttribute("channels_last", 0);
    return undefined;
  }

  softmax(node: Node): string | undefined {
    const x = this.#operand(node, node.inputs[0]!);
    const zeroPoint = this.#options.activationType === "uint8" ? 0 : -128;
    const grid = this.#parameters.activation(node.outputs[0]!, { scale: 1 / 256, zeroPoint });
    const y = this.#made(node, 0, grid);
    const made = this.#replace(
      node,
      "QLinearSoftmax",
      "com.microsoft",
      [...read(x), y.scaleName, y.zeroPointName],
      [y],
    );
    made.setAttribute("opset", this.#opset);
    return undefined;
  }

  concat(node: Node): string | undefined {
    if (!node.inputs.every((name) => this.isFloat(name))) return "its inputs are not float32";
    const operands = node.inputs.flatMap((name) => read(this.#operand(node, name)));
    const y = this.#made(node, 0);
    this.#replace(node, "QLinearConcat", "com.microsoft", [y.scaleName, y.zeroPointName, ...operands], [y]);
    return undefined;
  }

  /** Relu and Clip after integers, whose range begins and ends where theirs does. */
  removable(node: Node): string | undefined {
    const [input = ""] = node.inputs;
    const known = this.#integers.get(input);
    if (!known) return unquantized(node);
    if (!followsFromRange(node, this.#options)) return `${node.opType} does not follow from the integers' range`;
    if (this.#graph.consumers(input).length > 1 || this.#graph.isOutput(input))
      return "what it reads is read by others too, so that its range is another";
    this.#take(node, known);
    return undefined;
  }

  /** Operators that move values: they take integers as they are. */
  passing(node: Node): string | undefined {
    const known = this.#integers.get(node.inputs[0]!);
    if (!known) return unquantized(node);
    const data = this.#outputOf(node, 0);
    node.setInput(0, known.data);
    this.#retarget(node, 0, { ...known, data });
    return undefined;
  }

  gather(node: Node): string | undefined {
    const table = this.#constant(node.inputs[0]!);
    if (table?.dtype !== "float32") return "its table is not a constant of float32";
    const x = this.#weightAsActivation(node.inputs[0]!, node.opType);
    const data = this.#outputOf(node, 0);
    node.setInput(0, x.data);
    this.#retarget(node, 0, { ...x, data });
    return undefined;
  }

  split(node: Node): string | undefined {
    if (!this.isFloat(node.inputs[0]!)) return "its input is not float32";
    const x = this.#operand(node, node.inputs[0]!);
    node.setInput(0, x.data);
    for (const index of node.outputs.keys()) this.#retarget(node, index, { ...x, data: this.#outputOf(node, index) });
    return undefined;
  }

  argMax(node: Node): string | undefined {
    const known = this.#integers.get(node.inputs[0]!);
    if (!known) return unquantized(node);
    node.setInput(0, known.data);
    return undefined;
  }

  pad(node: Node): string | undefined {
    const known = this.#integers.get(node.inputs[0]!);
    if (!known) return unquantized(node);
    const value = node.inputs[2] ?? "";
    const constant = this.#constant(value);
    if ((node.attribute("mode") ?? "constant") === "constant") {
      if (value !== "" && constant?.toFloats()[0] !== 0) return "it pads with another value than zero";
      node.setInput(2, known.zeroPointName);
    }
    const data = this.#outputOf(node, 0);
    node.setInput(0, known.data);
    this.#retarget(node, 0, { ...known, data });
    return undefined;
  }

  /** Gives floats to whoever still reads them: other operators, graphs inside, and the graph's outputs. */
  finish(): void {
    for (const [name, place] of this.#gone) {
      if (this.#graph.defines(name)) continue;
      if (this.#graph.consumers(name).length === 0 && !this.#graph.isOutput(name)) continue;
      const integers = this.#integers.get(name)!;
      const { data } = integers;
      const inputs = read(integers);
      const producer = this.#graph.producer(data);
      this.#graph.addNode(
        { opType: "DequantizeLinear", name: `${name}_DequantizeLinear`, inputs, outputs: [name] },
        producer ? { after: producer } : place,
      );
    }
  }

  #constant(name: string): Weight | undefined {
    return name === "" || this.#graph.isOverridable(name) ? undefined : this.#graph.weight(name);
  }

  /** An operand as integers: a constant becomes some of the activations' type. */
  #operand(node: Node, name: string): Integers {
    return this.#constant(name) ? this.#weightAsActivation(name, node.opType) : this.#read(node, name);
  }

  /** An activation as integers; where it is floats so far, by a QuantizeLinear. */
  #read(node: Node, name: string): Integers {
    let known = this.#integers.get(name);
    if (!known) {
      const grid = this.#parameters.activation(name);
      known = { ...grid, data: this.#graph.uniqueName(`${name}_quantized`) };
      const inputs = [name, known.scaleName, known.zeroPointName];
      this.#graph.addNode(
        { opType: "QuantizeLinear", name: `${name}_QuantizeLinear`, inputs, outputs: [known.data] },
        { before: node },
      );
      this.#integers.set(name, known);
    }
    return known;
  }

  #weight(name: string, op: string, axis?: number): Integers {
    return this.#parameters.constant(name, true, op, axis);
  }

  #weightAsActivation(name: string, op: string): Integers {
    return this.#parameters.constant(name, false, op);
  }

  /** The integers that a node's output becomes. */
  #made(node: Node, index: number, grid?: Omit<Integers, "data">): Integers {
    const name = node.outputs[index]!;
    return { ...(grid ?? this.#parameters.activation(name)), data: this.#outputOf(node, index) };
  }

  #outputOf(node: Node, index: number): string {
    return this.#graph.uniqueName(`${node.outputs[index]!}_quantized`);
  }

  /** The same node makes integers from now on. */
  #retarget(node: Node, index: number, integers: Integers): void {
    const name = node.outputs[index]!;
    this.#graph.setOutput(node, index, integers.data);
    this.#integers.set(name, integers);
    this.#gone.set(name, { after: node });
  }

  /** A node goes; its output is these integers. */
  #take(node: Node, integers: Integers): void {
    const producer = this.#graph.producer(integers.data)!;
    const [name] = node.outputs as [string];
    this.#graph.removeNode(node);
    this.#integers.set(name, integers);
    this.#gone.set(name, { after: producer });
  }

  #replace(
    node: Node,
    opType: string,
    domain: string,
    inputs: string[],
    outputs: Integers[],
    ...except: string[]
  ): Node {
    const name = node.name === "" ? {} : { name: `${node.name}_quant` };
    const description = { opType, domain, ...name, inputs, outputs: outputs.map(({ data }) => data) };
    const made = this.#graph.addNode(description, { after: node });
    takeAttributes(made, node, ...except);
    this.#graph.removeNode(node);
    for (const [index, integers] of outputs.entries()) {
      this.#integers.set(node.outputs[index]!, integers);
      this.#gone.set(node.outputs[index]!, { after: made });
    }
    if (domain !== "") this.usesMicrosoft = true;
    return made;
  }
}

const read = ({ data, scaleName, zeroPointName }: Integers): [string, string, string] => [
  data,
  scaleName,
  zeroPointName,
];

const unquantized = (node: Node): string => `${node.opType} takes integers only where it is given some`;
