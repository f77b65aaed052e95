/** Element types and shapes of all values of a model: one native call, whose rules stand with the ops (native/engine/ops). */
import { binding } from "../binding.js";
import { describe } from "./describe.js";
import { dataTypeOf } from "./dtype.js";
import type { Graph } from "./graph.js";
import type { Model } from "./model.js";
import type { Value } from "./value.js";

/** What is known of a value; no `dims` where not even the rank is known, no `dtype` for what is no tensor. */
export type InferredType = Omit<Value, "name">;

export interface InferOptions {
  /** Ops that pare does not know, and types that an op does not take, are errors; default false. */
  strict?: boolean;
}

/**
 * Types by name: those of the main graph, and those of graphs inside nodes where the name is unambiguous.
 * A dimension is a number, or a string: a symbol of the model's inputs ("batch"), what follows from such ("batch*12",
 * "floor((height + 1)/2)"), or "unk__3" for one that depends on data.
 */
export class Shapes extends Map<string, InferredType> {
  readonly #graphs = new Map<Graph, Map<string, InferredType>>();

  /** @internal */
  add(graph: Graph, types: Map<string, InferredType>): void {
    this.#graphs.set(graph, types);
  }

  /** Whether constants that are computed later could tell no more: all dimensions are numbers or follow from the inputs'. */
  get areKnown(): boolean {
    const isKnown = (dim: unknown): boolean => typeof dim === "number" || (typeof dim === "string" && !isUnknown(dim));
    return [...this.#graphs.values()].every((types) => [...types.values()].every(({ dims }) => dims?.every(isKnown)));
  }

  /** The type of a value as a graph sees it: its own, or one of a graph around it. */
  in(graph: Graph, name: string): InferredType | undefined {
    for (let at: Graph | undefined = graph; at; at = at.parent?.graph) {
      const found = this.#graphs.get(at)?.get(name);
      if (found) return found;
    }
    return undefined;
  }
}

/** Whether a dimension is a symbol that only counts what is unknown, or follows from one; other inferences count anew. */
export function isUnknown(dim: string): boolean {
  return dim.includes("unk__");
}

/** See Model.inferShapes. */
export function inferShapes(model: Model, { strict = false }: InferOptions = {}): Shapes {
  const { words, strings, bytes, scopes, valueCount } = describe(model, "shapes");
  const inferred = binding.inferShapes(words, strings, bytes, { strict });
  const types: InferredType[] = [];
  let at = 0;
  for (let i = 0; i < valueCount; i++) {
    const type: InferredType = {};
    const dtype = dataTypeOf(inferred.words[3 * i]!);
    const rank = inferred.words[3 * i + 1]!;
    if (dtype !== undefined) type.dtype = dtype;
    if (rank >= 0) {
      const dims: (number | string)[] = [];
      for (const end = at + rank; at < end; at++) {
        const dim = inferred.dims[at]!;
        dims.push(dim >= 0 ? dim : inferred.symbols[-1 - dim]!);
      }
      type.dims = dims;
    }
    types.push(type);
  }
  const shapes = new Shapes();
  if (scopes.size === 1) {
    for (const [graph, scope] of scopes) {
      for (const [name, id] of scope) shapes.set(name, types[id]!);
      shapes.add(graph, shapes);
    }
    return shapes;
  }
  const ambiguous = new Set<string>();
  for (const [graph, scope] of scopes) {
    const own = new Map<string, InferredType>();
    shapes.add(graph, own);
    for (const [name, id] of scope) {
      own.set(name, types[id]!);
      if (graph.parent && (shapes.has(name) || ambiguous.has(name))) {
        // A name of the main graph stays; two graphs inside that differ leave none.
        if (scopes.get(model.graph)?.has(name)) continue;
        ambiguous.add(name);
        shapes.delete(name);
      } else shapes.set(name, types[id]!);
    }
  }
  return shapes;
}
