/**
 * Which tensors of a graph become integers, and how: the rules of onnxruntime.quantization's QDQQuantizer (qdq_quantizer.py
 * and operators/), node by node in the file's order.
 */
import type { Weight } from "../../model/index.js";
import { type Graph, type Model, type Node } from "../../model/index.js";
import { nameOf } from "../../rewrite/names.js";
import type { Report } from "../../report/index.js";
import type { Resolved } from "../options.js";
import { refusal } from "../selection.js";

/** A tensor with integers of its own: a constant that is a weight has the weights' type, all others the activations'. */
export interface Planned {
  isWeight: boolean;
  /** Axis with a scale for each index; undefined: one scale. */
  axis?: number;
  /** The tensor whose scale it takes. */
  like?: string;
}

/** A bias that becomes int32, its scale the product of its node's input's and weight's. */
export interface PlannedBias {
  node: Node;
  input: string;
  weight: string;
  /** What the node multiplies the bias with; the node forgets it. */
  beta: number;
}

/** The types of operators that static quantization takes by default. */
export const staticOps = [
  ...["ArgMax", "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Conv", "ConvTranspose", "CumSum"],
  ...["Flatten", "Gather", "GatherElements", "Gemm", "GlobalAveragePool", "InstanceNormalization"],
  ...["LayerNormalization", "LeakyRelu", "MatMul", "MaxPool", "Mul", "Pad", "Relu", "Reshape", "Resize", "Sigmoid"],
  ...["Slice", "Softmax", "Split", "Squeeze", "TopK", "Transpose", "Unsqueeze", "Where"],
];

type Rule = (plan: Plan, node: Node) => void;

const rules: Record<string, Rule> = {
  Conv: (plan, node) => {
    plan.product(node, 0);
  },
  ConvTranspose: (plan, node) => {
    plan.product(node, 1);
  },
  Gemm: (plan, node) => {
    plan.product(node, Number(node.attribute("transB") ?? 0) > 0 ? 0 : 1);
  },
  MatMul: (plan, node) => {
    plan.matMul(node);
  },
  Relu: (plan, node) => {
    plan.removable(node);
  },
  Clip: (plan, node) => {
    plan.removable(node);
  },
  ...Object.fromEntries(
    [
      ...["Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "AveragePool", "MaxPool", "Slice", "Resize"],
      "TopK",
    ].map((type): [string, Rule] => [
      type,
      (plan, node) => {
        plan.passing(node);
      },
    ]),
  ),
  Pad: (plan, node) => {
    plan.pad(node);
  },
  Split: (plan, node) => {
    plan.split(node);
  },
  Gather: (plan, node) => {
    plan.gather(node);
  },
  GatherElements: (plan, node) => {
    plan.gather(node);
  },
  Where: (plan, node) => {
    plan.where(node);
  },
  InstanceNormalization: (plan, node) => {
    plan.normalization(node);
  },
  LayerNormalization: (plan, node) => {
    plan.normalization(node);
  },
  BatchNormalization: (plan, node) => {
    plan.normalization(node);
  },
};

/** Whether options let a node take part; if not, why. */
export function declines(node: Node, options: Resolved): string | undefined {
  if (node.domain !== "" || !staticOps.includes(node.opType)) return `pare has no static form of ${node.opType}`;
  const snrDb = options.fragile?.get(nameOf(node));
  if (snrDb !== undefined) return `its integers alone would leave the outputs ${snrDb.toFixed(1)} dB`;
  return refusal(node, options);
}

/**
 * Whether integers of an activation's range do what this Relu or Clip does: what lies outside saturates to ends that are
 * no further than its own. The range always holds zero, so its bounds must lie around zero.
 */
export function followsFromRange(node: Node, options: Resolved): boolean {
  const { activationSymmetric, calibrationSymmetric, method } = options;
  if (activationSymmetric || (calibrationSymmetric && method !== "percentile")) return false;
  if (node.opType === "Relu") return true;
  const [low = 0, high = 0] = [1, 2].map((index) => {
    const name = node.inputs[index] ?? "";
    return name === "" ? 0 : (node.graph.weight(name)?.toFloats()[0] ?? NaN);
  });
  return low <= 0 && high >= 0;
}

export class Plan {
  readonly tensors = new Map<string, Planned>();
  readonly biases = new Map<string, PlannedBias>();
  readonly graph: Graph;
  readonly #options: Resolved;
  readonly #floats: (name: string) => boolean;

  /** Plans the model's main graph and removes the Relu and Clip nodes that the integers' range makes needless. */
  constructor(model: Model, options: Resolved, report: Report) {
    this.graph = model.graph;
    this.#options = options;
    const types = model.inferShapes();
    this.#floats = (name) => types.get(name)?.dtype === "float32";
    for (const node of [...this.graph.nodes]) {
      const reason = declines(node, options);
      if (reason === undefined) (rules[node.opType] ?? everything)(this, node);
      else if (node.outputs.some((name) => this.#floats(name))) report.skip(nameOf(node), reason);
    }
  }

  /** A constant of the main graph that no caller can override. */
  constant(name: string): Weight | undefined {
    return name === "" || this.graph.isOverridable(name) ? undefined : this.graph.weight(name);
  }

  activation(name = ""): void {
    if (this.#isQuantizable(name) && !this.tensors.has(name)) this.tensors.set(name, { isWeight: false });
  }

  /** A constant becomes a weight, what is computed an activation. */
  weight(name: string, axis?: number): void {
    if (!this.#isQuantizable(name) || this.tensors.has(name)) return;
    const constant = this.constant(name);
    const rank = constant?.dims.length ?? 0;
    const inRange = axis !== undefined && axis < rank && this.#options.perChannel;
    this.tensors.set(name, { isWeight: constant !== undefined, ...(inRange ? { axis } : {}) });
  }

  /** The output has the input's integers. */
  like(output: string, input: string): void {
    if (this.#isQuantizable(output)) this.tensors.set(output, { isWeight: false, like: input });
  }

  product(node: Node, axis: number): void {
    const [input = "", weight = "", bias = ""] = node.inputs;
    this.activation(input);
    this.activation(node.outputs[0]);
    this.weight(weight, axis);
    if (this.constant(bias)?.dtype !== "float32") return;
    const beta = node.opType === "Gemm" ? Number(node.attribute("beta") ?? 1) : 1;
    let own = bias;
    if (this.biases.has(bias)) {
      // Each node has a scale of its own for it.
      own = this.graph.addWeight(bias, this.graph.weight(bias)!);
      node.setInput(2, own);
    }
    if (beta !== 1) node.setAttribute("beta", 1, "float");
    this.biases.set(own, { node, input, weight, beta });
  }

  matMul(node: Node): void {
    const [a = "", b = ""] = node.inputs;
    this.weight(a);
    // Of more than a matrix, integer kernels take one scale alone.
    this.weight(b, this.constant(b)?.dims.length === 2 ? 1 : undefined);
    this.activation(node.outputs[0]);
  }

  /** Relu and Clip go where the range of the integers before them can begin and end as theirs does. */
  removable(node: Node): void {
    const [input = ""] = node.inputs;
    const [output = ""] = node.outputs;
    if (!this.#isQuantized(input)) return;
    const { graph } = this;
    const producer = graph.producer(input);
    const goes =
      followsFromRange(node, this.#options) &&
      this.#floats(output) &&
      producer !== undefined &&
      graph.consumers(input).length === 1 &&
      !graph.isOutput(input);
    if (goes) {
      graph.removeNode(node);
      graph.setOutput(producer, producer.outputs.indexOf(input), output);
      this.tensors.delete(input);
    } else this.activation(input);
    this.activation(output);
  }

  passing(node: Node): void {
    if (this.#isQuantized(node.inputs[0] ?? "")) this.like(node.outputs[0]!, node.inputs[0]!);
  }

  pad(node: Node): void {
    for (const name of node.inputs) this.activation(name);
    const mode = node.attribute("mode") ?? "constant";
    const value = node.inputs[2] ?? "";
    const zero = value === "" || this.constant(value)?.toFloats()[0] === 0;
    if (mode !== "constant" || zero) this.like(node.outputs[0]!, node.inputs[0]!);
    else this.activation(node.outputs[0]);
  }

  split(node: Node): void {
    this.activation(node.inputs[0]);
    for (const output of node.outputs) this.like(output, node.inputs[0]!);
  }

  gather(node: Node): void {
    const table = node.inputs[0]!;
    if (this.constant(table)?.dtype === "float32") this.activation(table);
    if (this.#isQuantized(table)) this.like(node.outputs[0]!, table);
  }

  where(node: Node): void {
    const [, a = "", b = ""] = node.inputs;
    if (this.#isQuantized(a) && this.#isQuantized(b)) this.activation(node.outputs[0]);
  }

  normalization(node: Node): void {
    const [input = "", scale = "", bias = ""] = node.inputs;
    this.activation(input);
    this.weight(scale);
    if (this.constant(bias)?.dtype === "float32" && !this.biases.has(bias))
      this.biases.set(bias, { node, input, weight: scale, beta: 1 });
    for (const output of node.outputs) this.activation(output);
  }

  #isQuantized(name: string): boolean {
    return this.tensors.has(name) || this.biases.has(name);
  }

  #isQuantizable(name: string): boolean {
    const constant = this.constant(name);
    return constant ? constant.dtype === "float32" && constant.elementCount > 0 : name !== "" && this.#floats(name);
  }
}

/** What no rule says otherwise of: all that it reads and makes. */
function everything(plan: Plan, node: Node): void {
  for (const name of [...node.inputs, ...node.outputs]) plan.activation(name);
}
