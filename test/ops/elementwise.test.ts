/** Functions of one element. */
import { Model } from "../../lib/model/index.js";
import { binding } from "../../lib/binding.js";
import { testErrors, testShapes, typeText } from "./infer.js";

testShapes({
  "as the input": { opType: "Exp", inputs: ["float16[N, 3, 8]"], outputs: ["float16[N, 3, 8]"] },
  "an unknown rank stays unknown": { opType: "Exp", inputs: ["float32"], outputs: ["float32"] },
  "IsNaN is bool": { opType: "IsNaN", inputs: ["float32[2]"], outputs: ["bool[2]"] },
  "Identity of strings": { opType: "Identity", inputs: ["string[2]"], outputs: ["string[2]"] },
  "Dropout's mask is bool": { opType: "Dropout", inputs: ["float32[N, 4]"], outputs: ["float32[N, 4]", "bool[N, 4]"] },
  "and was a float": { opType: "Dropout", opset: 9, inputs: ["float32[4]"], outputs: ["float32[4]", "float32[4]"] },
  "Bernoulli's type": { opType: "Bernoulli", inputs: ["float32[4]"], attributes: { dtype: 9 }, outputs: ["bool[4]"] },
});
testErrors({
  "a missing input": { opType: "Exp", code: "PARE_MODEL", message: /^Exp "it": input 0 \(input\) is missing/ },
  "too many inputs": {
    opType: "Exp",
    inputs: ["float32[2]", "float32[2]"],
    code: "PARE_MODEL",
    message: /^Exp "it": it has 2 inputs; Exp has at most 1/,
  },
  "an attribute of another kind": {
    opType: "Bernoulli",
    inputs: ["float32[4]"],
    attributes: { dtype: "bool" },
    code: "PARE_MODEL",
    message: /^Bernoulli "it": the attribute dtype is of kind string; it must be integer/,
  },
  "a type that is none": {
    opType: "Bernoulli",
    inputs: ["float32[4]"],
    attributes: { dtype: 99 },
    code: "PARE_OPTION",
    message: /dtype is 99, which is not the number of a type/,
  },
});

const elementwise = binding
  .operators()
  .filter(
    ({ traits, inputs }) => traits.includes("elementwise") && inputs.length === 1 && inputs[0]!.arity === "required",
  );
test.each(elementwise.map((row) => [`${row.domain}:${row.name} ${row.since}`, row] as const))(
  "%s keeps the shape",
  (_, row) => {
    const { name: opType, domain, since, inputs, attributes } = row;
    const model = Model.create({ opset: domain === "" ? since : 21 });
    model.setOpset("com.microsoft", 1);
    model.graph.addInput("x", inputs[0]!.types[0] as "float32", ["N", 3, "M"]);
    const needed = attributes.filter(({ required }) => required).map(({ name }): [string, number] => [name, 1]);
    model.graph.addNode({
      opType,
      domain,
      inputs: ["x"],
      outputs: ["y"],
      attributes: Object.fromEntries(needed),
    });
    expect(typeText(model.inferShapes().get("y"))).toMatch(/\[N, 3, M\]$/);
  },
);
