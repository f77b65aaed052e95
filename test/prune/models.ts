/** Small models with known weights, for pruning. */
import { Model, Weight } from "../../lib/model/index.js";

/** A tensor by its shape and values. */
export interface Values {
  dims: number[];
  data: Float32Array;
}

/** A model of one node for each weight: the operator that its name begins with, fed by an input of its own. */
export function modelOf(weights: Record<string, Values>): Model {
  const model = Model.create();
  for (const [name, { dims, data }] of Object.entries(weights)) {
    const { graph } = model;
    graph.addWeight(name, Weight.of("float32", dims, data));
    graph.addInput(`${name}.x`, "float32", []);
    const opType = { conv: "Conv", gemm: "Gemm", matmul: "MatMul", transposed: "Gemm" }[/^[a-z]+/.exec(name)![0]]!;
    graph.addNode({
      opType,
      name: `${name}.node`,
      inputs: [`${name}.x`, name],
      outputs: [`${name}.y`],
      attributes: name.startsWith("transposed") ? { transB: 1 } : {},
    });
    graph.addOutput(`${name}.y`, "float32");
  }
  return model;
}

/** The values of a weight after pruning. */
export function valuesOf(model: Model, name: string): number[] {
  return Array.from(model.graph.weight(name)!.toFloats());
}
