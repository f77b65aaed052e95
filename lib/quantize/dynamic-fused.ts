/** Dynamic quantization of operators that have a quantized form of their own: Gather, LSTM, and ONNX Runtime's fused ones. */
import type { Graph, Node } from "../model/index.js";
import { takeAttributes } from "./attributes.js";
import { placeOf, weightInput, type Dynamic, type Quantized } from "./dynamic.js";

/** Gather of a constant table → the same of a uint8 one, then DequantizeLinear for whoever reads floats. */
export function quantizeGather(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const table = weightInput(graph, node, 0);
  if (typeof table === "string") return table;
  if (table.transposed) return `weight "${table.name}" is transposed`;
  const out = node.outputs[0]!;
  const weight = dynamic.weight(table, { ...dynamic.spec("uint8"), reduceRange: false }, node.opType);
  const gathered = { ...weight, data: graph.uniqueName(`${out}_quantized`) };
  node.setInput(0, weight.data);
  graph.setOutput(node, 0, gathered.data);
  graph.addNode(
    {
      opType: "DequantizeLinear",
      name: `${out}_DequantizeLinear`,
      inputs: [gathered.data, gathered.scale, gathered.zeroPoint],
      outputs: [out],
    },
    { after: node },
  );
  // A product reads the integers as they are; if no one else reads the floats, the DequantizeLinear goes as dead code.
  dynamic.setActivation(graph, out, gathered);
  return undefined;
}

/** LSTM → com.microsoft DynamicQuantizeLSTM: int8 weights, each matrix transposed. */
export function quantizeLstm(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const w = weightInput(graph, node, 1);
  const r = weightInput(graph, node, 2);
  if (typeof w === "string") return w;
  if (typeof r === "string") return r;
  if (w.weight.dims.length !== 3 || r.weight.dims.length !== 3) return "its weights are not of three dimensions";
  if (Number(node.attribute("layout") ?? 0) !== 0) return "DynamicQuantizeLSTM has no layout 1";
  const [directions, gates] = w.weight.dims as [number, number];
  const { perChannel } = dynamic.options;
  const quantized = [w, r].map((constant) => {
    // The oracle's scales: one a direction, or one a row of each direction's matrix.
    const rows = [directions * gates, constant.weight.dims[2]!];
    const form = perChannel ? { turn: true, as: rows, scaleDims: [directions, gates] } : { turn: true };
    return dynamic.weight(constant, dynamic.spec("int8", 0), node.opType, form);
  }) as [Quantized, Quantized];
  const [W, R] = quantized;
  const given = (index: number): string => node.inputs[index] ?? "";
  const inputs = [given(0), W.data, R.data, ...[3, 4, 5, 6, 7].map(given), W.scale, W.zeroPoint, R.scale, R.zeroPoint];
  replace(dynamic, graph, node, "DynamicQuantizeLSTM", inputs, "layout");
  return undefined;
}

/** com.microsoft Attention → QAttention. */
export function quantizeAttention(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  const w = weightInput(graph, node, 1);
  if (typeof w === "string") return w;
  if (node.attribute("qkv_hidden_sizes") !== undefined) return "QAttention has no qkv_hidden_sizes";
  if ((node.inputs[5] ?? "") !== "") return "QAttention takes no attention bias";
  const a = dynamic.activation(graph, node.inputs[0]!);
  const weight = dynamic.weight(w, dynamic.spec(undefined, dynamic.options.perChannel ? 1 : undefined), node.opType);
  const given = (index: number): string => node.inputs[index] ?? "";
  const inputs = [
    ...[a.data, weight.data, given(2), a.scale, weight.scale, given(3), a.zeroPoint, weight.zeroPoint, given(4)],
  ];
  replace(dynamic, graph, node, "QAttention", inputs);
  return undefined;
}

/** com.microsoft EmbedLayerNormalization → QEmbedLayerNormalization: its tables, gamma and beta as uint8. */
export function quantizeEmbedding(dynamic: Dynamic, graph: Graph, node: Node): string | undefined {
  if (node.outputs.length > 2) return "QEmbedLayerNormalization has no third output";
  const tables: (Quantized | undefined)[] = [];
  for (const index of [2, 3, 4, 5, 6]) {
    if ((node.inputs[index] ?? "") === "") {
      tables.push(undefined);
      continue;
    }
    const table = weightInput(graph, node, index);
    if (typeof table === "string") return table;
    tables.push(dynamic.weight(table, { ...dynamic.spec("uint8"), reduceRange: false }, node.opType));
  }
  const names = (key: keyof Quantized): string[] => tables.map((table) => table?.[key] ?? "");
  const given = (index: number): string => node.inputs[index] ?? "";
  const inputs = [given(0), given(1), ...names("data"), given(7), ...names("scale"), ...names("zeroPoint")];
  replace(dynamic, graph, node, "QEmbedLayerNormalization", inputs);
  return undefined;
}

/** Puts a com.microsoft node with the same outputs and attributes in a node's place. */
function replace(
  dynamic: Dynamic,
  graph: Graph,
  node: Node,
  opType: string,
  inputs: string[],
  ...except: string[]
): void {
  const at = placeOf(graph, node);
  const name = node.name === "" ? {} : { name: `${node.name}_quant` };
  graph.removeNode(node);
  const made = graph.addNode({ opType, domain: "com.microsoft", ...name, inputs, outputs: [...node.outputs] }, at);
  takeAttributes(made, node, ...except);
  dynamic.usesMicrosoft = true;
}
