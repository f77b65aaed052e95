/**
 * What a model must be for anything to work on it, checked when it is loaded: tensors whose bytes fit their shapes, every
 * name made once and before it is read, operators named. No tensor's data is touched.
 */
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";
import { dataTypeOf, elementCountOf } from "./dtype.js";
import type { GraphProto, ModelProto, NodeProto, TensorProto } from "./proto.js";
import { nodeLabel, tensorsOf } from "./tensors.js";
import { dimsOf, requireBytes, typedByteLength, unknownType } from "./weight.js";

/** @throws PareError PARE_MODEL for a contradiction, PARE_FILE for a tensor whose bytes are missing; both name the place. */
export function validate(model: ModelProto): void {
  // Version 3 of the format brought the list, which follows the graph in most files.
  if (model.opsetImport.length === 0 && model.irVersion >= 3n)
    throw new PareError("PARE_FILE", "the model imports no operator set; it may be truncated.");
  for (const [tensor, where] of tensorsOf(model)) checkTensor(tensor, where);
  if (model.graph) new GraphCheck(model.graph).run();
}

/** How many bytes or values a tensor has, against what its shape needs. */
function checkTensor(tensor: TensorProto, where: string): void {
  const dtype = dataTypeOf(tensor.dataType);
  if (dtype === undefined) throw unknownType(tensor.dataType, where);
  const dims = dimsOf(tensor, where);
  if (tensor.segment) throw new PareError("PARE_UNSUPPORTED", `${where}: tensors in segments are not supported.`);
  if (dtype === "string") {
    const needed = elementCountOf(dims, where);
    const held = tensor.stringData.length;
    if (held !== needed)
      throw new PareError(
        "PARE_FILE",
        `${where}: [${dims.join(", ")}] string needs ${formatCount(needed)} strings; the file holds ${formatCount(held)}.`,
      );
  } else requireBytes(dtype, dims, tensor.rawData.byteLength || typedByteLength(tensor, dtype), where);
}

class GraphCheck {
  readonly #graph: GraphProto;
  readonly #outer: GraphCheck | undefined;
  /** Every name that this graph makes, and the index of the node that does; −1 for inputs and initializers. */
  readonly #makers = new Map<string, number>();
  /** Names that are read here, or further inside, and made outside. */
  readonly captures = new Set<string>();

  constructor(graph: GraphProto, outer?: GraphCheck) {
    this.#graph = graph;
    this.#outer = outer;
  }

  run(): void {
    this.#collect();
    const needs = this.#graph.node.map((node) => this.#needs(node));
    for (const { name } of this.#graph.output)
      if (!this.#makers.has(name) && !this.#capture(name)) this.#fail(`nothing makes the graph's output "${name}".`);
    this.#checkOrder(needs);
  }

  #collect(): void {
    const inputs = new Set<string>();
    for (const { name } of this.#graph.input) {
      if (inputs.has(name)) this.#fail(`two inputs of the graph are named "${name}".`);
      inputs.add(name);
      this.#makers.set(name, -1);
    }
    const initializers = new Set<string>();
    const all = [...this.#graph.initializer, ...this.#graph.sparseInitializer.map(({ values }) => values)];
    for (const tensor of all) {
      const name = tensor?.name ?? "";
      if (name === "") this.#fail("an initializer has no name.");
      if (initializers.has(name)) this.#fail(`two initializers are named "${name}".`);
      initializers.add(name);
      this.#makers.set(name, -1);
    }
    for (const [index, node] of this.#graph.node.entries()) {
      if (node.opType === "") this.#fail(`node ${index} ("${node.name}") has no operator type.`);
      const attributes = new Set<string>();
      for (const { name } of node.attribute) {
        if (attributes.has(name)) this.#fail(`node ${nodeLabel(node)} has two attributes named "${name}".`);
        attributes.add(name);
      }
      for (const name of node.output) {
        if (name === "") continue;
        if (this.#makers.has(name))
          this.#fail(
            `node ${nodeLabel(node)} makes "${name}", which an input, a weight or another node is named, too.`,
          );
        this.#makers.set(name, index);
      }
    }
  }

  /** The nodes of this graph that a node waits for, by index. */
  #needs(node: NodeProto): number[] {
    const needs: number[] = [];
    const read = (name: string): void => {
      if (name === "") return;
      const maker = this.#makers.get(name);
      if (maker === undefined) {
        if (!this.#capture(name)) this.#fail(`node ${nodeLabel(node)} reads "${name}", which nothing makes.`);
      } else if (maker >= 0) needs.push(maker);
    };
    node.input.forEach(read);
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) {
        const inner = new GraphCheck(graph, this);
        inner.run();
        inner.captures.forEach(read);
      }
    }
    return needs;
  }

  /** Whether a graph around this one makes the name. */
  #capture(name: string): boolean {
    for (let outer = this.#outer; outer; outer = outer.#outer) {
      if (!outer.#makers.has(name)) continue;
      this.captures.add(name);
      return true;
    }
    return false;
  }

  /** Nodes may stand in any order, as many files have them, but not in a circle. */
  #checkOrder(needs: readonly number[][]): void {
    if (needs.every((list, index) => list.every((maker) => maker < index))) return;
    const waiting = needs.map((list) => list.length);
    const dependents = needs.map((): number[] => []);
    for (const [index, list] of needs.entries()) for (const maker of list) dependents[maker]!.push(index);
    const ready = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
    for (let index = ready.pop(); index !== undefined; index = ready.pop())
      for (const dependent of dependents[index]!) {
        const left = waiting[dependent]! - 1;
        waiting[dependent] = left;
        if (left === 0) ready.push(dependent);
      }
    const stuck = waiting.findIndex((count) => count > 0);
    if (stuck >= 0)
      this.#fail(
        `the nodes form a cycle: ${nodeLabel(this.#graph.node[stuck]!)} needs, through others, its own output.`,
      );
  }

  #fail(what: string): never {
    const where = this.#outer ? `in inner graph "${this.#graph.name}", ` : "";
    throw new PareError("PARE_MODEL", `${where}${what}`);
  }
}
