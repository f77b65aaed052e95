/** What is in a model: its inputs and outputs, operators, weights, and where the bytes are. */
import { inspect as nodeInspect } from "node:util";
import { PareError } from "../errors.js";
import type { Graph, Model, Node, Value } from "../model/index.js";
import { formatBytes, formatCount, formatDims, formatPercent, formatPlural } from "./format.js";
import { factsTable, printable, renderTable, style, type TextOptions } from "./table.js";

type Dims = readonly (number | string | undefined)[];

export interface ValueSummary {
  name: string;
  /** Element type; undefined where the value is no tensor or its type is not known. */
  dtype: string | undefined;
  /** A number, the name of a symbolic dimension, or undefined for an unknown one; undefined if even their count is. */
  dims: Dims | undefined;
}

export interface OpSummary {
  op: string;
  /** Empty for ONNX's own operators. */
  domain: string;
  count: number;
}

export interface WeightSummary {
  name: string;
  /** Operators that read it. */
  op: string;
  dtype: string;
  dims: readonly number[];
  elements: number;
  bytes: number;
  /** Share of the bytes of all weights. */
  share: number;
  /** Nodes that read it. */
  readers: number;
  /** Whether it is also an input of the graph, which may override it. */
  overridable: boolean;
  /** The subgraph that it stands in, as "node/attribute"; absent in the main graph. */
  graph?: string;
}

export interface NodeSummary {
  name: string;
  op: string;
  domain: string;
  inputs: readonly string[];
  outputs: ValueSummary[];
  graph?: string;
}

export interface InspectOptions {
  /** Whether to list every node. Default false. */
  nodes?: boolean;
}

export interface SummaryTextOptions extends TextOptions {
  /** Weights to show at most, the largest. Default: all. */
  rows?: number;
}

/** Everything that `inspect` found; prints as text, and as JSON. */
export class ModelSummary {
  constructor(readonly found: Readonly<ModelFacts>) {}

  /** Default: no limit of width, no colour, all weights. */
  toString({ rows = Infinity, ...format }: SummaryTextOptions = {}): string {
    const { path, weights, nodes, totals } = this.found;
    const parts = [
      ...(path === undefined ? [] : [style(printable(path), "bold", format.color)]),
      factsTable(this.#facts(), format),
    ];
    if (nodes) parts.push(this.#nodeTable(nodes, format));
    if (weights.length > 0) parts.push(this.#weightTable(rows, format));
    const hidden = weights.length - rows;
    if (hidden > 0) {
      const bytes = [...weights].sort((a, b) => b.bytes - a.bytes).slice(rows);
      const rest = bytes.reduce((sum, weight) => sum + weight.bytes, 0);
      const text = `${formatCount(hidden)} smaller weights, ${formatBytes(rest)} of ${formatBytes(totals.bytes)}, are not shown.`;
      parts.push(style(text, "dim", format.color));
    }
    return parts.join("\n\n");
  }

  #facts(): [string, string][] {
    const { ir, opsets, producer, inputs, outputs, ops, totals, metadata, subgraphs, functions, dtypes } = this.found;
    const value = ({ name, dtype, dims }: ValueSummary): string =>
      `${printable(name)} ${dtype ?? "?"} ${dims ? formatDims(dims) : "of unknown shape"}`;
    const opsetText = Object.entries(opsets).map(([domain, version]) =>
      domain === "" ? `${version}` : `${domain} ${version}`,
    );
    const shares = Object.entries(dtypes).map(([dtype, bytes]) =>
      `${dtype} ${formatBytes(bytes)}`.replaceAll(" ", "\u00a0"),
    );
    // A file of weights without a graph (safetensors) has no version and no nodes to speak of.
    const formatText =
      opsetText.length === 0
        ? "weights without a graph"
        : `ONNX IR ${ir}, opset ${opsetText.join(", ")}${producer === "" ? "" : `, by ${printable(producer)}`}`;
    return [
      ["format", formatText],
      ...inputs.map((one, i): [string, string] => [i === 0 ? "inputs" : " ", value(one)]),
      ...outputs.map((one, i): [string, string] => [i === 0 ? "outputs" : " ", value(one)]),
      [
        "nodes",
        formatCount(totals.nodes) +
          (subgraphs === 0 ? "" : `, ${formatPlural(subgraphs, "subgraph")}`) +
          (functions === 0 ? "" : `, ${formatPlural(functions, "function")}`),
      ],
      ["ops", ops.map(({ op, count }) => `${op}\u00a0${formatCount(count)}`).join(", ")],
      [
        "weights",
        `${formatPlural(totals.weights, "tensor")}, ${formatCount(totals.parameters)} elements, ${formatBytes(totals.bytes)} (${shares.join(", ")})`,
      ],
      ...Object.entries(metadata).map(([key, text], i): [string, string] => [
        i === 0 ? "metadata" : " ",
        `${printable(key)} = ${printable(text.length > 200 ? `${text.slice(0, 200)}…` : text)}`,
      ]),
    ];
  }

  #weightTable(rows: number, format: TextOptions): string {
    const { weights, totals } = this.found;
    // In the file's order where all are shown, so that layers stand together; else the largest first.
    const shown = weights.length <= rows ? weights : [...weights].sort((a, b) => b.bytes - a.bytes).slice(0, rows);
    return renderTable(
      [
        { title: "weight", shorten: "middle" },
        { title: "op", shorten: "end", optional: 2 },
        { title: "readers", align: "right", optional: 3 },
        { title: "type" },
        { title: "shape" },
        { title: "bytes", align: "right" },
        { title: "share", align: "right", optional: 1 },
        { title: "" },
      ],
      shown.map((weight) => [
        weight.name,
        weight.op,
        weight.readers === 1 ? "" : String(weight.readers),
        weight.dtype,
        formatDims(weight.dims),
        formatBytes(weight.bytes),
        formatPercent(weight.share),
        [weight.overridable ? "overridable" : "", weight.graph === undefined ? "" : `in ${weight.graph}`]
          .filter(Boolean)
          .join(", "),
      ]),
      {
        ...format,
        footer: [`${formatCount(totals.weights)} in all`, "", "", "", "", formatBytes(totals.bytes), "", ""],
      },
    );
  }

  #nodeTable(nodes: readonly NodeSummary[], format: TextOptions): string {
    const shorter = aliases(this.found.inputs);
    const shapeOf = ({ dims }: ValueSummary): string => (dims ? shorter.apply(formatDims(dims)) : "");
    const table = renderTable(
      [
        { title: "#", align: "right" },
        { title: "op" },
        { title: "node", shorten: "middle", optional: 1 },
        { title: "inputs", shorten: "end" },
        { title: "outputs", shorten: "end" },
        { title: "shape", shorten: "end" },
        { title: "in", shorten: "middle" },
      ],
      // Constants are listed among the weights.
      nodes
        .filter(({ op }) => op !== "Constant")
        .map(({ name, op, domain, inputs, outputs, graph }, i) => [
          String(i),
          domain === "" ? op : `${domain}.${op}`,
          name,
          inputs.map((input) => (input === "" ? "–" : input)).join(", "),
          outputs.map((output) => output.name).join(", "),
          outputs.map(shapeOf).join(", "),
          graph ?? "",
        ]),
      format,
    );
    return [table, ...(shorter.legend === "" ? [] : [style(shorter.legend, "dim", format.color)])].join("\n\n");
  }

  toJSON(): ModelFacts {
    return this.found;
  }

  [nodeInspect.custom](): string {
    return this.toString();
  }
}

/** Letters for the long symbols of the inputs' dimensions, which would fill every row of a table. */
function aliases(inputs: readonly ValueSummary[]): { apply: (text: string) => string; legend: string } {
  const symbols = new Set(inputs.flatMap(({ dims = [] }) => dims.filter((dim) => typeof dim === "string")));
  const long = [...symbols].filter((symbol) => symbol.length > 8).slice(0, 26);
  const letters = new Map(long.map((symbol, i) => [symbol, String.fromCharCode(65 + i)]));
  // The longest first: one symbol may begin as another does.
  const ordered = [...letters].sort(([a], [b]) => b.length - a.length);
  return {
    apply: (text) => ordered.reduce((result, [symbol, letter]) => result.replaceAll(symbol, letter), text),
    legend: Array.from(letters, ([symbol, letter]) => `${letter} = ${printable(symbol)}`).join(", "),
  };
}

export interface ModelFacts {
  path: string | undefined;
  ir: number;
  /** Version by domain; ONNX's own domain is "". */
  opsets: Record<string, number>;
  producer: string;
  metadata: Record<string, string>;
  inputs: ValueSummary[];
  outputs: ValueSummary[];
  /** By count, the most frequent first. */
  ops: OpSummary[];
  subgraphs: number;
  functions: number;
  weights: WeightSummary[];
  /** Bytes by element type, the largest first. */
  dtypes: Record<string, number>;
  totals: { nodes: number; weights: number; parameters: number; bytes: number };
  nodes?: NodeSummary[];
}

/** What is in a model. Shapes that inference can tell are given for nodes' outputs. */
export function inspect(model: Model, { nodes: listNodes = false }: InspectOptions = {}): ModelSummary {
  const { proto, graph } = model;
  const graphs = [...graph.walk()];
  const weights = graphs.flatMap(weightsOf);
  const bytes = weights.reduce((sum, weight) => sum + weight.bytes, 0);
  for (const weight of weights) weight.share = weight.bytes / Math.max(1, bytes);
  const dtypes = new Map<string, number>();
  for (const weight of weights) dtypes.set(weight.dtype, (dtypes.get(weight.dtype) ?? 0) + weight.bytes);
  return new ModelSummary({
    path: model.path,
    ir: Number(proto.irVersion),
    opsets: Object.fromEntries(proto.opsetImport.map(({ domain, version }) => [domain, Number(version)])),
    producer: [proto.producerName, proto.producerVersion].filter((part) => part !== "").join(" "),
    metadata: model.metadata,
    inputs: graph.inputs.filter(({ name }) => !graph.isOverridable(name)).map(summaryOf),
    outputs: graph.outputs.map(summaryOf),
    ops: opsOf(graphs),
    subgraphs: graphs.length - 1,
    functions: proto.functions.length,
    weights,
    dtypes: Object.fromEntries([...dtypes].sort(([, a], [, b]) => b - a)),
    totals: {
      nodes: graphs.reduce((sum, one) => sum + one.nodes.length, 0),
      weights: weights.length,
      parameters: weights.reduce((sum, weight) => sum + weight.elements, 0),
      bytes,
    },
    ...(listNodes ? { nodes: nodesOf(model, graphs) } : {}),
  });
}

const summaryOf = ({ name, dtype, dims }: Value): ValueSummary => ({ name, dtype, dims });

function weightsOf(graph: Graph): WeightSummary[] {
  return Array.from(graph.weights(), ([name, weight]) => {
    const readers = graph.consumers(name);
    return {
      name,
      op: [...new Set(readers.map(({ opType }) => opType))].join(", "),
      dtype: weight.dtype,
      dims: weight.dims,
      elements: weight.elementCount,
      bytes: weight.bytes.byteLength,
      share: 0,
      readers: readers.length,
      // Before IR version 4 every initializer had to be listed as an input, which then means nothing.
      overridable: graph.isOverridable(name) && Number(graph.model.proto.irVersion) >= 4,
      ...placeOf(graph),
    };
  });
}

function placeOf({ parent }: Graph): { graph?: string } {
  return parent ? { graph: parent.name === "" ? parent.opType : parent.name } : {};
}

function opsOf(graphs: readonly Graph[]): OpSummary[] {
  const ops = new Map<string, OpSummary>();
  for (const { opType: op, domain } of graphs.flatMap(({ nodes }) => nodes)) {
    const key = `${domain} ${op}`;
    const known = ops.get(key);
    if (known) known.count++;
    else ops.set(key, { op, domain, count: 1 });
  }
  return [...ops.values()].sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}

function nodesOf(model: Model, graphs: readonly Graph[]): NodeSummary[] {
  const shapes = shapesOf(model);
  return graphs.flatMap((graph) =>
    graph.nodes.map(({ name, opType, domain, inputs, outputs }: Node) => ({
      name,
      op: opType,
      domain,
      inputs,
      outputs: outputs.map((output) =>
        summaryOf({ ...(shapes?.in(graph, output) ?? graph.valueInfo(output)), name: output }),
      ),
      ...placeOf(graph),
    })),
  );
}

/** What inference tells; a model that it refuses can still be looked at. */
function shapesOf(model: Model): ReturnType<Model["inferShapes"]> | undefined {
  try {
    return model.inferShapes();
  } catch (error) {
    if (error instanceof PareError || (error as { code?: string }).code?.startsWith("PARE_")) return undefined;
    throw error;
  }
}
