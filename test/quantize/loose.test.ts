/** Files of weights without a graph: what becomes of each tensor. */
import { Model, Weight } from "../../lib/model/index.js";
import { quantize } from "../../lib/quantize/index.js";
import { expectRejection } from "../errors.js";

function loose(): Model {
  const model = Model.create();
  model.graph.addWeight("fc.weight", Weight.of("float32", [2, 4], [1, -2, 3, 4, 127, 0, -64, 32]));
  model.graph.addWeight("fc.bias", Weight.of("float32", [2], [0.5, 1]));
  model.graph.addWeight("ids", Weight.of("int64", [2], [1, 2]));
  return model;
}
const types = ({ graph }: Model): Record<string, string> =>
  Object.fromEntries(Array.from(graph.weights(), ([name, { dtype, dims }]) => [name, `${dtype} ${dims.join("×")}`]));

test("float16 takes every float32 tensor", async () => {
  const model = loose();
  expect(types(await quantize(model, { dtype: "float16" }))).toEqual({
    "fc.weight": "float16 2×4",
    "fc.bias": "float16 2",
    ids: "int64 2",
  });
  expect(types(model)["fc.weight"]).toBe("float32 2×4");
});

test("int8 takes matrices, a scale for each output", async () => {
  const quantized = await quantize(loose(), { dtype: "int8" });
  expect(types(quantized)).toEqual({
    "fc.weight": "int8 2×4",
    "fc.bias": "float32 2",
    ids: "int64 2",
    "fc.weight_scale": "float32 2",
  });
  expect(Array.from(quantized.graph.weight("fc.weight")!.toFloats())).toEqual([32, -64, 95, 127, 127, 0, -64, 32]);
  expect(quantized.report.skipped.map(({ name }) => name)).toEqual(["fc.bias", "ids"]);
});

test("uint8 has zero points, per tensor where that is asked for", async () => {
  const quantized = await quantize(loose(), { dtype: "uint8", perChannel: false, nodes: { include: [/weight/] } });
  expect(types(quantized)).toMatchObject({
    "fc.weight": "uint8 2×4",
    "fc.weight_scale": "float32 ",
    "fc.weight_zero_point": "uint8 ",
  });
});

test.each([
  [{ dtype: "int8", mode: "dynamic" }, /got int8 in mode "dynamic"/],
  [{ dtype: "int4" }, /got int4 in mode "weights"/],
  [{ dtype: "nf4" }, /got nf4 in mode "bnb4"/],
] as const)("refuses %j", async (options, message) => {
  await expectRejection(quantize(loose(), options), "PARE_UNSUPPORTED", message);
});
