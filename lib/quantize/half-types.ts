/** Whether a value is a float32 tensor: by shape inference, else by what its producer says. */
import type { Graph, Model } from "../model/index.js";
import { homeOf } from "../rewrite/constants.js";

/** Operators whose outputs are not of their first input's type, for models that inference does not get through. */
const notFloat = new Set([
  ...["Shape", "Size", "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression", "IsNaN", "IsInf", "Not", "And", "Or", "Xor"],
  ...["SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceMap", "SplitToSequence"],
  ...["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "MatMulInteger", "ConvInteger", "QuantizeLinear"],
]);

/** The question for one model, answered for all values while the model is as it was. */
export function floatValues(model: Model): (graph: Graph, name: string) => boolean {
  const shapes = model.inferShapes();
  const known = new Map<Graph, Map<string, boolean>>();
  const isFloat = (graph: Graph, name: string): boolean => {
    const home = homeOf(graph, name);
    if (!home) return false;
    let values = known.get(home);
    if (!values) known.set(home, (values = new Map<string, boolean>()));
    let answer = values.get(name);
    if (answer === undefined) {
      const weight = home.weight(name);
      const dtype = weight?.dtype ?? shapes.in(home, name)?.dtype ?? home.valueInfo(name)?.dtype;
      answer = dtype === undefined ? bySource(home, name) : dtype === "float32";
      values.set(name, answer);
    }
    return answer;
  };
  const bySource = (graph: Graph, name: string): boolean => {
    const producer = graph.producer(name);
    if (!producer || notFloat.has(producer.opType)) return false;
    if (producer.opType === "Cast") return Number(producer.attribute("to")) === 1;
    if (producer.opType === "Constant")
      return producer.attribute("value_float") !== undefined || producer.attribute("value_floats") !== undefined;
    // Second outputs of these are indices or masks.
    if (["TopK", "MaxPool", "Dropout", "Unique"].includes(producer.opType) && producer.outputs[0] !== name)
      return false;
    const source =
      producer.opType === "Where" || producer.opType === "OneHot" ? producer.inputs.at(-1) : producer.inputs[0];
    return source !== undefined && source !== "" && isFloat(graph, source);
  };
  for (const graph of model.graph.walk())
    for (const { inputs, outputs } of graph.nodes)
      for (const name of [...inputs, ...outputs]) if (name !== "") isFloat(graph, name);
  return isFloat;
}
