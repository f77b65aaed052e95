/** What changed in ONNX's operators from version to version: one adapter an operator and version that a node must follow. */
import type { DataType } from "./dtype.js";
import type { Graph } from "./graph.js";
import type { AttributeValue, Node } from "./node.js";
import type { Shapes } from "./shapes.js";
import { Weight } from "./weight.js";

/** What adapters may ask of the model as it was before the upgrade. */
export interface UpgradeContext {
  /** Types of values; unknown where inference could not tell. */
  types: () => Shapes | undefined;
}

export interface Adapter {
  ops: readonly string[];
  /** The version that brought the change. */
  version: number;
  /** Why this node cannot follow; undefined where it can. */
  refuse?: (node: Node, context: UpgradeContext) => string | undefined;
  /** Changes the node from the form of the version before. */
  adapt?: (node: Node, context: UpgradeContext) => void;
  /** The operator that takes this one's place. */
  becomes?: string;
}

// ---- Parts of adapters ------------------------------------------------------------------------------------------------------

const labelOf = ({ name, outputs, opType }: Node): string => (name === "" ? (outputs[0] ?? opType) : name);

/** A new constant beside the node, named after it. */
function constant(node: Node, what: string, dtype: DataType, dims: number[], values: number[]): string {
  return node.graph.addWeight(`${labelOf(node)}_${what}`, Weight.of(dtype, dims, values));
}

function numbers(value: AttributeValue | undefined): number[] | undefined {
  return Array.isArray(value) ? (value as (number | bigint)[]).map(Number) : undefined;
}

/** Moves a list of integers from an attribute to an input. */
function listToInput(node: Node, attribute: string, input: number): void {
  const list = numbers(node.attribute(attribute));
  node.setAttribute(attribute, undefined);
  // An empty list means what none means: all axes.
  if (list && list.length > 0) node.setInput(input, constant(node, attribute, "int64", [list.length], int64s(list)));
}

/** Ends such as INT64_MAX, which a double rounds to 2⁶³, stay in range: what is that large means "to the end". */
function int64s(list: number[]): number[] {
  return list.map((one) => (Math.abs(one) > Number.MAX_SAFE_INTEGER ? Math.sign(one) * Number.MAX_SAFE_INTEGER : one));
}

/** The element type of a node's input; what most models compute in where that is unknown. */
function typeOf(node: Node, { types }: UpgradeContext, input = 0): DataType {
  return types()?.in(node.graph, node.inputs[input] ?? "")?.dtype ?? "float32";
}

function dimsOf(
  node: Node,
  { types }: UpgradeContext,
  input: number,
): readonly (number | string | undefined)[] | undefined {
  return types()?.in(node.graph, node.inputs[input] ?? "")?.dims;
}

const isUsed = (graph: Graph, name: string | undefined): boolean =>
  name !== undefined && name !== "" && (graph.consumers(name).length > 0 || graph.isOutput(name));

const outputsUsed = (node: Node, from: number): boolean =>
  node.outputs.slice(from).some((name) => isUsed(node.graph, name));

/** Gives an input the dimensions that `axes` add, through an Unsqueeze of opset 7's form. */
function unsqueeze(node: Node, input: number, axes: number[]): void {
  const { graph } = node;
  const output = graph.uniqueName(`${node.inputs[input]}_unsqueezed`);
  const inputs = [node.inputs[input]!];
  graph.addNode({ opType: "Unsqueeze", inputs, outputs: [output], attributes: { axes } }, { before: node });
  node.setInput(input, output);
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

const change = (
  ops: readonly string[],
  version: number,
  adapt: NonNullable<Adapter["adapt"]>,
  refuse?: NonNullable<Adapter["refuse"]>,
): Adapter => ({ ops, version, adapt, ...(refuse ? { refuse } : {}) });

const cannot = (ops: readonly string[], version: number, refuse: NonNullable<Adapter["refuse"]>): Adapter => ({
  ops,
  version,
  refuse,
});

/** A list of integers became an input. */
const toInput = (ops: readonly string[], version: number, attribute: string): Adapter =>
  change(ops, version, (node) => {
    listToInput(node, attribute, 1);
  });

// ---- Changes ----------------------------------------------------------------------------------------------------------------

/** broadcast and axis told where B stood in A; from opset 7 on B is aligned to A's last dimensions. */
const broadcast: Adapter = {
  ops: ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"],
  version: 7,
  refuse: (node, context) =>
    node.attribute("axis") !== undefined && !(dimsOf(node, context, 0) && dimsOf(node, context, 1))
      ? "its axis cannot be followed without the ranks of its inputs"
      : undefined,
  adapt: (node, context) => {
    const axis = node.attribute("axis");
    if (axis !== undefined && node.attribute("broadcast") === 1) {
      const [a, b] = [dimsOf(node, context, 0)!.length, dimsOf(node, context, 1)!.length];
      const begin = Number(axis) < 0 ? Number(axis) + a : Number(axis);
      const missing = a - begin - b;
      if (missing > 0) unsqueeze(node, 1, range(b, b + missing));
    }
    node.setAttribute("axis", undefined);
    node.setAttribute("broadcast", undefined);
  },
};

/** A slope a channel stood for itself; it now broadcasts as everything does. */
const channelSlope: Adapter = {
  ops: ["PRelu"],
  version: 7,
  refuse: (node, context) =>
    dimsOf(node, context, 0) && dimsOf(node, context, 1)
      ? undefined
      : "its slope cannot be shaped without the ranks of its inputs",
  adapt: (node, context) => {
    const [x, slope] = [dimsOf(node, context, 0)!, dimsOf(node, context, 1)!];
    if (slope.length === 1 && slope[0] !== 1 && x.length > 2) unsqueeze(node, 1, range(1, x.length - 1));
  },
};

const drop = (version: number, ops: string[], ...names: string[]): Adapter => ({
  ops,
  version,
  adapt: (node) => {
    for (const name of names) node.setAttribute(name, undefined);
  },
});

const trains = (node: Node): string | undefined =>
  node.attribute("is_test") === 1 ? undefined : "it trains (is_test is 0), which newer versions do not do by default";

/** Softmax took everything from the axis on as one row; it now takes the axis alone. */
const softmaxRows: Adapter = {
  ops: ["Softmax", "LogSoftmax", "Hardmax"],
  version: 13,
  adapt: (node, context) => {
    const { graph } = node;
    const dims = dimsOf(node, context, 0);
    const given = Number(node.attribute("axis") ?? 1);
    const axis = dims && given < 0 ? given + dims.length : given;
    if (given === -1 || (dims && axis < dims.length && dims.slice(axis + 1).every((dim) => dim === 1))) {
      node.setAttribute("axis", given);
      return;
    }
    const [input, output] = [node.inputs[0]!, node.outputs[0]!];
    const name = (what: string): string => graph.uniqueName(`${output}_${what}`);
    const [shape, flat, rows] = [name("shape"), name("flat"), name("rows")];
    graph.addNode({ opType: "Shape", inputs: [input], outputs: [shape] }, { before: node });
    graph.addNode(
      { opType: "Flatten", inputs: [input], outputs: [flat], attributes: { axis: given } },
      { before: node },
    );
    node.setInput(0, flat);
    node.setAttribute("axis", -1);
    graph.setOutput(node, 0, rows);
    graph.addNode({ opType: "Reshape", inputs: [rows, shape], outputs: [output] }, { after: node });
  },
};

/** How a Resize changes each dimension: more than 0 where it enlarges, less where it shrinks; undefined where unknown. */
function growthOf(node: Node, { types }: UpgradeContext): number[] | undefined {
  const weight = node.graph.weight(node.inputs[1] ?? "");
  if (weight) return Array.from(weight.toFloats(), (scale) => scale - 1);
  const [before, after] = [node.inputs[0]!, node.outputs[0]!].map((name) => types()?.in(node.graph, name)?.dims);
  const growth = before?.map((dim, i) => {
    const other = after?.[i];
    // A scale below 1 always takes away, as sizes round down.
    return dim === other ? 0 : typeof dim === "number" && typeof other === "number" ? other - dim : NaN;
  });
  return growth?.some(Number.isNaN) ? undefined : growth;
}

/**
 * Resize of opset 10 maps a result's place x to x / scale; "nearest" then rounds down where it enlarges, and up where it
 * shrinks (so does ONNX Runtime, and the operator's own example). What was an Upsample never shrinks.
 */
const resizeCoordinates: Adapter = {
  ops: ["Resize"],
  version: 11,
  refuse: (node, context) => {
    if (node.opType === "Upsample" || node.attribute("mode") === "linear") return undefined;
    const growth = growthOf(node, context);
    if (!growth) return "its scales are not constant, and whether it rounds up or down depends on them";
    const isMixed = growth.some((one) => one < 0) && growth.some((one) => one > 0);
    return isMixed ? "it enlarges and shrinks at once, and rounds differently for each" : undefined;
  },
  adapt: (node, context) => {
    const shrinks = growthOf(node, context)?.some((one) => one < 0) ?? false;
    const scales = node.inputs[1]!;
    node.setInput(1, constant(node, "roi", "float32", [0], []));
    node.setInput(2, scales);
    node.setAttribute("coordinate_transformation_mode", "asymmetric");
    node.setAttribute("nearest_mode", shrinks ? "ceil" : "floor");
  },
};

const reductions = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare"].map(
  (name) => `Reduce${name}`,
);

/** In order of version; versions that are not here only widened what an operator takes. */
export const adapters: readonly Adapter[] = [
  broadcast,
  channelSlope,
  drop(7, ["Gemm"], "broadcast"),
  drop(7, ["LSTM", "GRU", "RNN"], "output_sequence"),
  { ...drop(7, ["BatchNormalization", "Dropout"], "is_test"), refuse: trains },
  change(["Upsample"], 7, (node) => {
    const scales = [1, 1, Number(node.attribute("height_scale")), Number(node.attribute("width_scale"))];
    node.setAttribute("height_scale", undefined);
    node.setAttribute("width_scale", undefined);
    node.setAttribute("scales", scales, "floats");
  }),
  {
    ...drop(9, ["BatchNormalization"], "spatial"),
    refuse: (node) =>
      node.attribute("spatial") === 0 ? "it normalizes each place by itself (spatial is 0)" : undefined,
  },
  change(["Upsample"], 9, (node) => {
    const scales = numbers(node.attribute("scales")) ?? [];
    node.setAttribute("scales", undefined);
    node.setInput(1, constant(node, "scales", "float32", [scales.length], scales));
  }),
  cannot(["Scan"], 9, () => "opset 8's Scan has a batch dimension that later ones lack"),
  cannot(["Dropout"], 10, (node) => (outputsUsed(node, 1) ? "its mask is used, whose type became bool" : undefined)),
  change(["Slice"], 10, (node) => {
    for (const [i, name] of ["starts", "ends", "axes"].entries()) listToInput(node, name, i + 1);
  }),
  change(["TopK"], 10, (node) => {
    node.setInput(1, constant(node, "k", "int64", [1], [Number(node.attribute("k"))]));
    node.setAttribute("k", undefined);
  }),
  // Resize takes the same inputs in opset 10.
  { ops: ["Upsample"], version: 10, becomes: "Resize" },
  change(["Clip"], 11, (node, context) => {
    for (const [i, name] of ["min", "max"].entries()) {
      const bound = node.attribute(name);
      node.setAttribute(name, undefined);
      // The defaults were the limits of float32: none.
      if (bound === undefined || Math.abs(Number(bound)) >= 3.4028234663852886e38) continue;
      node.setInput(i + 1, constant(node, name, typeOf(node, context), [], [Number(bound)]));
    }
  }),
  change(["Pad"], 11, (node, context) => {
    const pads = numbers(node.attribute("pads")) ?? [];
    node.setInput(1, constant(node, "pads", "int64", [pads.length], pads));
    const value = Number(node.attribute("value") ?? 0);
    if (value !== 0) node.setInput(2, constant(node, "value", typeOf(node, context), [], [value]));
    node.setAttribute("pads", undefined);
    node.setAttribute("value", undefined);
  }),
  resizeCoordinates,
  { ops: ["Scatter"], version: 11, becomes: "ScatterElements" },
  change(["Dropout"], 12, (node) => {
    const ratio = node.attribute("ratio");
    node.setAttribute("ratio", undefined);
    if (ratio !== undefined) node.setInput(1, constant(node, "ratio", "float32", [], [Number(ratio)]));
  }),
  softmaxRows,
  toInput(["Squeeze", "Unsqueeze", "ReduceSum"], 13, "axes"),
  toInput(["Split"], 13, "split"),
  change(
    ["BatchNormalization"],
    14,
    (node) => {
      node.graph.trimOutputs(node, 1);
    },
    (node) => (outputsUsed(node, 1) ? "it trains: its running statistics are used" : undefined),
  ),
  change(["RoiAlign"], 16, (node) => {
    node.setAttribute("coordinate_transformation_mode", "output_half_pixel");
  }),
  toInput(reductions, 18, "axes"),
  change(["Split"], 18, (node) => {
    if ((node.inputs[1] ?? "") === "") node.setAttribute("num_outputs", node.outputs.length);
  }),
  change(["GridSample"], 20, (node) => {
    const names: Record<string, string> = { bilinear: "linear", bicubic: "cubic" };
    const mode = (node.attribute("mode") ?? "bilinear") as string;
    node.setAttribute("mode", names[mode] ?? mode);
  }),
  change(["DFT"], 20, (node) => {
    const axis = Number(node.attribute("axis") ?? 1);
    node.setAttribute("axis", undefined);
    node.setInput(2, constant(node, "axis", "int64", [], [axis]));
  }),
  cannot(["GroupNormalization"], 21, () => "its scale and bias became one a channel, from one a group"),
];
