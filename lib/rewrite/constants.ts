/** Finding the constant behind an input: through Identity and Transpose nodes, and out of enclosing graphs. */
import type { Graph, Weight } from "../model/index.js";

/** A weight as a node sees it. */
export interface Constant {
  name: string;
  weight: Weight;
  /** The graph that holds it: the node's own or one around it. */
  owner: Graph;
  /** Whether the node sees the matrix turned, by a Transpose node on its way. */
  transposed: boolean;
}

/** The innermost graph, from `graph` outward, in which a value is made; undefined for a name that nobody makes. */
export function homeOf(graph: Graph, name: string): Graph | undefined {
  for (let at: Graph | undefined = graph; at; at = at.parent?.graph) if (at.defines(name)) return at;
  return undefined;
}

/** The constant that a node of `graph` gets by this name; else the reason why there is none. */
export function constantOf(graph: Graph, name: string): Constant | string {
  let transposed = false;
  for (let owner = homeOf(graph, name), current = name; owner; owner = homeOf(owner, current)) {
    if (owner.isOverridable(current)) return "it can be overridden by the caller: it is a graph input with a default";
    const weight = owner.weight(current);
    if (weight) return { name: current, weight, owner, transposed };
    const producer = owner.producer(current);
    if (!producer) return "it is an input";
    const { opType, domain, inputs } = producer;
    if (domain === "" && opType === "Transpose" && turnsMatrix(producer.attribute("perm"))) transposed = !transposed;
    else if (domain !== "" || opType !== "Identity") return "it is computed";
    current = inputs[0]!;
  }
  return "it is not in the model";
}

const turnsMatrix = (perm: unknown): boolean =>
  Array.isArray(perm) && perm.length === 2 && perm[0] === 1 && perm[1] === 0;
