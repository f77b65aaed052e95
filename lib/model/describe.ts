/** A model's graph in the compact form that native code reads: one array of numbers, one of strings, one of tensors' bytes. */
import { PareError } from "../errors.js";
import { codeOf } from "./dtype.js";
import type { Graph } from "./graph.js";
import type { Model } from "./model.js";
import { kindOf, type Node } from "./node.js";
import {
  AttributeProto_AttributeType as Type,
  type AttributeProto,
  type SparseTensorProto,
  type TensorProto,
  type ValueInfoProto,
} from "./proto.js";
import { weightOf } from "./weight.js";

/** What native/engine/graph.h's readGraph takes. */
export interface Description {
  words: Int32Array;
  strings: string[];
  /** Bytes of the tensors that were asked for. */
  bytes: Uint8Array[];
  /** Names of each graph's values and their numbers, the main graph first. */
  scopes: Map<Graph, Map<string, number>>;
  valueCount: number;
}

/** Which tensors' bytes go along: all, or those that shape arithmetic reads. */
export type Holding = "all" | "shapes";

/** Kinds of attributes, by native/engine/op.h's AttributeKind. */
const kinds: Partial<Record<Type, number>> = {
  [Type.INT]: 0,
  [Type.FLOAT]: 1,
  [Type.STRING]: 2,
  [Type.INTS]: 3,
  [Type.FLOATS]: 4,
  [Type.STRINGS]: 5,
  [Type.TENSOR]: 6,
  [Type.GRAPH]: 7,
};
const otherKind = 8;

const integers = new Set([codeOf("int64"), codeOf("int32"), codeOf("bool"), codeOf("int16"), codeOf("uint8")]);
const floats = new Set([codeOf("float32"), codeOf("float64")]);

/** The graph and all graphs inside it; the layout stands in native/engine/graph.h. */
export function describe(model: Model, holding: Holding): Description {
  return new Describer(holding).run(model);
}

class Describer {
  readonly #holding: Holding;
  readonly #strings: string[] = [];
  readonly #stringNumbers = new Map<string, number>();
  readonly #bytes: Uint8Array[] = [];
  readonly #tensors: number[] = [];
  #tensorCount = 0;
  readonly #values: number[] = [];
  #valueCount = 0;
  readonly #blocks: number[] = [];
  readonly #queue: Graph[] = [];
  readonly #scopes = new Map<Graph, Map<string, number>>();
  readonly #float = new Float32Array(1);
  readonly #bits = new Int32Array(this.#float.buffer);

  constructor(holding: Holding) {
    this.#holding = holding;
  }

  run(model: Model): Description {
    // The queue grows meanwhile: graphs come after those that hold them, and are numbered in this order.
    this.#queue.push(model.graph);
    for (const graph of this.#queue) this.#block(graph);
    const opsets = model.proto.opsetImport.flatMap(({ domain, version }) => [this.#string(domain), clamp(version)]);
    const parts: [number, number[]][] = [
      [opsets.length / 2, opsets],
      [this.#tensorCount, this.#tensors],
      [this.#valueCount, this.#values],
      [this.#queue.length, this.#blocks],
    ];
    const words = new Int32Array(parts.reduce((length, [, list]) => length + 1 + list.length, 1));
    words[0] = 1;
    let at = 1;
    for (const [count, list] of parts) {
      words[at] = count;
      words.set(list, at + 1);
      at += 1 + list.length;
    }
    return {
      words,
      strings: this.#strings,
      bytes: this.#bytes,
      scopes: this.#scopes,
      valueCount: this.#valueCount,
    };
  }

  #string(text: string): number {
    let number = this.#stringNumbers.get(text);
    if (number === undefined) {
      number = this.#strings.push(text) - 1;
      this.#stringNumbers.set(text, number);
    }
    return number;
  }

  #wide(list: number[], value: bigint): void {
    const small = Number(value);
    if (small === (small | 0)) {
      list.push(small, small >> 31);
      return;
    }
    const bits = BigInt.asIntN(64, value);
    list.push(Number(BigInt.asIntN(32, bits)), Number(bits >> 32n));
  }

  #real(value: number): number {
    this.#float[0] = value;
    return this.#bits[0]!;
  }

  #block(graph: Graph): void {
    const { proto } = graph;
    const scope = new Map<string, number>();
    this.#scopes.set(graph, scope);
    const declared = new Map<string, ValueInfoProto>();
    for (const list of [proto.valueInfo, proto.output, proto.input])
      for (const one of list) declared.set(one.name, one);
    const define = (name: string): number => {
      if (name === "") return -1;
      let id = scope.get(name);
      if (id === undefined) {
        scope.set(name, (id = this.#valueCount++));
        this.#declare(name, declared.get(name));
      }
      return id;
    };
    const resolve = (name: string): number => {
      for (let at: Graph | undefined = graph; at; at = at.parent?.graph) {
        const id = this.#scopes.get(at)?.get(name);
        if (id !== undefined) return id;
      }
      return define(name);
    };
    const words = this.#blocks;
    const inputs = proto.input.map(({ name }) => define(name));
    const initializers: number[] = [];
    for (const tensor of proto.initializer) initializers.push(define(tensor.name), this.#tensor(tensor));
    for (const sparse of proto.sparseInitializer)
      initializers.push(define(sparse.values?.name ?? ""), this.#sparse(sparse));
    for (const node of proto.node) for (const name of node.output) define(name);
    words.push(inputs.length, ...inputs);
    words.push(proto.output.length, ...proto.output.map(({ name }) => resolve(name)));
    words.push(initializers.length / 2);
    for (const word of initializers) words.push(word);
    words.push(graph.nodes.length);
    for (const node of graph.nodes) this.#node(node, resolve);
  }

  #node(node: Node, resolve: (name: string) => number): void {
    const { domain, opType, name, input, output, attribute } = node.proto;
    const words = this.#blocks;
    words.push(this.#string(domain), this.#string(opType), this.#string(name));
    words.push(input.length, ...input.map(resolve), output.length, ...output.map(resolve));
    const given = attribute.filter(({ refAttrName }) => refAttrName === "");
    words.push(given.length);
    for (const one of given) this.#attribute(node, one);
  }

  #attribute(node: Node, proto: AttributeProto): void {
    const words = this.#blocks;
    const type = kindOf(proto);
    const kind = kinds[type] ?? otherKind;
    words.push(this.#string(proto.name), kind);
    switch (type) {
      case Type.INT:
        this.#wide(words, proto.i);
        break;
      case Type.FLOAT:
        words.push(this.#real(proto.f));
        break;
      case Type.STRING:
        words.push(this.#string(Buffer.from(proto.s).toString()));
        break;
      case Type.INTS:
        words.push(proto.ints.length);
        for (const one of proto.ints) this.#wide(words, one);
        break;
      case Type.FLOATS:
        words.push(proto.floats.length);
        for (const one of proto.floats) words.push(this.#real(one));
        break;
      case Type.STRINGS:
        words.push(proto.strings.length);
        for (const one of proto.strings) words.push(this.#string(Buffer.from(one).toString()));
        break;
      case Type.TENSOR:
        words.push(this.#tensor(proto.t));
        break;
      case Type.GRAPH:
        words.push(this.#queue.push(graphOf(node, proto.name)) - 1);
        break;
      default:
    }
  }

  #tensor(proto: TensorProto | undefined): number {
    const words = this.#tensors;
    words.push(proto?.dataType ?? 0, proto?.dims.length ?? 0);
    for (const dim of proto?.dims ?? []) this.#wide(words, dim);
    const bytes = proto && this.#bytesOf(proto);
    words.push(bytes ? this.#bytes.push(bytes) - 1 : -1);
    return this.#tensorCount++;
  }

  #bytesOf(proto: TensorProto): Uint8Array | undefined {
    if (this.#holding === "shapes") {
      // Sizes, axes and limits are short integers; scales of Resize and steps of Range the only floats.
      const limit = integers.has(proto.dataType) ? 1024 : floats.has(proto.dataType) ? 16 : 0;
      const count = proto.dims.reduce((product, dim) => product * Number(dim), 1);
      if (!(count <= limit)) return undefined;
    }
    return proto.rawData.byteLength > 0 ? proto.rawData : weightOf(proto, `tensor "${proto.name}"`)?.bytes;
  }

  #sparse({ dims, values }: SparseTensorProto): number {
    this.#tensors.push(values?.dataType ?? 0, dims.length);
    for (const dim of dims) this.#wide(this.#tensors, dim);
    this.#tensors.push(-1);
    return this.#tensorCount++;
  }

  #declare(name: string, info: ValueInfoProto | undefined): void {
    const words = this.#values;
    const type = info?.type?.value;
    words.push(this.#string(name));
    if (type?.case !== "tensorType") {
      words.push(type?.case === undefined ? 0 : -1, -1);
      return;
    }
    const { elemType, shape } = type.value;
    words.push(Math.max(0, elemType), shape ? shape.dim.length : -1);
    for (const { value } of shape?.dim ?? []) {
      if (value.case === "dimValue") {
        words.push(1);
        this.#wide(words, value.value);
      } else if (value.case === "dimParam" && value.value !== "") words.push(2, this.#string(value.value));
      else words.push(0);
    }
  }
}

function graphOf(node: Node, name: string): Graph {
  const graph = node.attribute(name) as Graph | undefined;
  if (!graph)
    throw new PareError(
      "PARE_MODEL",
      `${node.label}: the attribute "${name}" says that it is a graph, but none is there.`,
    );
  return graph;
}

const clamp = (version: bigint): number => Math.max(0, Math.min(Number(version), 2 ** 30));
