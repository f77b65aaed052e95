/**
 * Dynamic quantization: activations become uint8 as they come, weights are integers already, and the products are exact
 * int32. The pattern is the one that ONNX Runtime fuses (DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast, Mul);
 * decisions, names, scales and zero points are those of onnxruntime.quantization.quantize_dynamic.
 */
import { Weight, type Graph, type Model, type Node } from "../model/index.js";
import { constantOf, homeOf, type Constant } from "../rewrite/constants.js";
import { gemmToMatMul } from "../rewrite/gemm.js";
import type { Report } from "../report/index.js";
import { takeAttributes } from "./attributes.js";
import { quantizeAttention, quantizeEmbedding, quantizeGather, quantizeLstm } from "./dynamic-fused.js";
import type { IntegerDtype, Resolved } from "./options.js";
import { nameOf } from "../rewrite/names.js";
import { refusal } from "./selection.js";
import type { IntegerSpec, WeightForm, WeightWork } from "./work.js";

/** Names of a quantized tensor and of what it takes to read it. */
export interface Quantized {
  data: string;
  scale: string;
  zeroPoint: string;
}

/** Turns one node into integer arithmetic, or says why not. */
type Rewrite = (dynamic: Dynamic, graph: Graph, node: Node) => string | undefined;

const rewrites: Record<string, Rewrite> = {
  MatMul: quantizeMatMul,
  Gemm: quantizeGemm,
  Conv: quantizeConv,
  Gather: quantizeGather,
  LSTM: quantizeLstm,
  "com.microsoft Attention": quantizeAttention,
  "com.microsoft EmbedLayerNormalization": quantizeEmbedding,
};

/** Operator types that mode "dynamic" knows. */
export const dynamicOps = Object.keys(rewrites).map((key) => key.replace("com.microsoft ", ""));

/** Rewrites every node that may be and can be; needs opset 11. */
export function quantizeDynamic(model: Model, options: Resolved, work: WeightWork, report: Report): void {
  const dynamic = new Dynamic(options, work, report);
  for (const graph of model.graph.walk()) {
    for (const node of [...graph.nodes]) {
      const rewrite = rewrites[node.domain === "" ? node.opType : `${node.domain} ${node.opType}`];
      if (!rewrite || isShapeGather(graph, node)) continue;
      const name = nameOf(node);
      const reason = refusal(node, options) ?? rewrite(dynamic, graph, node);
      if (reason !== undefined) report.skip(name, reason);
    }
  }
  if (dynamic.usesMicrosoft && model.opset("com.microsoft") === undefined) model.setOpset("com.microsoft", 1);
}

/** What the rewrites of one model share: each activation and each weight is quantized once. */
export class Dynamic {
  readonly options: Resolved;
  usesMicrosoft = false;
  readonly #work: WeightWork;
  readonly #report: Report;
  readonly #activations = new Map<Graph, Map<string, Quantized>>();
  readonly #weights = new Map<Graph, Map<string, Quantized>>();
  readonly #products = new Map<Graph, Map<string, string>>();

  constructor(options: Resolved, work: WeightWork, report: Report) {
    this.options = options;
    this.#work = work;
    this.#report = report;
  }

  note(text: string): void {
    this.#report.note(text);
  }

  /** A value as uint8, made where the value is made, so that all its readers share it. */
  activation(graph: Graph, name: string): Quantized {
    const home = homeOf(graph, name) ?? graph;
    const known = entry(this.#activations, home);
    let quantized = known.get(name);
    if (!quantized) {
      quantized = {
        data: home.uniqueName(`${name}_quantized`),
        scale: home.uniqueName(`${name}_scale`),
        zeroPoint: home.uniqueName(`${name}_zero_point`),
      };
      const producer = home.producer(name);
      const first = home.nodes[0];
      home.addNode(
        {
          opType: "DynamicQuantizeLinear",
          name: `${name}_QuantizeLinear`,
          inputs: [name],
          outputs: [quantized.data, quantized.scale, quantized.zeroPoint],
        },
        producer ? { after: producer } : first ? { before: first } : undefined,
      );
      known.set(name, quantized);
    }
    return quantized;
  }

  /** Remembers that a value already exists as integers. */
  setActivation(graph: Graph, name: string, quantized: Quantized): void {
    entry(this.#activations, graph).set(name, quantized);
  }

  /** A weight as integers, beside the weight that it stands for. */
  weight(
    { name, weight, owner, transposed }: Constant,
    spec: IntegerSpec,
    op: string,
    form: WeightForm = { turn: transposed },
  ): Quantized {
    const known = entry(this.#weights, owner);
    const key = JSON.stringify([name, spec, form]);
    let quantized = known.get(key);
    if (!quantized) {
      const made = this.#work.integers(weight, spec, { name, op }, form);
      const base = transposed ? `${name}_Transposed` : name;
      quantized = {
        data: owner.addWeight(`${base}_quantized`, made.data),
        scale: owner.addWeight(`${base}_scale`, made.scale),
        zeroPoint: owner.addWeight(`${base}_zero_point`, made.zeroPoint),
      };
      known.set(key, quantized);
    }
    return quantized;
  }

  /** How weights of this type are quantized: signed ones symmetric, unless the options say otherwise. */
  spec(dtype: IntegerDtype = this.options.dtype as IntegerDtype, axis?: number): IntegerSpec {
    const { symmetric, reduceRange } = this.options;
    const own = dtype === this.options.dtype ? symmetric : !dtype.startsWith("u");
    return { dtype, symmetric: own, reduceRange, ...(axis === undefined ? {} : { axis }) };
  }

  /** Integer product of activation and weight, cast to float32 and scaled into `out`, in the place of `node`. */
  product(graph: Graph, node: Node, opType: string, a: Quantized, b: Quantized, out: string): void {
    const at = placeOf(graph, node);
    const original = node.outputs[0]!;
    const integer = graph.uniqueName(`${original}_output_quantized`);
    const float = graph.uniqueName(`${integer}_cast_output`);
    const name = node.name === "" ? "" : `${node.name}_quant`;
    const named = (suffix: string): { name?: string } => (name === "" ? {} : { name: `${name}${suffix}` });
    graph.removeNode(node);
    const inputs = [a.data, b.data, a.zeroPoint, b.zeroPoint];
    const integerNode = graph.addNode({ opType, ...named(""), inputs, outputs: [integer] }, at);
    if (opType === "ConvInteger") takeAttributes(integerNode, node);
    const cast = { opType: "Cast", name: `${integer}_cast`, inputs: [integer], outputs: [float] };
    graph.addNode({ ...cast, attributes: { to: 1 } }, at);
    // Nodes come in order, so that an equal product of scales stands before this place already.
    const products = entry(this.#products, graph);
    const pair = JSON.stringify([a.scale, b.scale]);
    let scale = products.get(pair);
    if (scale === undefined) {
      const base = name === "" ? `${a.scale}_${b.scale}_mul` : `${name}_scales_mul`;
      scale = graph.uniqueName(`${base}:0`);
      graph.addNode({ opType: "Mul", name: base, inputs: [a.scale, b.scale], outputs: [scale] }, at);
      products.set(pair, scale);
    }
    graph.addNode({ opType: "Mul", ...named("_output_scale_mul"), inputs: [float, scale], outputs: [out] }, at);
  }
}

/** Where the node that follows `node` stands, for nodes that take its place. */
export function placeOf(graph: Graph, node: Node): { before: Node } | undefined {
  const next = graph.nodes[graph.nodes.indexOf(node) + 1];
  return next && { before: next };
}

/** A constant float32 input with at least one element, or why it is none. */
export function weightInput(graph: Graph, node: Node, index: number): Constant | string {
  const name = node.inputs[index] ?? "";
  if (name === "") return `input ${index} is missing`;
  const constant = constantOf(graph, name);
  if (typeof constant === "string") return `weight "${name}": ${constant}`;
  if (constant.weight.dtype !== "float32") return `weight "${name}" is ${constant.weight.dtype}, not float32`;
  if (constant.weight.elementCount === 0) return `weight "${name}" has no elements`;
  return constant;
}

/** A Gather from anything but a constant of floats, as shape arithmetic is full of: not worth a word in the report. */
export function isShapeGather(graph: Graph, node: Node): boolean {
  if (node.opType !== "Gather") return false;
  const home = homeOf(graph, node.inputs[0]!);
  return home?.weight(node.inputs[0]!)?.dtype !== "float32";
}

function quantizeMatMul(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const b = weightInput(graph, node, 1);
  if (typeof b === "string") return b;
  const rank = b.weight.dims.length;
  // MatMulInteger takes a vector of zero points for a matrix only.
  const perChannel = dynamic.options.perChannel && rank === 2;
  if (dynamic.options.perChannel && !perChannel)
    dynamic.note(`${b.name} has ${rank} dimensions: one scale for all of it, as MatMulInteger wants.`);
  const a = dynamic.activation(graph, node.inputs[0]!);
  const channels = b.transposed ? 0 : 1;
  const weight = dynamic.weight(b, dynamic.spec(undefined, perChannel ? channels : undefined), node.opType);
  dynamic.product(graph, node, "MatMulInteger", a, weight, node.outputs[0]!);
  return undefined;
}

function quantizeGemm(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const b = weightInput(graph, node, 1);
  if (typeof b === "string") return b;
  return quantizeMatMul(dynamic, graph, gemmToMatMul(graph, node));
}

function quantizeConv(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const w = weightInput(graph, node, 1);
  if (typeof w === "string") return w;
  const { options } = dynamic;
  if (options.dtype === "int8")
    dynamic.note("Conv has uint8 weights: ConvInteger with int8 ones does not load in every ONNX Runtime.");
  if (options.perChannel)
    dynamic.note("Conv has one scale a weight: ONNX Runtime's ConvInteger takes a single zero point.");
  const a = dynamic.activation(graph, node.inputs[0]!);
  const weight = dynamic.weight(w, dynamic.spec("uint8"), node.opType);
  const out = node.outputs[0]!;
  const bias = node.inputs[2] ?? "";
  const at = placeOf(graph, node);
  if (bias === "") {
    dynamic.product(graph, node, "ConvInteger", a, weight, out);
    return undefined;
  }
  const scaled = graph.uniqueName(`${out}quant_scaled_output`);
  dynamic.product(graph, node, "ConvInteger", a, weight, scaled);
  const dims = w.weight.dims.map((_, i) => (i === 1 ? -1 : 1));
  const shape = graph.addWeight(`${out}_bias_reshape_shape`, Weight.of("int64", [dims.length], dims));
  const reshaped = graph.uniqueName(`${out}_bias_reshape_output`);
  graph.addNode({ opType: "Reshape", inputs: [bias, shape], outputs: [reshaped] }, at);
  graph.addNode({ opType: "Add", name: `${out}_bias_add`, inputs: [scaled, reshaped], outputs: [out] }, at);
  return undefined;
}

/** The inner map at a key, made when first asked for. */
export function entry<Key, Value>(map: Map<Key, Map<string, Value>>, key: Key): Map<string, Value> {
  let inner = map.get(key);
  if (!inner) map.set(key, (inner = new Map<string, Value>()));
  return inner;
}
