/** What a fusion sees of the nodes around one: who makes a value, who alone reads it, and what is constant. */
import type { Dim, Graph, Model, Node, NodeDescription, Weight } from "../../model/index.js";
import { isUnknown, type InferredType, type Shapes } from "../../model/shapes.js";
import { constantOf } from "../constants.js";

export class Site {
  readonly model: Model;
  readonly graph: Graph;
  /** As they were before the first fusion: a value keeps its name and its meaning. */
  readonly #shapes: Shapes;
  /** Once something was asked for that a fusion before this pass made. */
  #later: Shapes | undefined;
  readonly #variables: ReadonlySet<string>;

  /** @param variables weights whose values are not to be relied upon */
  constructor(model: Model, graph: Graph, shapes: Shapes, variables: ReadonlySet<string> = new Set()) {
    this.model = model;
    this.graph = graph;
    this.#shapes = shapes;
    this.#variables = variables;
  }

  /** The node that makes a value, if it is one of these ONNX operators. */
  producer(name: string | undefined, ...types: readonly string[]): Node | undefined {
    const node = name === undefined || name === "" ? undefined : this.graph.producer(name);
    return node?.domain === "" && types.includes(node.opType) ? node : undefined;
  }

  /** The one node that reads a value that nobody else sees, if it is one of these ONNX operators and of this graph. */
  reader(name: string | undefined, ...types: readonly string[]): Node | undefined {
    const node = name === undefined ? undefined : this.soleReader(name);
    return node?.domain === "" && types.includes(node.opType) ? node : undefined;
  }

  soleReader(name: string): Node | undefined {
    if (this.graph.isOutput(name)) return undefined;
    const readers = this.graph.consumers(name);
    return readers.length === 1 && readers[0]!.graph === this.graph ? readers[0] : undefined;
  }

  /** Whether only this node reads the value, and it is no output. */
  isOwn(name: string, reader: Node): boolean {
    return this.soleReader(name) === reader;
  }

  /** A constant that no caller can override. */
  constant(name: string | undefined): Weight | undefined {
    if (name === undefined || name === "") return undefined;
    const constant = constantOf(this.graph, name);
    return typeof constant === "string" || constant.transposed ? undefined : constant.weight;
  }

  /** A weight of two dimensions, constant or not, as it is or behind a Transpose. */
  matrix(name: string): { name: string; dims: readonly number[]; transposed: boolean } | undefined {
    const found = constantOf(this.graph, name);
    if (typeof found === "string" || found.weight.dims.length !== 2) return undefined;
    return { name: found.name, dims: found.weight.dims, transposed: found.transposed };
  }

  /** The number that a constant of one element is. */
  number(name: string | undefined): number | undefined {
    if (name !== undefined && this.#variables.has(name)) return undefined;
    const weight = this.constant(name);
    return weight?.elementCount === 1 && weight.dtype !== "bool" ? Number(weight.toTypedArray()[0]) : undefined;
  }

  isNumber(name: string | undefined, value: number, tolerance = 1e-6): boolean {
    const number = this.number(name);
    return number !== undefined && Math.abs(number - value) <= tolerance * Math.max(1, Math.abs(value));
  }

  /** The input of a node of two inputs that is not this one. */
  other(node: Node, name: string): string | undefined {
    const [a, b] = node.inputs;
    return a === name ? b : b === name ? a : undefined;
  }

  /** A node's two inputs with the constant number second; undefined where neither is this number. */
  besideNumber(node: Node, value: number, tolerance?: number): string | undefined {
    const [a, b] = node.inputs;
    if (this.isNumber(b, value, tolerance)) return a;
    return this.isNumber(a, value, tolerance) ? b : undefined;
  }

  type(name: string | undefined): InferredType {
    if (name === undefined || name === "") return {};
    const known = this.#shapes.in(this.graph, name);
    if (known) return known;
    const weight = this.graph.weight(name);
    if (weight) return { dtype: weight.dtype, dims: [...weight.dims] };
    const later = (this.#later ??= this.model.inferShapes()).in(this.graph, name);
    // The symbols of one inference mean nothing in another where they only count what is unknown.
    const keep = (dim: Dim): Dim => (typeof dim === "string" && isUnknown(dim) ? undefined : dim);
    return later?.dims ? { ...later, dims: later.dims.map(keep) } : (later ?? {});
  }
  dims(name: string | undefined): readonly (number | string | undefined)[] | undefined {
    return this.type(name).dims;
  }
  isFloat32(name: string | undefined): boolean {
    return this.type(name).dtype === "float32";
  }
  /** Whether both have the same dimensions, symbols included. */
  haveSameDims(a: string | undefined, b: string | undefined): boolean {
    const [x, y] = [this.dims(a), this.dims(b)];
    return x !== undefined && x.length === y?.length && x.every((dim, axis) => dim !== undefined && dim === y[axis]);
  }

  /** Whether both have as many dimensions: a constant of one element may add some to what it is combined with. */
  haveSameRank(a: string | undefined, b: string | undefined): boolean {
    const rank = this.dims(a)?.length;
    return rank !== undefined && rank === this.dims(b)?.length;
  }

  /** Replaces nodes by one that stands where `last` stood and makes what `outputs` names, under the first of their names. */
  replace(nodes: readonly Node[], last: Node, description: NodeDescription): Node {
    const name = nodes.find((node) => node.name !== "")?.name;
    const next = this.graph.nodes[this.graph.nodes.indexOf(last) + 1];
    for (const node of nodes) this.graph.removeNode(node);
    if (description.domain && this.model.opset(description.domain) === undefined)
      this.model.setOpset(description.domain, 1);
    return this.graph.addNode(
      { ...(name === undefined ? {} : { name }), ...description },
      next ? { before: next } : {},
    );
  }
}

/** One rewrite of a few nodes into one; `fuse` returns whether it did, or the reason why it declined what looked like it. */
export interface Fusion {
  name: string;
  /** Operators of the node that `fuse` is called with, ONNX's own unless they carry a domain. */
  startsAt: readonly string[];
  fuse(node: Node, site: Site): boolean | string;
}

/** The axes of a reduction or the like: an attribute before ONNX made them an input, sorted from 0 where the rank is known. */
export function axesOf(node: Node, site: Site): number[] | undefined {
  const given = node.attribute("axes") ?? site.constant(node.inputs[1])?.toTypedArray();
  if (given === undefined || typeof given !== "object") return undefined;
  const rank = site.dims(node.inputs[0])?.length;
  return Array.from(given as ArrayLike<number | bigint>, Number).map((axis) =>
    axis < 0 && rank !== undefined ? axis + rank : axis,
  );
}
