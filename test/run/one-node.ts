/** Models of one node, run by pare and by ONNX Runtime. */
import { compile, Model, Tensor, Weight } from "../../lib/index.js";
import { floats, runInOnnxRuntime, type Feed } from "../onnxruntime.js";

export interface OneNode {
  opType: string;
  domain?: string;
  opset?: number;
  attributes?: Record<string, number | string | number[]>;
  /** Dimensions of float32 inputs with made-up values, or weights; null: left out. */
  inputs: (number[] | Weight | null)[];
  /** Indices of inputs that are weights of the model instead of being fed. */
  constant?: number[];
  outputs?: number;
  /** Outputs that are int64. */
  int64Outputs?: number[];
  /** The largest difference, in units of the largest result; default 1e-5. */
  tolerance?: number;
}

interface Made {
  model: Model;
  feeds: Record<string, Feed>;
}

export function oneNode(node: OneNode): Made {
  const { opType, domain, opset = 17, attributes = {}, inputs, constant = [], outputs = 1 } = node;
  const model = Model.create({ name: opType, opset, irVersion: 8 });
  if (domain) model.setOpset(domain, 1);
  const { graph } = model;
  const feeds: Record<string, Feed> = {};
  const names = inputs.map((input, i) => {
    if (input === null) return "";
    const name = `x${i}`;
    if (!Array.isArray(input)) return graph.addWeight(name, input);
    const values = floats(
      input.reduce((product, dim) => product * dim, 1),
      i + 7,
    );
    if (constant.includes(i)) return graph.addWeight(name, Weight.of("float32", input, values));
    graph.addInput(name, "float32", input);
    feeds[name] = { type: "float32", dims: input, data: values };
    return name;
  });
  const results = Array.from({ length: outputs }, (_, i) => `y${i}`);
  graph.addNode({ opType, ...(domain ? { domain } : {}), inputs: names, outputs: results, attributes });
  results.forEach((name, i) => {
    graph.addOutput(name, node.int64Outputs?.includes(i) ? "int64" : "float32");
  });
  return { model, feeds };
}

/** What pare gives. */
export async function runOneNode(node: OneNode): Promise<Record<string, Tensor>> {
  const { model, feeds } = oneNode(node);
  const tensors = Object.entries(feeds).map(([name, { type, dims, data }]) => [
    name,
    new Tensor(type as "float32", data as Float32Array, dims),
  ]);
  return (await compile(model, { optimize: false })).run(Object.fromEntries(tensors) as Record<string, Tensor>);
}

/** One test that runs all cases in ONNX Runtime, and one a case. */
export function testLikeOnnxRuntime(cases: Record<string, OneNode>): void {
  const list = Object.entries(cases);
  let expected: ReturnType<typeof runInOnnxRuntime> = [];
  beforeAll(() => {
    expected = runInOnnxRuntime(
      list.map(([, node]) => {
        const { model, feeds } = oneNode(node);
        return { model: model.toBytes(), feeds };
      }),
    );
  });
  test.each(list.map(([title, node], i) => [title, node, i] as const))("%s", async (_, node, i) => {
    const want = expected[i]!;
    if (want instanceof Error) throw want;
    const got = await runOneNode(node);
    for (const [name, { dims, data, type }] of Object.entries(want)) {
      expect(got[name]!.dims).toEqual(dims);
      if (type !== "float32") {
        const bytes = got[name]!.data as BigInt64Array;
        expect(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toEqual(
          Buffer.from(data.buffer, data.byteOffset, data.byteLength),
        );
        continue;
      }
      const values = got[name]!.data as Float32Array;
      const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      let worst = 0;
      data.forEach((x, at) => (worst = Math.max(worst, Math.abs(x - values[at]!))));
      expect(worst).toBeLessThanOrEqual((node.tolerance ?? 1e-5) * Math.max(largest, 1e-6));
    }
  });
}
