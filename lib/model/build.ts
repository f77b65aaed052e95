/** Building a graph node by node: what layers, gradients and losses are written in. Values go by their names. */
import { codeOf, type DataType } from "./dtype.js";
import type { Graph } from "./graph.js";
import type { AttributeValue, Node } from "./node.js";
import { Weight } from "./weight.js";

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export class Build {
  readonly graph: Graph;
  /** Where new values and nodes belong: their names begin with it. */
  prefix: string;
  readonly #constants = new Map<string, string>();

  constructor(graph: Graph, prefix = "") {
    this.graph = graph;
    this.prefix = prefix;
  }

  /**
   * Adds a node of one output and returns that: `op("Gemm", x, w, { transB: 1 })`, `op("pare.ReluGrad", dy, y)`. An input
   * that is left out is "", or undefined at the end.
   */
  op(type: string, ...rest: readonly (string | undefined | Attributes)[]): string {
    const inputs = rest.filter((one) => typeof one !== "object");
    const attributes = rest.find((one) => typeof one === "object") ?? {};
    return this.node(type, inputs, 1, attributes)[0]!;
  }

  /** Adds a node of several outputs: how many, or which are wanted (others are ""). */
  node(
    type: string,
    inputs: readonly (string | undefined)[],
    outputs: number | readonly boolean[],
    attributes: Attributes = {},
  ): string[] {
    const dot = type.lastIndexOf(".");
    const domain = dot < 0 ? "" : type.slice(0, dot);
    const opType = type.slice(dot + 1);
    if (domain !== "" && this.graph.model.opset(domain) === undefined) this.graph.model.setOpset(domain, 1);
    const wanted = typeof outputs === "number" ? Array.from({ length: outputs }, () => true) : outputs;
    const names = wanted.map((isWanted) => (isWanted ? this.name(opType) : ""));
    const read = inputs.map((one) => one ?? "");
    while (read.length > 0 && read.at(-1) === "") read.pop();
    const given = Object.entries(attributes).filter(
      (entry): entry is [string, AttributeValue] => entry[1] !== undefined,
    );
    this.graph.addNode({
      opType,
      domain,
      name: this.prefix + opType,
      inputs: read,
      outputs: names,
      attributes: Object.fromEntries(given),
    });
    return names;
  }

  /** A name that is free, beginning with the prefix. */
  name(base: string): string {
    return this.graph.uniqueName(this.prefix + base);
  }

  /** A weight under a name of its own. */
  weight(base: string, weight: Weight): string {
    return this.graph.addWeight(this.prefix + base, weight);
  }

  /** A float32 number, the same value for the same number. */
  number(value: number): string {
    return this.#constant(`float ${value}`, () => Weight.of("float32", [], [value]));
  }

  /** A list of int64, for shapes and axes. */
  integers(values: readonly number[]): string {
    return this.#constant(`integers ${values.join()}`, () => Weight.of("int64", [values.length], values));
  }

  /** One int64, a scalar. */
  integer(value: number): string {
    return this.#constant(`integer ${value}`, () => Weight.of("int64", [], [value]));
  }

  cast(value: string, dtype: DataType): string {
    return this.op("Cast", value, { to: codeOf(dtype) });
  }

  /** The node that makes a value. */
  producer(value: string): Node | undefined {
    return this.graph.producer(value);
  }

  #constant(key: string, make: () => Weight): string {
    let name = this.#constants.get(key);
    if (name === undefined) this.#constants.set(key, (name = this.graph.addWeight("constant", make())));
    return name;
  }
}
