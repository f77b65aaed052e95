/** Choosing parts of a model by name: what techniques call include and exclude. */
import { PareError } from "../errors.js";
import type { Node } from "../model/index.js";

/** Names to take and names to leave: exact strings or patterns. `exclude` wins. */
export interface NameFilter {
  include?: readonly (string | RegExp)[];
  exclude?: readonly (string | RegExp)[];
}

/** What a node goes by: its name, or its first output where it has none. */
export function nameOf(node: Node): string {
  return node.name !== "" ? node.name : (node.outputs[0] ?? node.opType);
}

/** Whether a filter takes something that goes by any of these names; no filter takes everything. */
export function takes({ include, exclude }: NameFilter = {}, ...names: readonly string[]): boolean {
  return (include === undefined || matches(include, names)) && !(exclude !== undefined && matches(exclude, names));
}

function matches(patterns: readonly (string | RegExp)[], names: readonly string[]): boolean {
  return patterns.some((pattern) =>
    names.some((name) => {
      if (typeof pattern === "string") return pattern === name;
      pattern.lastIndex = 0; // A global pattern remembers where it stopped.
      return pattern.test(name);
    }),
  );
}

/** Refuses everything but a filter, naming the option `option`. */
export function requireFilter(value: unknown, option: string): void {
  if (value === undefined) return;
  const shape = `${option} must be { include?: [...], exclude?: [...] } of strings and RegExps`;
  if (typeof value !== "object" || value === null || Array.isArray(value) || isName(value))
    throw new PareError("PARE_OPTION", `${shape}; got ${isName(value) ? String(value) : JSON.stringify(value)}.`);
  for (const [key, names] of Object.entries(value) as [string, unknown][]) {
    if (key !== "include" && key !== "exclude") throw new PareError("PARE_OPTION", `${shape}; got "${key}".`);
    if (names !== undefined && !(Array.isArray(names) && names.every(isName)))
      throw new PareError("PARE_OPTION", `${shape}; ${key} is ${JSON.stringify(names)}.`);
  }
}

// Not instanceof: a pattern may come from another realm.
const isName = (name: unknown): name is string | RegExp =>
  typeof name === "string" || Object.prototype.toString.call(name) === "[object RegExp]";
