/** Gemm as MatMul and Add, which quantized kernels know. */
import { Weight, type Graph, type Node } from "../model/index.js";

/**
 * Gemm(A, B, C) = alpha · A' · B' + beta · C → [Transpose] MatMul [Mul] [Add]. Returns the MatMul, whose second input is B
 * itself or its Transpose. Names are those of onnxruntime.quantization. Needs no shape; opset 7.
 */
export function gemmToMatMul(graph: Graph, gemm: Node): Node {
  const [a = "", b = "", c = ""] = gemm.inputs;
  const out = gemm.outputs[0]!;
  const number = (name: string, value: number): number => (gemm.attribute(name) as number | undefined) ?? value;
  const named = (suffix: string): { name?: string } => (gemm.name === "" ? {} : { name: `${gemm.name}_${suffix}` });
  const at = { before: gemm };
  const turn = (input: string): string => {
    const turned = graph.uniqueName(`${input}_Transposed`);
    const attributes = { perm: [1, 0] };
    graph.addNode({ opType: "Transpose", inputs: [input], outputs: [turned], attributes }, at);
    return turned;
  };
  const times = (input: string, factor: number, output: string): string => {
    const name = graph.addWeight(`${output}_factor`, Weight.of("float32", [], [factor]));
    graph.addNode({ opType: "Mul", inputs: [input, name], outputs: [output] }, at);
    return output;
  };
  const alpha = number("alpha", 1);
  const beta = number("beta", 1);
  const inputs = [number("transA", 0) ? turn(a) : a, number("transB", 0) ? turn(b) : b];
  const adds = c !== "" && beta !== 0;
  const sum = adds ? graph.uniqueName(`${out}_MatMul`) : out;
  const product = alpha === 1 ? sum : graph.uniqueName(`${sum}_unscaled`);
  const addend = adds && beta !== 1 ? times(c, beta, graph.uniqueName(`${c}_scaled`)) : c;
  // The Gemm goes first: a value has one producer.
  const place = graph.nodes[graph.nodes.indexOf(gemm) + 1];
  graph.removeNode(gemm);
  const after = place ? { before: place } : undefined;
  const matMul = graph.addNode({ opType: "MatMul", ...named("MatMul"), inputs, outputs: [product] }, after);
  if (alpha !== 1) {
    const factor = graph.addWeight(`${sum}_factor`, Weight.of("float32", [], [alpha]));
    graph.addNode({ opType: "Mul", inputs: [product, factor], outputs: [sum] }, after);
  }
  if (adds) graph.addNode({ opType: "Add", ...named("Add"), inputs: [sum, addend], outputs: [out] }, after);
  return matMul;
}
