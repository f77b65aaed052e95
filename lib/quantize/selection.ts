/** Which nodes a quantizer may touch. */
import type { Node } from "../model/index.js";
import type { NameFilter, Resolved } from "./options.js";

/** What a node goes by: its name, or its first output where it has none. */
export function nameOf(node: Node): string {
  return node.name !== "" ? node.name : (node.outputs[0] ?? node.opType);
}

function matches(name: string, patterns: readonly (string | RegExp)[]): boolean {
  return patterns.some((pattern) => {
    if (typeof pattern === "string") return pattern === name;
    pattern.lastIndex = 0; // A global pattern remembers where it stopped.
    return pattern.test(name);
  });
}

function refused(name: string, { include, exclude }: NameFilter = {}): boolean {
  return (include !== undefined && !matches(name, include)) || (exclude !== undefined && matches(name, exclude));
}

/** Why the options leave this node alone; undefined where they do not. */
export function refusal(node: Node, { opTypes, nodes }: Pick<Resolved, "opTypes" | "nodes">): string | undefined {
  if (refused(node.opType, opTypes)) return `${node.opType} is left out by opTypes`;
  if (refused(nameOf(node), nodes)) return "left out by name";
  return undefined;
}
