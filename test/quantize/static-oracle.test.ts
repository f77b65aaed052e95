/** Small models against what onnxruntime.quantization's quantize_static made of them (bench/oracle/static.py goldens). */
import { join } from "node:path";
import { loadSync, quantize, Tensor, type Model, type QuantizeOptions, type Weight } from "../../lib/index.js";

const folder = join(__dirname, "..", "goldens", "quantize");
const golden = (name: string): Model => loadSync(join(folder, `${name}.onnx`));

/** The batches that the goldens were calibrated on. */
const batches = (dims: readonly number[]): { x: Tensor }[] =>
  [0, 1].map((k) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: count }, (_, i) => ((i * 7919 + k * 104729) % 2003) / 1001 - 1);
    return {
      x: new Tensor(
        "float32",
        values.map((value) => value * (k + 1)),
        dims,
      ),
    };
  });

const cases: [net: string, variant: string, dims: readonly number[], options: Partial<QuantizeOptions>][] = [
  ["mlp", "qdq", [2, 20], {}],
  ["mlp", "qoperator-channel", [2, 20], { format: "qoperator", perChannel: true }],
  ["convnet", "qdq-channel-uint8", [2, 3, 12, 12], { perChannel: true, activationType: "uint8" }],
  ["convnet", "qoperator", [2, 3, 12, 12], { format: "qoperator" }],
];

const weightsOf = (model: Model): Map<string, Weight> => new Map(model.graph.weights());
const opsOf = (model: Model): string[] => model.graph.nodes.map(({ opType }) => opType).sort();

test.each(cases)("%s, %s", async (net, variant, dims, options) => {
  const calibration = batches(dims);
  const made = await quantize(golden(net), { dtype: "int8", mode: "static", calibration, tidy: false, ...options });
  const want = golden(`${net}.static-${variant}`);
  expect(opsOf(made)).toEqual(opsOf(want));
  const got = weightsOf(made);
  const names = [...weightsOf(want).keys()].filter((name) => /_(quantized|scale|zero_point)$/.test(name));
  expect(names.length).toBeGreaterThan(15);
  for (const [name, weight] of weightsOf(want)) {
    if (!names.includes(name)) continue;
    const values = got.get(name)?.toFloats();
    expect([name, got.get(name)?.dtype, values?.length]).toEqual([name, weight.dtype, weight.elementCount]);
    // Activations of two runtimes differ by what rounding of sums does; a bias then by a step of its int32.
    const near = weight.dtype === "float32" ? 1e-5 : weight.dtype === "int32" ? 1e-3 : 0;
    for (const [i, wanted] of weight.toFloats().entries())
      expect([name, i, Math.abs(values![i]! - wanted) <= near * Math.abs(wanted) + (near === 1e-3 ? 1 : 0)]).toEqual([
        name,
        i,
        true,
      ]);
  }
});
