/** What the gradient of an operator is: a function that adds backward nodes, of the same operators, to the same graph. */
import { PareError } from "../../errors.js";
import { Build, elementCountOf, type Graph, type Node, type Shapes } from "../../model/index.js";
import type { Dim } from "../../model/value.js";

/**
 * From a node and the gradients of its outputs (undefined where nothing depends on one) the gradients of its inputs;
 * undefined where there is none. Inputs for which `build.needs` says no may be left undefined.
 */
export type Gradient = (
  node: Node,
  gradients: readonly (string | undefined)[],
  build: GradientBuild,
) => readonly (string | undefined)[];

/** How the inputs of an operator relate to its output, where their gradients come back larger than they are. */
export type Broadcasting = "none" | "elements" | "batches";

export interface Rule {
  gradient: Gradient;
  /** elements: inputs broadcast to the output; batches: all but their last two dimensions do (MatMul). */
  broadcasting: Broadcasting;
}

/** Builds backward nodes; knows the shapes of the forward values. */
export class GradientBuild extends Build {
  readonly #shapes: Shapes;
  readonly #active: ReadonlySet<string>;

  constructor(graph: Graph, shapes: Shapes, active: ReadonlySet<string>) {
    super(graph, "gradient/");
    this.#shapes = shapes;
    this.#active = active;
  }

  /** Whether somebody asked for the gradient of a node's input, or of something that it depends on. */
  needs(node: Node, input: number): boolean {
    return this.#active.has(node.inputs[input] ?? "");
  }

  /** Dimensions of a forward value. @throws PareError PARE_UNSUPPORTED where not even their number is known. */
  dims(name: string): readonly Dim[] {
    const dims = this.#shapes.get(name)?.dims;
    if (!dims) throw new PareError("PARE_UNSUPPORTED", `the rank of "${name}" is not known, which its gradient needs.`);
    return dims;
  }

  dtype(name: string): string | undefined {
    return this.#shapes.get(name)?.dtype;
  }

  /** The number of elements, where all dimensions are numbers. */
  count(name: string): number | undefined {
    const dims = this.dims(name);
    return dims.every((dim) => typeof dim === "number") ? elementCountOf(dims, name) : undefined;
  }

  /** A forward value's dimensions as a tensor for Reshape and Expand. */
  shapeOf(name: string): string {
    const dims = this.dims(name);
    return dims.every((dim) => typeof dim === "number") ? this.integers(dims) : this.op("Shape", name);
  }

  reshapeLike(value: string, like: string): string {
    return this.op("Reshape", value, this.shapeOf(like));
  }

  /** Sum over axes, which stay with length 1 where `keepdims` says so. */
  sum(value: string, axes: readonly number[], keepdims: boolean): string {
    return this.op("ReduceSum", value, this.integers(axes), { keepdims: keepdims ? 1 : 0 });
  }

  /** 1 / the number of elements along the axes of a node's input that went into each result. */
  shareOf(node: Node, axes: readonly number[]): string {
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    const sizes = axes.map((axis) => this.dims(x)[axis]);
    if (sizes.every((size) => typeof size === "number"))
      return this.number(1 / sizes.reduce((product, size) => product * size, 1));
    const count = (name: string): string => this.op("Cast", this.op("Size", name), { to: 1 });
    return this.op("Div", count(y), count(x));
  }

  /** The last two dimensions change places. */
  turn(value: string, rank: number): string {
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    [perm[rank - 2], perm[rank - 1]] = [rank - 1, rank - 2];
    return this.op("Transpose", value, { perm });
  }

  /** An attribute that is a number. */
  numberOf(node: Node, name: string, otherwise: number): number {
    const value = node.attribute(name);
    return typeof value === "number" ? value : otherwise;
  }

  /** Axes or the like, which are an input that is constant; undefined where it is left out. */
  listOf(node: Node, input: number): readonly number[] | undefined {
    const name = node.inputs[input] ?? "";
    if (name === "") return undefined;
    const weight = this.graph.weight(name);
    if (!weight)
      throw new PareError("PARE_UNSUPPORTED", `${node.label}: its gradient needs "${name}" to be a constant.`);
    return Array.from(weight.toTypedArray() as BigInt64Array, Number);
  }

  axis(given: number, rank: number): number {
    return given < 0 ? given + rank : given;
  }

  /** Undoes a broadcast: sums the gradient, whose dimensions are `from`, down to those of a forward value. */
  unbroadcast(gradient: string, from: readonly Dim[], name: string): string {
    const dims = this.dims(name);
    const extra = from.length - dims.length;
    const axes = from.flatMap((dim, axis) => {
      const own = dims[axis - extra];
      return axis < extra || (own === 1 && dim !== 1) ? [axis] : [];
    });
    if (axes.length === 0) return gradient;
    const onlyExtra = axes.length === extra;
    const summed = this.sum(gradient, axes, !onlyExtra);
    return onlyExtra || extra === 0 ? summed : this.reshapeLike(summed, name);
  }
}

export const rule = (gradient: Gradient, broadcasting: Broadcasting = "none"): Rule => ({ gradient, broadcasting });
/** For inputs that broadcast to the output: gradients may come back with the output's shape. */
export const broadcast = (gradient: Gradient): Rule => rule(gradient, "elements");
/** For operators of one input x and one output y. */
export const unary = (of: (dy: string, x: string, y: string, build: GradientBuild, node: Node) => string): Rule =>
  rule((node, [dy], build) => [of(dy!, node.inputs[0]!, node.outputs[0]!, build, node)]);
