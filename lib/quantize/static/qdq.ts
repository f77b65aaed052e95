/** The format that says integers by QuantizeLinear → DequantizeLinear pairs, which runtimes fuse into integer kernels. */
import type { Graph, Node, Place } from "../../model/index.js";
import type { IntegerValue } from "./accuracy.js";
import type { Parameters } from "./parameters.js";
import type { Plan, Planned } from "./plan.js";

/**
 * Puts a pair after each planned activation, and integers with a DequantizeLinear in the place of each planned constant.
 * @returns where the integers of each activation stand.
 */
export function writeQdq(plan: Plan, parameters: Parameters): Map<string, IntegerValue> {
  const written = new Map<string, IntegerValue>();
  const { graph, tensors, biases } = plan;
  const first = graph.nodes[0];
  const atStart: Place = first ? { before: first } : {};
  const pairs: [string, string, Place][] = [];
  for (const [name, planned] of tensors)
    if (plan.constant(name)) writeConstant(plan, parameters, name, planned, atStart);
    else pairs.push([name, giver(tensors, name), atStart]);
  for (const [name, from] of pairs) {
    const source = tensors.get(from)!;
    const activation = plan.constant(from)
      ? parameters.constant(from, source.isWeight, "", source.axis)
      : parameters.activation(from);
    if (from !== name) parameters.share(name, activation);
    const data = writePair(graph, name, [activation.scaleName, activation.zeroPointName], atStart);
    written.set(name, { ...activation, data });
  }
  for (const [name, { node, input, weight, beta }] of biases) {
    const index = node.inputs.indexOf(name);
    const activation = parameters.activations.get(input);
    const quantized = index < 0 || !activation ? undefined : parameters.bias(name, activation, weight, beta);
    if (!quantized) continue;
    const output = graph.uniqueName(`${name}_DequantizeLinear_Output`);
    dequantize(graph, name, [quantized.data, quantized.scaleName, quantized.zeroPointName], output, quantized.axis, {
      before: node,
    });
    node.setInput(index, output);
  }
  return written;
}

/** The tensor whose grid a tensor takes: its own, or that of the one it is like. */
export function giver(tensors: ReadonlyMap<string, Planned>, name: string): string {
  let from = name;
  for (let like = tensors.get(from)?.like; like !== undefined && tensors.has(like); like = tensors.get(from)?.like)
    from = like;
  return from;
}

function writeConstant(
  { graph }: Plan,
  parameters: Parameters,
  name: string,
  { isWeight, axis }: Planned,
  place: Place,
): void {
  const readers = graph.consumers(name);
  const quantized = parameters.constant(name, isWeight, readers[0]?.opType ?? "", axis);
  const output = graph.uniqueName(`${name}_DequantizeLinear_Output`);
  graph.replaceUses(name, output);
  dequantize(graph, name, [quantized.data, quantized.scaleName, quantized.zeroPointName], output, axis, place);
}

function writePair(graph: Graph, name: string, grid: [string, string], atStart: Place): string {
  const producer = graph.producer(name);
  let input = name;
  let output = `${name}_DequantizeLinear_Output`;
  if (graph.isOutput(name) && producer) {
    // The graph's output keeps its name; what makes it gets another.
    input = graph.uniqueName(`${name}_QuantizeLinear_Input`);
    graph.setOutput(producer, producer.outputs.indexOf(name), input);
    output = name;
  } else {
    output = graph.uniqueName(output);
    graph.replaceUses(name, output);
  }
  const integers = graph.uniqueName(`${name}_QuantizeLinear_Output`);
  const quantizeNode = graph.addNode(
    { opType: "QuantizeLinear", name: `${name}_QuantizeLinear`, inputs: [input, ...grid], outputs: [integers] },
    producer ? { after: producer } : atStart,
  );
  dequantize(graph, name, [integers, ...grid], output, undefined, { after: quantizeNode });
  return integers;
}

function dequantize(
  graph: Graph,
  name: string,
  inputs: [string, string, string],
  output: string,
  axis: number | undefined,
  place: Place,
): Node {
  const attributes: Record<string, number> = axis === undefined ? {} : { axis };
  return graph.addNode(
    { opType: "DequantizeLinear", name: `${name}_DequantizeLinear`, inputs, outputs: [output], attributes },
    place,
  );
}
