/** The smallest model with something of everything that graph edits meet. */
import { Model, Weight } from "../../lib/model/index.js";

/** y = Relu(x · w + b), b in a Constant node. */
export function small(): Model {
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  graph.addInput("x", "float32", ["N", 3]);
  graph.addOutput("y", "float32", ["N", 2]);
  graph.addWeight("w", Weight.of("float32", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)));
  graph.addNode({
    opType: "Constant",
    inputs: [],
    outputs: ["b"],
    attributes: { value: Weight.of("float32", [2], [1, -1]) },
  });
  graph.addNode({ opType: "MatMul", name: "product", inputs: ["x", "w"], outputs: ["p"] });
  graph.addNode({ opType: "Add", inputs: ["p", "b"], outputs: ["s"] });
  graph.addNode({ opType: "Relu", inputs: ["s"], outputs: ["y"] });
  return model;
}
