/** Nodes that change nothing. */
import type { Node } from "../../model/index.js";
import type { Fusion, Site } from "./site.js";

/** Identity, Dropout outside of training, Cast to the type that a value has. */
const identity: Fusion = {
  name: "identity",
  startsAt: ["Identity", "Dropout", "Cast"],
  fuse(node, site) {
    if (!changesNothing(node, site)) return false;
    const [from, to] = [node.inputs[0]!, node.outputs[0]!];
    const { graph } = site;
    if (!graph.isOutput(to)) {
      graph.removeNode(node);
      graph.replaceUses(to, from);
      return true;
    }
    // An output keeps its name: whoever makes the value makes it under this one.
    const maker = graph.producer(from);
    if (!maker || graph.isOutput(from) || graph.weight(from)) return false;
    graph.removeNode(node);
    graph.setOutput(maker, maker.outputs.indexOf(from), to);
    graph.replaceUses(from, to);
    return true;
  },
};

function changesNothing(node: Node, site: Site): boolean {
  if (node.outputs.slice(1).some((name) => name !== "")) return false;
  if (node.opType === "Identity") return site.type(node.inputs[0]).dtype !== undefined;
  if (node.opType === "Cast") {
    const [from, to] = [site.type(node.inputs[0]).dtype, site.type(node.outputs[0]).dtype];
    return from !== undefined && from === to;
  }
  const training = node.inputs[2] ?? "";
  return training === "" || site.constant(training)?.bytes[0] === 0;
}

export const identities: readonly Fusion[] = [identity];
