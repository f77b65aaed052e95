/** The order of a graph's nodes. */
import { PareError } from "../errors.js";
import type { Graph } from "./graph.js";
import type { Node } from "./node.js";

/** Names that a node needs before it can run: its inputs, and what the graphs inside it capture. */
export function needs(node: Node): Set<string> {
  const names = new Set(node.inputs);
  for (const inner of node.subgraphs) for (const name of inner.captures()) names.add(name);
  return names;
}

/** The nodes, each after those it reads, otherwise as they stand; PARE_MODEL names a node of a cycle. */
export function sortedNodes(graph: Graph): Node[] {
  const waiting = new Map<Node, number>();
  const dependents = new Map<Node, Node[]>();
  for (const node of graph.nodes) {
    let count = 0;
    for (const name of needs(node)) {
      const producer = graph.producer(name);
      if (!producer) continue;
      count++;
      const list = dependents.get(producer);
      if (list) list.push(node);
      else dependents.set(producer, [node]);
    }
    waiting.set(node, count);
  }
  const position = new Map(graph.nodes.map((node, i) => [node, i]));
  const sorted: Node[] = [];
  const ready = graph.nodes.filter((node) => waiting.get(node) === 0).reverse();
  for (let node = ready.pop(); node; node = ready.pop()) {
    sorted.push(node);
    const freed: Node[] = [];
    for (const dependent of dependents.get(node) ?? []) {
      const left = waiting.get(dependent)! - 1;
      waiting.set(dependent, left);
      if (left === 0) freed.push(dependent);
    }
    ready.push(...freed.sort((a, b) => position.get(b)! - position.get(a)!));
  }
  if (sorted.length < graph.nodes.length) {
    const stuck = graph.nodes.find((node) => waiting.get(node)! > 0)!;
    throw new PareError(
      "PARE_MODEL",
      `the graph has a cycle: node ${stuck.label} needs, through others, its own output.`,
    );
  }
  return sorted;
}
