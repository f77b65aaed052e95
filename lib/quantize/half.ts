/**
 * A model in float16 or bfloat16. Each float value has one home type, that of the operator which makes it: half, or float32
 * if the operator is blocked; Casts stand where the two meet, one for each value and direction. Inputs and outputs keep
 * float32 unless asked otherwise. Rules for magnitudes and blocked operators: onnxconverter-common's float16.py.
 */
import { binding } from "../binding.js";
import { codeOf, Weight, type Graph, type Model, type Node } from "../model/index.js";
import { homeOf } from "../rewrite/constants.js";
import type { Report } from "../report/index.js";
import { fixedFloatInputs, isBlocked, readsShapeOnly } from "./half-operators.js";
import { floatValues } from "./half-types.js";
import type { HalfDtype, Resolved } from "./options.js";
import { nameOf } from "../rewrite/names.js";
import { refusal } from "./selection.js";
import type { WeightWork } from "./work.js";

type Precision = "half" | "float32";

/** Who reads a weight (an input, or the graph's output), and the type that it wants. */
type Use = { wants: Precision } & ({ graph: Graph; node: Node; index: number } | { node?: undefined });

/** Rewrites the whole model; float16 and bfloat16 need opset 7 and 13 for the operators that compute in them. */
export function convertToHalf(model: Model, options: Resolved, work: WeightWork, report: Report): void {
  new HalfRewrite(model, options, work, report, floatValues(model)).run();
}

class HalfRewrite {
  readonly #model: Model;
  readonly #options: Resolved;
  readonly #dtype: HalfDtype;
  readonly #work: WeightWork;
  readonly #report: Report;
  readonly #isFloat: (graph: Graph, name: string) => boolean;
  readonly #homes = new Map<Graph, Map<string, Precision>>();
  readonly #casts = new Map<Graph, Map<string, string>>();
  readonly #uses = new Map<Graph, Map<string, Use[]>>();
  /** Nodes whose values are too large. */
  readonly #large = new Set<Node>();
  /** Weights that must stay: graph outputs, and inputs with a default. */
  readonly #kept = new Map<Graph, Set<string>>();

  constructor(
    model: Model,
    options: Resolved,
    work: WeightWork,
    report: Report,
    isFloat: (graph: Graph, name: string) => boolean,
  ) {
    this.#model = model;
    this.#options = options;
    this.#dtype = options.dtype as HalfDtype;
    this.#work = work;
    this.#report = report;
    this.#isFloat = isFloat;
  }

  run(): void {
    for (const graph of this.#model.graph.walk()) for (const node of graph.nodes) this.#keepLarge(graph, node);
    const outside = this.#options.keepIoTypes ? "float32" : "half";
    this.#convert(this.#model.graph, outside, outside);
    this.#weights();
    for (const graph of this.#model.graph.walk()) this.#declare(graph);
  }

  /** One graph whose formal inputs and outputs have these types; its subgraphs follow their nodes. */
  #convert(graph: Graph, inputs: Precision, outputs: Precision): void {
    const homes = new Map<string, Precision>();
    this.#homes.set(graph, homes);
    this.#casts.set(graph, new Map());
    this.#uses.set(graph, new Map());
    this.#kept.set(graph, new Set());
    for (const { name } of graph.inputs)
      if (this.#isFloat(graph, name)) homes.set(name, graph.isOverridable(name) ? "float32" : inputs);
    for (const node of [...graph.nodes]) {
      const wants = this.#precision(node);
      for (const subgraph of node.subgraphs) this.#convert(subgraph, wants, wants);
      this.#inputs(graph, node, wants);
      if (wants === "half") retype(node, this.#dtype);
      // What a Constant holds is a weight, whose type follows its readers.
      for (const output of node.outputs)
        if (output !== "" && !graph.weight(output) && this.#isFloat(graph, output)) homes.set(output, wants);
    }
    for (const { name } of graph.outputs) this.#output(graph, name, outputs);
  }

  /** A normalization whose variance float16 cannot hold stays float32, and so does what feeds it values of that size. */
  #keepLarge(graph: Graph, node: Node): void {
    if (this.#dtype !== "float16" || node.opType !== "BatchNormalization") return;
    const variance = graph.weight(node.inputs[4] ?? "");
    if (variance?.dtype !== "float32") return;
    const bounds = { smallest: 2 ** -149, largest: this.#options.largest };
    const room = new Float32Array(variance.elementCount);
    if ((binding.clampForFloat16(variance.bytes, bounds, room) as { clampedCount: number }).clampedCount === 0) return;
    const feeder = graph.producer(node.inputs[0]!);
    this.#large.add(node);
    if (feeder) this.#large.add(feeder);
    const names = feeder ? `${nameOf(feeder)} and ${nameOf(node)} stay` : `${nameOf(node)} stays`;
    this.#report.note(
      `${names} float32: a variance above ${bounds.largest} says that values get too large for float16.`,
    );
  }

  #precision(node: Node): Precision {
    if (this.#large.has(node)) return "float32";
    if (node.opType === "Constant") return "float32";
    const refused = refusal(node, this.#options);
    if (refused !== undefined) this.#report.skip(nameOf(node), refused);
    return refused !== undefined || isBlocked(node, this.#dtype, this.#options.blockedOps) ? "float32" : "half";
  }

  #inputs(graph: Graph, node: Node, wants: Precision): void {
    if (readsShapeOnly(node)) return;
    const fixed = fixedFloatInputs(node, this.#model.opset() ?? 0);
    node.inputs.forEach((name, index) => {
      if (name === "" || !this.#isFloat(graph, name)) return;
      const use = fixed.includes(index) ? "float32" : wants;
      const home = homeOf(graph, name);
      if (!home) return;
      const has = this.#homes.get(home)!.get(name);
      if (has === undefined && home.weight(name))
        entry(this.#uses.get(home)!, name).push({ graph, node, index, wants: use });
      else if ((has ?? "float32") !== use) node.setInput(index, this.#cast(graph, name, use, { before: node }));
    });
  }

  /** A value in the other type, cast once in each graph that wants it so. */
  #cast(graph: Graph, name: string, to: Precision, place: { before: Node } | undefined): string {
    const casts = this.#casts.get(graph)!;
    const key = `${to} ${name}`;
    let cast = casts.get(key);
    if (cast === undefined) {
      const dtype = to === "half" ? this.#dtype : "float32";
      cast = graph.uniqueName(`${name}_as_${dtype}`);
      const attributes = { to: codeOf(dtype) };
      graph.addNode({ opType: "Cast", name: `${cast}_Cast`, inputs: [name], outputs: [cast], attributes }, place);
      casts.set(key, cast);
      this.#homes.get(graph)!.set(cast, to);
    }
    return cast;
  }

  /** Gives a graph's output the type it must have; the value that was made keeps its readers under a new name. */
  #output(graph: Graph, name: string, needs: Precision): void {
    const homes = this.#homes.get(graph)!;
    const has = homes.get(name);
    if (has === undefined) {
      if (!this.#isFloat(graph, name)) return;
      if (needs === "float32") this.#kept.get(graph)!.add(name);
      else entry(this.#uses.get(graph)!, name).push({ wants: needs });
    } else if (has !== needs) {
      const made = graph.uniqueName(`${name}_as_${has === "half" ? this.#dtype : "float32"}`);
      const producer = graph.producer(name)!;
      graph.setOutput(producer, producer.outputs.indexOf(name), made);
      graph.replaceUses(name, made);
      const attributes = { to: needs === "half" ? codeOf(this.#dtype) : codeOf("float32") };
      graph.addNode({ opType: "Cast", name: `${name}_Cast`, inputs: [made], outputs: [name], attributes });
      homes.set(made, has);
      homes.set(name, needs);
    }
  }

  /** Converts each weight that a half operator reads; the others, and whoever else reads it, see float32. */
  #weights(): void {
    for (const [owner, uses] of this.#uses) {
      for (const [name, readers] of uses) {
        const weight = owner.weight(name)!;
        const kept = this.#kept.get(owner)!.has(name);
        const converts = !kept && (readers.some(({ wants }) => wants === "half") || this.#stores(weight));
        if (converts) {
          const op = readers.find(({ node }) => node)?.node?.opType ?? "";
          owner.setWeight(name, this.#work.half(weight, this.#dtype, { name, op }));
        }
        const has = converts ? "half" : "float32";
        for (const use of readers)
          if (use.node && use.wants !== has)
            use.node.setInput(use.index, this.#cast(use.graph, name, use.wants, { before: use.node }));
      }
    }
  }

  /** Whether a weight that only float32 operators read is stored small all the same: where half is a storage type only. */
  #stores(weight: Weight): boolean {
    return this.#dtype === "bfloat16" && weight.elementCount >= 64;
  }

  /** Makes what the graph says of its values true again. */
  #declare(graph: Graph): void {
    const homes = this.#homes.get(graph)!;
    const { valueInfo, input, output } = graph.proto;
    for (const info of [...valueInfo, ...input, ...output]) {
      const isHalf = homes.get(info.name) === "half" || graph.weight(info.name)?.dtype === this.#dtype;
      const type = info.type?.value;
      if (isHalf && type?.case === "tensorType") type.value.elemType = codeOf(this.#dtype);
    }
  }
}

/** What an operator's own attributes say of the type that it makes. */
function retype(node: Node, dtype: HalfDtype): void {
  if (node.opType === "Cast" && Number(node.attribute("to")) === codeOf("float32"))
    node.setAttribute("to", codeOf(dtype));
  if (node.opType !== "ConstantOfShape") return;
  const value = node.attribute("value") as Weight | undefined;
  if (value && value.dtype !== "float32") return;
  const bits = new Uint16Array(1);
  if (value) binding.toHalf(dtype, value.bytes, bits);
  node.setAttribute("value", new Weight(dtype, [1], new Uint8Array(bits.buffer)));
}

function entry<Value>(map: Map<string, Value[]>, key: string): Value[] {
  let list = map.get(key);
  if (!list) map.set(key, (list = []));
  return list;
}
