/** Models of float16 and bfloat16 as models of float32, whose kernels are faster and whose sums lose less. */
import { Weight, type DataType, type Graph, type Model, type Node } from "../model/index.js";

const isHalf = (dtype: DataType | undefined): boolean => dtype === "float16" || dtype === "bfloat16";
const halfCodes = new Set([10, 16]);
const float32Code = 1;

/**
 * Weights and everything computed become float32; inputs and outputs keep their types, with a Cast beside each.
 * @returns whether the model had any of these types.
 */
export function widenHalves(model: Model): boolean {
  if (!usesHalves(model)) return false;
  for (const graph of model.graph.walk()) {
    for (const [name, weight] of [...graph.weights()])
      if (isHalf(weight.dtype) && !graph.isOverridable(name)) graph.setWeight(name, widened(weight));
    for (const node of graph.nodes) widenAttributes(node);
    if (graph.parent) widenDeclared(graph);
  }
  castFaces(model.graph);
  return true;
}

function usesHalves(model: Model): boolean {
  for (const graph of model.graph.walk()) {
    if (graph.inputs.some(({ dtype }) => isHalf(dtype)) || graph.outputs.some(({ dtype }) => isHalf(dtype)))
      return true;
    for (const [, weight] of graph.weights()) if (isHalf(weight.dtype)) return true;
    if (graph.nodes.some((node) => halfCodes.has(Number(node.attribute("to") ?? 0)))) return true;
  }
  return false;
}

const widened = (weight: Weight): Weight => Weight.of("float32", weight.dims, weight.toFloats());

function widenAttributes(node: Node): void {
  for (const name of ["to", "dtype"])
    if (halfCodes.has(Number(node.attribute(name) ?? 0))) node.setAttribute(name, float32Code);
  const value = node.attribute("value");
  if (value instanceof Weight && isHalf(value.dtype)) node.setAttribute("value", widened(value));
}

/** Graphs inside nodes take and give float32 too. */
function widenDeclared(graph: Graph): void {
  const { input, output, valueInfo } = graph.proto;
  for (const list of [input, output, valueInfo])
    for (const { type } of list)
      if (type?.value.case === "tensorType" && halfCodes.has(type.value.value.elemType))
        type.value.value.elemType = float32Code;
}

function castFaces(graph: Graph): void {
  const cast = (from: string, to: string, code: number, before?: Node): void => {
    graph.addNode(
      { opType: "Cast", inputs: [from], outputs: [to], attributes: { to: code } },
      before ? { before } : {},
    );
  };
  // What the file declares of values inside holds no longer.
  graph.proto.valueInfo = [];
  for (const { name, dtype } of graph.inputs) {
    if (!isHalf(dtype)) continue;
    const wide = graph.uniqueName(`${name}_float32`);
    graph.replaceUses(name, wide);
    cast(name, wide, float32Code, graph.nodes[0]);
  }
  for (const { name, dtype } of graph.outputs) {
    if (!isHalf(dtype)) continue;
    const maker = graph.producer(name);
    const wide = maker ? graph.uniqueName(`${name}_float32`) : name;
    if (maker) {
      graph.setOutput(maker, maker.outputs.indexOf(name), wide);
      graph.replaceUses(name, wide);
      cast(wide, name, dtype === "float16" ? 10 : 16);
    }
  }
}
