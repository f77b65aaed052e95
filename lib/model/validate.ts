/** What must hold before anybody works on a model: checked once when it is loaded, without touching the weights' bytes. */
import { PareError } from "../errors.js";
import type { GraphProto, ModelProto } from "./proto.js";
import { bitsOf, byteLengthOf, dataTypeOf } from "./dtype.js";
import { tensorsOf } from "./tensors.js";
import { dimsOf, weightOf } from "./weight.js";

/** @throws PareError PARE_MODEL that names the node or tensor. */
export function validate(model: ModelProto): void {
  if (!model.graph) throw new PareError("PARE_MODEL", "the file holds no graph.");
  for (const [tensor, where] of tensorsOf(model)) {
    const dtype = dataTypeOf(tensor.dataType);
    if (dtype === "string") checkStrings(tensor.stringData.length, dimsOf(tensor, where), where);
    else if (tensor.rawData.byteLength > 0 || dtype === undefined) weightOf(tensor, where);
    else checkTyped(tensor, where, byteLengthOf(dtype, dimsOf(tensor, where), where), bitsOf(dtype));
  }
  checkGraph(model.graph, new Set());
}

function checkStrings(count: number, dims: readonly number[], where: string): void {
  const needed = dims.reduce((product, dim) => product * dim, 1);
  if (count !== needed)
    throw new PareError(
      "PARE_MODEL",
      `${where}: [${dims.join(", ")}] needs ${needed} strings; the file holds ${count}.`,
    );
}

/** Typed values are few and may be packed in several ways: converting them checks them. Absurd shapes must not get there. */
function checkTyped(tensor: Parameters<typeof weightOf>[0], where: string, needed: number, bits: number): void {
  const { floatData, int32Data, int64Data, doubleData, uint64Data } = tensor;
  const values = Math.max(floatData.length, int32Data.length, int64Data.length, doubleData.length, uint64Data.length);
  if (values * 16 < needed)
    throw new PareError(
      "PARE_MODEL",
      `${where}: [${tensor.dims.join(", ")}] needs ${Math.ceil((needed * 8) / bits).toLocaleString("en")} values; ` +
        `the file holds ${values}. It may be truncated.`,
    );
  weightOf(tensor, where);
}

/** Names must be unique in a graph, and every node must name its operator; `outer` are the names of graphs around it. */
function checkGraph(graph: GraphProto, outer: ReadonlySet<string>): void {
  const known = new Set(outer);
  const own = new Set<string>();
  const define = (name: string, what: string): void => {
    if (own.has(name))
      throw new PareError("PARE_MODEL", `${what} "${name}" is defined twice in graph "${graph.name}".`);
    own.add(name);
    known.add(name);
  };
  for (const { name } of graph.input) if (name !== "") define(name, "input");
  const inputs = new Set(own);
  const initializers = new Set<string>();
  for (const { name } of graph.initializer) {
    if (name === "") throw new PareError("PARE_MODEL", `an initializer of graph "${graph.name}" has no name.`);
    if (initializers.has(name)) throw new PareError("PARE_MODEL", `initializer "${name}" is defined twice.`);
    initializers.add(name);
    // One that is an input too is that input's default.
    if (!inputs.has(name)) define(name, "initializer");
  }
  for (const { values } of graph.sparseInitializer)
    if (values && !inputs.has(values.name)) define(values.name, "sparse initializer");
  for (const { opType, name, output } of graph.node) {
    if (opType === "") throw new PareError("PARE_MODEL", `node "${name}" of graph "${graph.name}" names no operator.`);
    for (const one of output) if (one !== "") define(one, `the output of ${opType}`);
  }
  for (const { opType, name, input, attribute } of graph.node) {
    for (const one of input)
      if (one !== "" && !known.has(one))
        throw new PareError("PARE_MODEL", `node ${opType} "${name}" reads "${one}", which nothing in the graph makes.`);
    for (const { g, graphs } of attribute) for (const inner of g ? [g, ...graphs] : graphs) checkGraph(inner, known);
  }
  for (const { name } of graph.output)
    if (!known.has(name))
      throw new PareError("PARE_MODEL", `output "${name}" of graph "${graph.name}" is made by nothing.`);
}
