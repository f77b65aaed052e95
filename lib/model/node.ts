/** Nodes: operator, inputs, outputs, attributes; a face over NodeProto, which stays the truth. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PareError } from "../errors.js";
import { Graph } from "./graph.js";
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as Type,
  type AttributeProto,
  type NodeProto,
} from "./proto.js";
import { nodeLabel } from "./tensors.js";
import { tensorOf, Weight, weightOf } from "./weight.js";

/** An attribute's value: ints are numbers where a double holds them exactly, else bigints. */
export type AttributeValue =
  | number
  | bigint
  | string
  | Weight
  | Graph
  | readonly (number | bigint)[]
  | readonly string[]
  | readonly Weight[]
  | readonly Graph[];

/** Attribute kinds that a value alone does not tell: 1 may be an int or a float. */
export type AttributeKind = "float" | "int" | "floats" | "ints" | "strings";

/** Attributes of ONNX's and ONNX Runtime's operators that are floats, so that 1 may be written for 1.0. */
const floatAttributes = new Set(
  (
    "alpha activation_alpha activation_beta activation_params beta bias clip coefficients cubic_coeff_a epsilon extrapolation_value gamma high " +
    "intercepts lambd low mean momentum norm_coefficient norm_coefficient_post ratio rho scale scales softcap spatial_scale " +
    "value value_float value_floats l1 l2 decay proximal beta1 beta2"
  ).split(" "),
);

const utf8 = { decode: new TextDecoder(), encode: new TextEncoder() };
const integer = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

export class Node {
  readonly proto: NodeProto;
  readonly graph: Graph;
  /** Made for the first graph: most nodes hold none. */
  #subgraphs: Map<object, Graph> | undefined;

  /** Nodes are made by their graph: see Graph.addNode. */
  constructor(proto: NodeProto, graph: Graph) {
    this.proto = proto;
    this.graph = graph;
  }

  get opType(): string {
    return this.proto.opType;
  }
  /** The operator set's domain; "" for ONNX's own, which files may also spell "ai.onnx". */
  get domain(): string {
    return this.proto.domain === "ai.onnx" ? "" : this.proto.domain;
  }
  get name(): string {
    return this.proto.name;
  }
  /** Names of the inputs; "" stands for an optional one that is left out. */
  get inputs(): readonly string[] {
    return this.proto.input;
  }
  get outputs(): readonly string[] {
    return this.proto.output;
  }

  /** How messages call this node: its name, else its operator and first output. */
  get label(): string {
    return nodeLabel(this.proto);
  }

  /** Reads another value at an input; inputs between the last one and `index` become "". */
  setInput(index: number, name: string): void {
    while (this.proto.input.length < index) this.proto.input.push("");
    this.graph.changeInputs(this, () => {
      this.proto.input[index] = name;
    });
  }

  /** Names of the attributes in file order. */
  get attributeNames(): string[] {
    return this.proto.attribute.map(({ name }) => name);
  }

  /** All attributes by name, as a description of a node takes them. */
  get attributes(): Record<string, AttributeValue> {
    return Object.fromEntries(this.attributeNames.map((name) => [name, this.attribute(name)!]));
  }

  /** An attribute's value; undefined where it is absent or refers to a function's parameter. */
  attribute(name: string): AttributeValue | undefined {
    const proto = this.#find(name);
    if (proto?.refAttrName !== "") return undefined;
    const where = (): string => `node ${this.label}, attribute "${name}"`;
    switch (kindOf(proto)) {
      case Type.FLOAT:
        return proto.f;
      case Type.INT:
        return integer(proto.i);
      case Type.STRING:
        return utf8.decode.decode(proto.s);
      case Type.TENSOR:
        return proto.t && weightOf(proto.t, where());
      case Type.GRAPH:
        return proto.g && this.#subgraph(proto.g);
      case Type.FLOATS:
        return proto.floats;
      case Type.INTS:
        return proto.ints.map(integer);
      case Type.STRINGS:
        return proto.strings.map((bytes) => utf8.decode.decode(bytes));
      case Type.TENSORS:
        return proto.tensors.map((tensor) => weightOf(tensor, where())).filter((weight) => weight !== undefined);
      case Type.GRAPHS:
        return proto.graphs.map((graph) => this.#subgraph(graph));
      default:
        return undefined;
    }
  }

  /**
   * Sets an attribute; undefined removes it. Whole numbers become ints and others floats, unless `kind` says otherwise, the
   * attribute exists (it keeps its kind), or ONNX has a float under that name (alpha, epsilon, scale, …).
   */
  setAttribute(name: string, value: AttributeValue | undefined, kind?: AttributeKind): void {
    const { attribute: list } = this.proto;
    const at = list.findIndex((one) => one.name === name);
    if (value === undefined) {
      if (at >= 0) list.splice(at, 1);
    } else {
      const proto = attributeOf(name, value, kind ?? kindName(list[at]) ?? onnxKind(name, value));
      if (at >= 0) list[at] = proto;
      else list.push(proto);
    }
    this.graph.nodeChanged(this);
  }

  /** The graphs in this node's attributes: branches of an If, bodies of Loop and Scan. */
  get subgraphs(): Graph[] {
    const found: Graph[] = [];
    for (const { g, graphs } of this.proto.attribute) {
      if (g) found.push(this.#subgraph(g));
      for (const graph of graphs) found.push(this.#subgraph(graph));
    }
    return found;
  }

  #find(name: string): AttributeProto | undefined {
    return this.proto.attribute.find((one) => one.name === name);
  }

  #subgraph(proto: Graph["proto"]): Graph {
    this.#subgraphs ??= new Map();
    let graph = this.#subgraphs.get(proto);
    if (!graph) this.#subgraphs.set(proto, (graph = new Graph(proto, this.graph.model, this)));
    return graph;
  }
}

/** An attribute's kind; files of the first IR versions leave `type` out, and the field that is filled tells. */
export function kindOf(proto: AttributeProto): Type {
  if (proto.type !== Type.UNDEFINED) return proto.type;
  if (proto.t) return Type.TENSOR;
  if (proto.g) return Type.GRAPH;
  if (proto.ints.length > 0) return Type.INTS;
  if (proto.floats.length > 0) return Type.FLOATS;
  if (proto.strings.length > 0) return Type.STRINGS;
  if (proto.tensors.length > 0) return Type.TENSORS;
  if (proto.graphs.length > 0) return Type.GRAPHS;
  if (proto.s.byteLength > 0) return Type.STRING;
  return proto.f !== 0 ? Type.FLOAT : Type.INT;
}

function kindName(proto: AttributeProto | undefined): AttributeKind | undefined {
  const names: Partial<Record<Type, AttributeKind>> = {
    [Type.FLOAT]: "float",
    [Type.INT]: "int",
    [Type.FLOATS]: "floats",
    [Type.INTS]: "ints",
    [Type.STRINGS]: "strings",
  };
  return proto && names[kindOf(proto)];
}

function onnxKind(name: string, value: AttributeValue): AttributeKind | undefined {
  if (!floatAttributes.has(name)) return undefined;
  return Array.isArray(value) ? "floats" : "float";
}

function attributeOf(name: string, value: AttributeValue, kind: AttributeKind | undefined): AttributeProto {
  const make = (fields: MessageInitShape<typeof AttributeProtoSchema>): AttributeProto =>
    create(AttributeProtoSchema, { name, ...fields });
  const isInteger = (one: unknown): one is number | bigint => typeof one === "bigint" || Number.isInteger(one);
  if (typeof value === "string") return make({ type: Type.STRING, s: utf8.encode.encode(value) });
  if (value instanceof Weight) return make({ type: Type.TENSOR, t: tensorOf("", value) });
  if (value instanceof Graph) return make({ type: Type.GRAPH, g: value.proto });
  if (typeof value === "number" || typeof value === "bigint")
    return kind !== "float" && isInteger(value)
      ? make({ type: Type.INT, i: BigInt(value) })
      : make({ type: Type.FLOAT, f: Number(value) });
  const [first] = value;
  if (typeof first === "string" || kind === "strings")
    return make({ type: Type.STRINGS, strings: (value as readonly string[]).map((text) => utf8.encode.encode(text)) });
  if (first instanceof Weight)
    return make({ type: Type.TENSORS, tensors: (value as readonly Weight[]).map((weight) => tensorOf("", weight)) });
  if (first instanceof Graph)
    return make({ type: Type.GRAPHS, graphs: (value as readonly Graph[]).map(({ proto }) => proto) });
  const numbers = value as readonly (number | bigint)[];
  if (kind === "floats" || !numbers.every(isInteger)) return make({ type: Type.FLOATS, floats: numbers.map(Number) });
  if (kind !== undefined && kind !== "ints")
    throw new PareError("PARE_TYPE", `attribute "${name}" is a ${kind}; it cannot become a list.`);
  return make({ type: Type.INTS, ints: numbers.map(BigInt) });
}
