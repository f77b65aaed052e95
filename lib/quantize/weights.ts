/** Weights stored as integers and widened where they are read: DequantizeLinear before the operator, arithmetic in float32. */
import { PareError } from "../errors.js";
import { byteLengthOf, type Graph, type Model, type Node, type Place as NodePlace } from "../model/index.js";
import type { Report } from "../report/index.js";
import { entry, isShapeGather, weightInput } from "./dynamic.js";
import type { IntegerDtype, Resolved } from "./options.js";
import { nameOf } from "../rewrite/names.js";
import { refusal } from "./selection.js";
import { scaleDimsOf, type IntegerSpec, type WeightWork } from "./work.js";

/** Where an operator keeps a weight: the axis of its output channels, and the axis that is summed over. */
interface Place {
  index: number;
  channels: (rank: number) => number;
  summed: (rank: number) => number;
}

const at = (index: number, channels: number, summed: number): Place => ({
  index,
  channels: (rank) => (channels < 0 ? rank + channels : channels),
  summed: (rank) => (summed < 0 ? rank + summed : summed),
});

const places: Record<string, (node: Node) => Place[]> = {
  MatMul: () => [at(1, -1, -2), at(0, -2, -1)],
  Gemm: (node) => [node.attribute("transB") ? at(1, 0, 1) : at(1, 1, 0)],
  Conv: () => [at(1, 0, 1)],
  ConvTranspose: () => [at(1, 1, 0)],
  Gather: () => [at(0, -1, -1)],
  LSTM: () => [at(1, 1, 2), at(2, 1, 2)],
  GRU: () => [at(1, 1, 2), at(2, 1, 2)],
  RNN: () => [at(1, 1, 2), at(2, 1, 2)],
  "com.microsoft Attention": () => [at(1, 1, 0)],
  "com.microsoft FusedMatMul": (node) => [node.attribute("transB") ? at(1, -2, -1) : at(1, -1, -2)],
  "com.microsoft FusedGemm": (node) => [node.attribute("transB") ? at(1, 0, 1) : at(1, 1, 0)],
  "com.microsoft FusedConv": () => [at(1, 0, 1)],
};

/** Operator types that mode "weights" knows. */
export const weightOps = Object.keys(places).map((key) => key.replace("com.microsoft ", ""));

/** The opset in which standard DequantizeLinear can say this. */
export function opsetForWeights({ dtype, perChannel, blockSize }: Resolved): number {
  if (blockSize > 0 || ["int16", "uint16", "int4", "uint4"].includes(dtype)) return 21;
  return perChannel ? 13 : 10;
}

/**
 * Rewrites every weight that may be and can be. Int16 takes com.microsoft's DequantizeLinear below opset 21, and so does
 * whatever the model's opset cannot say in ONNX's own; blocks have no other form.
 */
export function quantizeWeights(model: Model, options: Resolved, work: WeightWork, report: Report): void {
  const domain = (model.opset() ?? 0) >= opsetForWeights(options) ? "" : "com.microsoft";
  if (domain !== "" && options.blockSize > 0)
    throw new PareError(
      "PARE_UNSUPPORTED",
      `Blocks of ${options.blockSize} need opset 21; the model is at ${model.opset()} and could not be raised.`,
    );
  const rewrite = new WeightRewrite(options, work, domain);
  for (const graph of model.graph.walk()) {
    for (const node of [...graph.nodes]) {
      const found = places[node.domain === "" ? node.opType : `${node.domain} ${node.opType}`]?.(node);
      if (!found || isShapeGather(graph, node)) continue;
      const reasons = [];
      const refused = refusal(node, options);
      if (refused !== undefined) reasons.push(refused);
      else for (const place of found) reasons.push(rewrite.place(graph, node, place));
      // A product has a weight on one side: the other one's reason is of no interest.
      if (reasons.every((reason) => reason !== undefined)) report.skip(nameOf(node), reasons[0]!);
    }
  }
  if (rewrite.used && domain !== "" && model.opset(domain) === undefined) model.setOpset(domain, 1);
}

class WeightRewrite {
  used = false;
  readonly #options: Resolved;
  readonly #work: WeightWork;
  readonly #domain: string;
  /** Of each graph: the integers of a weight quantized this way, and the float value that stands for it. */
  readonly #made = new Map<Graph, Map<string, string | Integers>>();

  constructor(options: Resolved, work: WeightWork, domain: string) {
    this.#options = options;
    this.#work = work;
    this.#domain = domain;
  }

  /** Quantizes the weight at one place of a node, or says why not. */
  place(graph: Graph, node: Node, { index, channels, summed }: Place): string | undefined {
    const constant = weightInput(graph, node, index);
    if (typeof constant === "string") return constant;
    const { weight, name, owner, transposed } = constant;
    const rank = weight.dims.length;
    if (rank < 2) return `weight "${name}" is a vector`;
    const { dtype, symmetric, reduceRange, perChannel, blockSize } = this.#options;
    const integer = dtype as IntegerDtype;
    const turn = (axis: number): number => (transposed ? 1 - axis : axis);
    const axis = perChannel ? turn(channels(rank)) : blockSize > 0 ? turn(summed(rank)) : undefined;
    const spec: IntegerSpec = {
      dtype: integer,
      symmetric,
      reduceRange,
      blockSize,
      ...(axis === undefined ? {} : { axis }),
    };
    const after = bytesAfter(weight.dims, spec);
    if (after >= weight.bytes.byteLength)
      return `weight "${name}" would not shrink: ${weight.bytes.byteLength} bytes now, ${after} with its scales`;
    const made = entry(this.#made, owner);
    const key = (what: string): string => JSON.stringify([name, spec, what]);
    const integers = (): Integers => {
      let known = made.get(key("integers")) as Integers | undefined;
      if (!known) {
        const { data, scale, zeroPoint } = this.#work.integers(weight, spec, { name, op: node.opType });
        known = [
          owner.addWeight(`${name}_quantized`, data),
          owner.addWeight(`${name}_scale`, scale),
          owner.addWeight(`${name}_zero_point`, zeroPoint),
        ];
        made.set(key("integers"), known);
      }
      return known;
    };
    this.used = true;
    if (node.opType === "Gather" && !transposed && !isFourBit(dtype) && this.#gather(graph, node, spec, rank, integers))
      return undefined;
    let float = made.get(key("float")) as string | undefined;
    if (float === undefined) {
      float = owner.uniqueName(`${name}_DequantizeLinear_Output`);
      const first = owner.nodes[0];
      this.#dequantize(owner, integers(), float, spec, `${name}_DequantizeLinear`, first && { before: first });
      made.set(key("float"), float);
    }
    if (transposed) {
      const turned = graph.uniqueName(`${float}_Transposed`);
      const attributes = { perm: [1, 0] };
      graph.addNode({ opType: "Transpose", inputs: [float], outputs: [turned], attributes }, { before: node });
      float = turned;
    }
    node.setInput(index, float);
    return undefined;
  }

  /**
   * Gathers integers and widens what was gathered, instead of the whole table at each run: possible with one scale, or
   * with one for each index of the last axis if that is not the one that is gathered from.
   */
  #gather(graph: Graph, node: Node, spec: IntegerSpec, rank: number, integers: () => Integers): boolean {
    const axis = Number(node.attribute("axis") ?? 0);
    if (spec.blockSize || (spec.axis !== undefined && (axis < 0 ? axis + rank : axis) === rank - 1)) return false;
    const [data, scale, zeroPoint] = integers();
    const out = node.outputs[0]!;
    const gathered = graph.uniqueName(`${out}_quantized`);
    node.setInput(0, data);
    graph.setOutput(node, 0, gathered);
    const last = spec.axis === undefined ? spec : { ...spec, axis: -1 };
    this.#dequantize(graph, [gathered, scale, zeroPoint], out, last, `${out}_DequantizeLinear`, { after: node });
    return true;
  }

  #dequantize(
    graph: Graph,
    inputs: Integers,
    output: string,
    { axis, blockSize }: IntegerSpec,
    name: string,
    place: NodePlace | undefined,
  ): void {
    const attributes = { ...(axis === undefined ? {} : { axis }), ...(blockSize ? { block_size: blockSize } : {}) };
    graph.addNode(
      { opType: "DequantizeLinear", domain: this.#domain, name, inputs, outputs: [output], attributes },
      place,
    );
  }
}

type Integers = [data: string, scale: string, zeroPoint: string];

const isFourBit = (dtype: string): boolean => dtype === "int4" || dtype === "uint4";

function bytesAfter(dims: readonly number[], { dtype, axis, blockSize }: IntegerSpec): number {
  const scales = scaleDimsOf(dims, axis, blockSize);
  const [data, scale, zeroPoint] = [
    byteLengthOf(dtype, dims, "weight"),
    byteLengthOf("float32", scales, "scale"),
    byteLengthOf(dtype, scales, "zero point"),
  ];
  return data + scale + zeroPoint;
}
