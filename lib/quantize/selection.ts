/** Which nodes a quantizer may touch. */
import type { Node } from "../model/index.js";
import { nameOf, takes } from "../rewrite/names.js";
import type { Resolved } from "./options.js";

/** Why the options leave this node alone; undefined where they do not. */
export function refusal(node: Node, { opTypes, nodes }: Pick<Resolved, "opTypes" | "nodes">): string | undefined {
  if (!takes(opTypes, node.opType)) return `${node.opType} is left out by opTypes`;
  if (!takes(nodes, nameOf(node))) return "left out by name";
  return undefined;
}
