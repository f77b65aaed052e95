/** A graph: nodes, weights, inputs and outputs, and the edits that rewrites need; a face over GraphProto, which stays the truth. */
import { create } from "@bufbuild/protobuf";
import { PareError } from "../errors.js";
import type { DataType } from "./dtype.js";
import type { Model } from "./model.js";
import { Node, type AttributeValue } from "./node.js";
import { NodeProtoSchema, type GraphProto, type NodeProto, type TensorProto, type ValueInfoProto } from "./proto.js";
import { needs, sortedNodes } from "./sort.js";
import { constantTensor } from "./constant.js";
import { valueInfo, valueOf, type Dim, type Value } from "./value.js";
import { tensorOf, weightOf, type Weight } from "./weight.js";

/** A node to be made; `attributes` follow Node.setAttribute. */
export interface NodeDescription {
  opType: string;
  /** Default: ONNX's own, "". */
  domain?: string;
  /** Made unique in the model; default: none. */
  name?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: Readonly<Record<string, AttributeValue>>;
}

/** Beside which node a new one stands; default: last. */
export interface Place {
  before?: Node;
  after?: Node;
}

/** Where a weight is kept: an initializer's message, or a Constant node. */
type Slot = { tensor: TensorProto } | { node: Node };

export class Graph {
  readonly proto: GraphProto;
  readonly model: Model;
  /** The node whose attribute this graph is; undefined for the model's main graph. */
  readonly parent: Node | undefined;

  readonly #nodes: Node[];
  readonly #producers = new Map<string, Node>();
  readonly #readers = new Map<string, Set<Node>>();
  readonly #slots = new Map<string, Slot>();
  /** Nodes that hold graphs of their own. */
  readonly #holders = new Set<Node>();
  readonly #weights = new WeakMap<object, Weight>();
  /** Names of the list of inputs, as long as it is this one and has not grown or shrunk. */
  #inputs: { list: readonly ValueInfoProto[]; names: ReadonlySet<string> } | undefined;

  /** Graphs are made by their model or node. */
  constructor(proto: GraphProto, model: Model, parent?: Node) {
    this.proto = proto;
    this.model = model;
    this.parent = parent;
    this.#nodes = proto.node.map((node) => new Node(node, this));
    for (const tensor of proto.initializer) this.#slots.set(tensor.name, { tensor });
    for (const node of this.#nodes) this.#enter(node);
  }

  get name(): string {
    return this.proto.name;
  }
  /** In the file's order, which execution follows. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }
  /** Inputs, initializers that can be overridden included. */
  get inputs(): Value[] {
    return this.proto.input.map(valueOf);
  }
  get outputs(): Value[] {
    return this.proto.output.map(valueOf);
  }

  // ---- Weights ----------------------------------------------------------------------------------------------------------

  /** Weights of this graph by name: initializers, and the tensors of Constant nodes. Tensors of strings are none. */
  *weights(): Generator<[string, Weight]> {
    for (const name of [...this.#slots.keys()]) {
      const weight = this.#own(name);
      if (weight) yield [name, weight];
    }
  }

  /** A weight of this graph or of one around it. */
  weight(name: string): Weight | undefined {
    if (this.defines(name)) return this.#own(name);
    return this.parent?.graph.weight(name);
  }

  /**
   * Whether the caller may feed another value in place of this initializer: it is listed as an input too. (Before IR version
   * 4 every initializer had to be listed, and runtimes take it for a constant all the same.)
   */
  isOverridable(name: string): boolean {
    const slot = this.#slots.get(name);
    return slot !== undefined && "tensor" in slot && this.#isInput(name);
  }

  /** Replaces a weight of this graph where it stands. */
  setWeight(name: string, weight: Weight): void {
    const slot = this.#slots.get(name);
    if (!slot) throw new PareError("PARE_MODEL", `the graph has no weight "${name}" to replace.`);
    if ("tensor" in slot) {
      const fresh = tensorOf(name, weight);
      fresh.docString = slot.tensor.docString;
      this.proto.initializer[this.proto.initializer.indexOf(slot.tensor)] = fresh;
      this.#slots.set(name, { tensor: fresh });
      // An initializer that is an input or output too has its type said there as well.
      const { dtype, dims } = weight;
      for (const list of [this.proto.input, this.proto.output])
        for (const one of list) if (one.name === name) one.type = valueInfo(name, dtype, dims).type!;
    } else {
      for (const old of slot.node.attributeNames) slot.node.setAttribute(old, undefined);
      slot.node.setAttribute("value", weight);
    }
    this.#forgetTypes([name]);
    this.model.changed();
  }

  /** Adds an initializer under this name, or a unique one made of it, which is returned. */
  addWeight(base: string, weight: Weight): string {
    const name = this.uniqueName(base);
    const tensor = tensorOf(name, weight);
    this.proto.initializer.push(tensor);
    this.#slots.set(name, { tensor });
    this.model.changed();
    return name;
  }

  /** Constant nodes become initializers of the same names, save those that are outputs of the graph. */
  liftConstants(): void {
    const outputs = new Set(this.proto.output.map(({ name }) => name));
    const lifted = this.#nodes.flatMap((node): { node: Node; name: string; weight: Weight }[] => {
      const [name = ""] = node.outputs;
      if (node.opType !== "Constant" || node.domain !== "" || outputs.has(name)) return [];
      const weight = this.#own(name);
      return weight ? [{ node, name, weight }] : [];
    });
    this.removeNodes(lifted.map(({ node }) => node));
    for (const { node, name, weight } of lifted) {
      const tensor = node.proto.attribute.find((one) => one.name === "value")?.t ?? tensorOf(name, weight);
      tensor.name = name;
      this.proto.initializer.push(tensor);
      this.#slots.set(name, { tensor });
      this.#weights.set(tensor, weight);
    }
  }

  /** Removes a weight of this graph, its Constant node included. Who reads it is the caller's care. */
  removeWeight(name: string): void {
    const slot = this.#slots.get(name);
    if (!slot) return;
    if ("node" in slot) {
      this.removeNode(slot.node);
      return;
    }
    this.proto.initializer.splice(this.proto.initializer.indexOf(slot.tensor), 1);
    this.#slots.delete(name);
    this.#forgetTypes([name]);
    this.model.changed();
  }

  // ---- Values -----------------------------------------------------------------------------------------------------------

  /** Whether the value is made in this very graph: by a node, as a weight, or as an input. */
  defines(name: string): boolean {
    return this.#producers.has(name) || this.#slots.has(name) || this.#isInput(name);
  }

  /** The node of this graph that makes the value. */
  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  /** The nodes that read this graph's value, those in graphs inside it included. */
  consumers(name: string): readonly Node[] {
    if (this.#holders.size === 0) return [...(this.#readers.get(name) ?? [])];
    const found = new Set(this.#readers.get(name));
    for (const holder of this.#holders)
      for (const inner of holder.subgraphs)
        if (!inner.defines(name)) {
          for (const node of inner.consumers(name)) found.add(node);
          // A graph inside may hand the value straight out.
          if (inner.isOutput(name)) found.add(holder);
        }
    return [...found];
  }

  isOutput(name: string): boolean {
    return this.proto.output.some((output) => output.name === name);
  }

  /** What the file says of a value's type, if it does; model.inferShapes() says more. */
  valueInfo(name: string): Value | undefined {
    const { input, output, valueInfo: inner } = this.proto;
    for (const list of [input, output, inner]) {
      const found = list.find((one) => one.name === name);
      if (found) return valueOf(found);
    }
    return undefined;
  }

  /** Adds an input; a dimension is a number, a symbol, or undefined where nothing is known. */
  addInput(name: string, dtype: DataType, dims?: readonly Dim[]): void {
    this.#addValue(this.proto.input, name, dtype, dims);
  }

  addOutput(name: string, dtype: DataType, dims?: readonly Dim[]): void {
    this.#addValue(this.proto.output, name, dtype, dims);
  }

  /** A name that no value in the whole model has: `base`, or `base` with a number. It is taken from then on. */
  uniqueName(base: string): string {
    return this.model.uniqueName(base);
  }

  // ---- Edits ------------------------------------------------------------------------------------------------------------

  addNode(
    { name = "", domain = "", inputs, outputs, opType, attributes = {} }: NodeDescription,
    place: Place = {},
  ): Node {
    for (const output of outputs)
      if (output !== "" && this.defines(output))
        throw new PareError("PARE_MODEL", `${opType} would make "${output}", which exists already.`);
    const proto = create(NodeProtoSchema, {
      opType,
      domain,
      name: name === "" ? "" : this.model.uniqueNodeName(name),
      input: [...inputs],
      output: [...outputs],
    });
    const node = new Node(proto, this);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    this.#insert(node, place);
    for (const output of outputs) this.model.reserveName(output);
    return node;
  }

  /** Takes a node out; its outputs are then made by nobody until somebody does. */
  removeNode(node: Node): void {
    const at = this.#nodes.indexOf(node);
    if (at < 0) return;
    this.#nodes.splice(at, 1);
    this.proto.node.splice(at, 1);
    this.#left([node]);
  }

  /** The same for many. */
  removeNodes(nodes: Iterable<Node>): void {
    const gone = new Set(nodes);
    const removed = this.#nodes.filter((node) => gone.has(node));
    const kept = this.#nodes.filter((node) => !gone.has(node));
    this.#nodes.length = 0;
    for (const node of kept) this.#nodes.push(node);
    this.proto.node = kept.map(({ proto }) => proto);
    this.#left(removed);
  }

  #left(nodes: readonly Node[]): void {
    for (const node of nodes) {
      this.#leave(node);
      this.model.releaseNodeName(node.name);
    }
    this.#forgetTypes(nodes.flatMap(({ outputs }) => outputs));
    this.model.changed();
  }

  /**
   * Makes everybody who reads `from` read `to`: nodes here and in graphs inside. With `outputs`, a graph output that is
   * `from` is renamed as well, which changes the model's face.
   */
  replaceUses(from: string, to: string, { outputs = false }: { outputs?: boolean } = {}): void {
    for (const node of [...(this.#readers.get(from) ?? [])])
      this.changeInputs(node, () => {
        node.proto.input = node.proto.input.map((name) => (name === from ? to : name));
      });
    for (const holder of this.#holders)
      for (const inner of holder.subgraphs) if (!inner.defines(from)) inner.replaceUses(from, to, { outputs: true });
    if (outputs) for (const output of this.proto.output) if (output.name === from) output.name = to;
    this.model.changed();
  }

  /** Changes a node's inputs through `change`, keeping the index of readers. */
  changeInputs(node: Node, change: () => void): void {
    this.#unread(node);
    change();
    this.#read(node);
    this.model.changed();
  }

  /** Gives one of a node's outputs another name; who reads the old one is the caller's care. */
  setOutput(node: Node, index: number, name: string): void {
    this.#leave(node);
    this.#forgetTypes([node.outputs[index] ?? ""]);
    node.proto.output[index] = name;
    this.#enter(node);
    this.model.reserveName(name);
    this.model.changed();
  }

  /** Leaves out a node's outputs from `count` on; who reads them is the caller's care. */
  trimOutputs(node: Node, count: number): void {
    if (node.outputs.length <= count) return;
    this.#leave(node);
    this.#forgetTypes(node.outputs.slice(count));
    node.proto.output.length = count;
    this.#enter(node);
    this.model.changed();
  }

  /** Makes a node another operator that takes and gives the same. */
  setOpType(node: Node, opType: string): void {
    this.#leave(node);
    node.proto.opType = opType;
    this.#enter(node);
    this.model.changed();
  }

  /** A node's attributes changed: it may hold graphs now, or none, or another constant. */
  nodeChanged(node: Node): void {
    this.#weights.delete(node);
    if (holdsGraphs(node.proto)) this.#holders.add(node);
    else this.#holders.delete(node);
    this.model.changed();
  }

  /**
   * Renames a value of this graph wherever it is made, read or declared. An input's or output's new name is the model's face.
   * @throws PareError PARE_MODEL where the name is taken.
   */
  rename(from: string, to: string): void {
    if (from === to) return;
    if (this.model.hasName(to))
      throw new PareError("PARE_MODEL", `"${from}" cannot become "${to}", which exists already.`);
    const node = this.#producers.get(from);
    const slot = this.#slots.get(from);
    const { input, output, valueInfo: inner } = this.proto;
    if (node) {
      this.#leave(node);
      node.proto.output = node.proto.output.map((name) => (name === from ? to : name));
      this.#enter(node);
    } else if (slot && "tensor" in slot) {
      slot.tensor.name = to;
      this.#slots.delete(from);
      this.#slots.set(to, slot);
    }
    for (const list of [input, output, inner]) for (const one of list) if (one.name === from) one.name = to;
    this.#inputs = undefined;
    this.model.reserveName(to);
    this.replaceUses(from, to);
  }

  /**
   * Removes nodes whose outputs nobody reads, then weights that nobody reads (those that the caller can override stay).
   * Graphs inside are cleaned first. @returns how many nodes and weights went.
   */
  removeUnused(): number {
    let removed = 0;
    for (const holder of this.#holders) for (const inner of holder.subgraphs) removed += inner.removeUnused();
    const outputs = new Set(this.proto.output.map(({ name }) => name));
    const isUsed = (name: string): boolean =>
      outputs.has(name) || this.#readers.has(name) || this.consumers(name).length > 0;
    const present = new Set(this.#nodes);
    const pending = [...this.#nodes];
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (!present.has(node) || node.outputs.some((name) => name !== "" && isUsed(name))) continue;
      const read = needs(node);
      this.removeNode(node);
      present.delete(node);
      removed++;
      for (const name of read) {
        const producer = this.#producers.get(name);
        if (producer) pending.push(producer);
      }
    }
    for (const [name, slot] of [...this.#slots]) {
      if ("node" in slot || isUsed(name) || this.isOverridable(name)) continue;
      this.removeWeight(name);
      removed++;
    }
    return removed;
  }

  /** Puts the nodes into an order in which each comes after those it reads; PARE_MODEL names a cycle. */
  sort(): void {
    const sorted = sortedNodes(this);
    this.#nodes.splice(0, this.#nodes.length, ...sorted);
    this.proto.node = sorted.map(({ proto }) => proto);
    this.model.changed();
  }

  /** This graph and all graphs inside it, the outer before the inner. */
  *walk(): Generator<Graph> {
    yield this;
    if (this.#holders.size === 0) return;
    for (const node of this.#nodes.filter((one) => this.#holders.has(one)))
      for (const inner of node.subgraphs) yield* inner.walk();
  }

  /** Names that nodes of this graph read and that it does not make: what a graph inside captures. */
  captures(): Set<string> {
    const found = new Set<string>();
    const read = (name: string): void => {
      if (name !== "" && !this.defines(name)) found.add(name);
    };
    for (const name of this.#readers.keys()) read(name);
    for (const { name } of this.proto.output) read(name);
    for (const holder of this.#holders)
      for (const inner of holder.subgraphs) for (const name of inner.captures()) read(name);
    return found;
  }

  // ---- The indices ------------------------------------------------------------------------------------------------------

  #isInput(name: string): boolean {
    const list = this.proto.input;
    if (this.#inputs?.list !== list || this.#inputs.names.size !== list.length)
      this.#inputs = { list, names: new Set(list.map((input) => input.name)) };
    return this.#inputs.names.has(name);
  }

  #own(name: string): Weight | undefined {
    const slot = this.#slots.get(name);
    if (!slot) return undefined;
    const key = "tensor" in slot ? slot.tensor : slot.node;
    let weight = this.#weights.get(key);
    if (!weight) {
      weight = "tensor" in slot ? weightOf(slot.tensor, `tensor "${name}"`) : constantTensor(slot.node);
      if (weight) this.#weights.set(key, weight);
    }
    return weight;
  }

  #insert(node: Node, { before, after }: Place): void {
    let at = this.#nodes.length;
    if (before) at = this.#nodes.indexOf(before);
    else if (after) at = this.#nodes.indexOf(after) + 1;
    if (at < 0) throw new PareError("PARE_MODEL", "the node to stand beside is not in this graph.");
    this.#nodes.splice(at, 0, node);
    this.proto.node.splice(at, 0, node.proto);
    this.#enter(node);
    this.model.changed();
  }

  #enter(node: Node): void {
    for (const output of node.outputs) if (output !== "") this.#producers.set(output, node);
    if (node.opType === "Constant" && node.domain === "") this.#slots.set(node.outputs[0] ?? "", { node });
    if (holdsGraphs(node.proto)) this.#holders.add(node);
    this.#read(node);
  }

  #leave(node: Node): void {
    for (const output of node.outputs) {
      if (this.#producers.get(output) === node) this.#producers.delete(output);
      const slot = this.#slots.get(output);
      if (slot && "node" in slot && slot.node === node) this.#slots.delete(output);
    }
    this.#holders.delete(node);
    this.#unread(node);
  }

  #read(node: Node): void {
    for (const name of node.inputs) {
      if (name === "") continue;
      let readers = this.#readers.get(name);
      if (!readers) this.#readers.set(name, (readers = new Set()));
      readers.add(node);
    }
  }

  #unread(node: Node): void {
    for (const name of node.inputs) {
      const readers = this.#readers.get(name);
      readers?.delete(node);
      if (readers?.size === 0) this.#readers.delete(name);
    }
  }

  #addValue(list: ValueInfoProto[], name: string, dtype: DataType, dims: readonly Dim[] | undefined): void {
    list.push(valueInfo(name, dtype, dims));
    this.model.reserveName(name);
    this.model.changed();
  }

  /** Drops what the file says of the types of values that changed or went. */
  #forgetTypes(names: readonly string[]): void {
    if (this.proto.valueInfo.length === 0) return;
    const gone = new Set(names);
    if (this.proto.valueInfo.some(({ name }) => gone.has(name)))
      this.proto.valueInfo = this.proto.valueInfo.filter(({ name }) => !gone.has(name));
  }
}

function holdsGraphs(proto: NodeProto): boolean {
  return proto.attribute.some(({ g, graphs }) => g !== undefined || graphs.length > 0);
}
