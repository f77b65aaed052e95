/** Operators as they are since opsets 18 to 21: ONNX's own results for them, and clear errors where pare has none. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compile, Model, Tensor } from "../../lib/index.js";
import type { DataType } from "../../lib/model/dtype.js";
import { typedArrayOf } from "../../lib/model/weight.js";
import { difference } from "./difference.js";

interface Golden {
  dtype: DataType;
  dims: number[];
  data: string;
}

interface Case {
  op: string;
  opset: number;
  name: string;
  model: string;
  inputs: Golden[];
  outputs: Golden[];
}

/** Made by bench/oracle/opsets.py. */
const cases = JSON.parse(readFileSync(join(__dirname, "../goldens/opsets.json"), "utf8")) as Case[];

/** What pare does not run, and says so. */
const refused = /^(DeformConv|Optional|Scan|DFT: dft_irfft)/;

function tensorOf({ dtype, dims, data }: Golden): Tensor {
  const bytes = new Uint8Array(Buffer.from(data, "base64"));
  return new Tensor(dtype as "float32", typedArrayOf(dtype, bytes.buffer) as Float32Array, dims);
}

async function run({ model, inputs }: Case): Promise<Tensor[]> {
  const session = await compile(new Uint8Array(Buffer.from(model, "base64")));
  const feeds = Object.fromEntries(inputs.map((input, i) => [session.inputNames[i]!, tensorOf(input)]));
  const results = await session.run(feeds);
  return session.outputNames.map((name) => results[name]!);
}

const titled = cases.map((one) => [`${one.op}: ${one.name}, ${one.opset}`, one] as const);

test.each(titled.filter(([title]) => !refused.test(title)))("%s", async (_, one) => {
  const results = await run(one);
  expect(results).toHaveLength(one.outputs.length);
  one.outputs.map(tensorOf).forEach((output, i) => {
    const largest = output.type === "float32" ? Math.max(...(output.data as Float32Array).map(Math.abs)) : 0;
    // Sums that cancel leave some roundings of their largest terms.
    expect(difference(results[i]!, output, Math.max(1e-7, largest * 2 ** -21))).toBeUndefined();
  });
});

test.each(titled.filter(([title]) => refused.test(title)))("%s, refused by name", async (_, one) => {
  await expect(run(one)).rejects.toMatchObject({
    code: "PARE_UNSUPPORTED",
    message: expect.stringContaining(one.op) as string,
  });
});

/** Operators of strings, optionals and eight-bit floats, by what they take. */
const others: [string, number, string[], Record<string, number | string>][] = [
  ["StringConcat", 20, ["string", "string"], {}],
  ["StringSplit", 20, ["string"], {}],
  ["RegexFullMatch", 20, ["string"], { pattern: "a*" }],
  ["ImageDecoder", 20, ["uint8"], {}],
  ["OptionalHasElement", 18, ["float32"], {}],
  ["OptionalGetElement", 18, ["float32"], {}],
  ["Equal", 19, ["string", "string"], {}],
  ["Cast", 19, ["float32"], { to: 17 }],
];
test.each(others)("%s of opset %d and %p is refused by name", async (opType, opset, types, attributes) => {
  const model = Model.create({ opset, irVersion: 9 });
  const inputs = types.map((dtype, i) => {
    model.graph.addInput(`x${i}`, dtype as DataType, [3]);
    return `x${i}`;
  });
  model.graph.addNode({ opType, inputs, outputs: ["y"], attributes });
  model.graph.addOutput("y", "float32");
  const data = { float32: new Float32Array(3), uint8: new Uint8Array(3), string: ["a", "b", "c"] };
  const feeds = Object.fromEntries(
    types.map((type, i) => [`x${i}`, new Tensor(type as "float32", data[type as "float32"], [3])]),
  );
  const made = compile(model).then((session) => session.run(feeds));
  await expect(made).rejects.toMatchObject({
    code: "PARE_UNSUPPORTED",
    message: expect.stringMatching(
      /StringConcat|StringSplit|RegexFullMatch|ImageDecoder|Optional|string|float8/,
    ) as string,
  });
});
