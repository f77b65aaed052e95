/** Small models for tests of rewrites, and graphs as lines of text. */
import { Model, Weight, type NodeDescription } from "../../lib/model/index.js";
import { floats } from "../onnxruntime.js";

/** A node: operator, inputs, outputs as words. */
export const node = (
  opType: string,
  inputs: string,
  outputs: string,
  attributes: NodeDescription["attributes"] = {},
): NodeDescription => ({ opType, inputs: inputs.split(" "), outputs: outputs.split(" "), attributes });

export const weight = (...dims: number[]): Weight =>
  Weight.of(
    "float32",
    dims,
    floats(
      dims.reduce((a, b) => a * b, 1),
      dims.length,
    ),
  );

/** A model of a float32 input x and an output y. */
export function build(
  nodes: NodeDescription[],
  weights: Record<string, Weight>,
  { dims = [2, 8], opset = 13 }: { dims?: number[]; opset?: number } = {},
): Model {
  const model = Model.create({ opset });
  const { graph } = model;
  graph.addInput("x", "float32", dims);
  for (const [name, one] of Object.entries(weights)) graph.addWeight(name, one);
  for (const one of nodes) graph.addNode(one);
  graph.addOutput("y", "float32");
  return model;
}

/** Nodes in order, such as "Cast x → x_as_float16". */
export const lines = ({ graph }: Model): string[] =>
  graph.nodes.map(({ opType, inputs, outputs }) => `${opType} ${inputs.join(" ")} → ${outputs.join(" ")}`);

/** Weights by name, such as { w: "int8 8×4" }. */
export const weightsOf = ({ graph }: Model): Record<string, string> =>
  Object.fromEntries(
    [...graph.weights()].map(([name, { dtype, dims }]) => [name, `${dtype} ${dims.join("×")}`.trim()]),
  );
