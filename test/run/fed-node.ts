/** Models of one node that is fed given tensors, run here and by onnxruntime-node. */
import { compile, Model, Tensor, Weight, type AttributeValue, type DataType } from "../../lib/index.js";
import { runInOnnxRuntime, type Feed, type Outputs } from "../onnxruntime.js";

export interface OneNode {
  title?: string;
  opType: string;
  domain?: string;
  /** Default 19. */
  opset?: number;
  /** Null for an input that is left out. */
  inputs: (Tensor | null)[];
  attributes?: Record<string, AttributeValue>;
  /** Types of the outputs; "" for one that is not wanted. Default: one of float32. */
  outputs?: string[];
  /** Inputs that the model holds, by index; the others are fed. */
  weights?: number[];
}

export const f32 = (dims: number[], data: ArrayLike<number>): Tensor =>
  new Tensor("float32", Float32Array.from(data), dims);
export const i64 = (dims: number[], data: number[]): Tensor =>
  new Tensor("int64", BigInt64Array.from(data.map(BigInt)), dims);
export const i32 = (dims: number[], data: number[]): Tensor => new Tensor("int32", Int32Array.from(data), dims);

export function modelOf({ opType, domain = "", opset = 19, inputs, attributes, outputs, weights }: OneNode): Model {
  const model = Model.create({ name: opType, opset, irVersion: 8 });
  if (domain !== "") model.setOpset(domain, 1);
  const { graph } = model;
  const types = outputs ?? ["float32"];
  inputs.forEach((input, i) => {
    if (!input) return;
    const type = input.type as DataType;
    if (weights?.includes(i)) graph.addWeight(`x${i}`, Weight.of(type, input.dims, input.data as Float32Array));
    else
      graph.addInput(
        `x${i}`,
        type,
        input.dims.map((_, axis) => `d${i}_${axis}`),
      );
  });
  graph.addNode({
    opType,
    domain,
    inputs: inputs.map((input, i) => (input ? `x${i}` : "")),
    outputs: types.map((type, i) => (type === "" ? "" : `y${i}`)),
    ...(attributes && { attributes }),
  });
  types.forEach((type, i) => {
    if (type !== "") graph.addOutput(`y${i}`, type as DataType);
  });
  return model;
}

const feedsOf = ({ inputs, weights }: OneNode): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((input, i) => (input && !weights?.includes(i) ? [[`x${i}`, input]] : [])));

/** The outputs by name: y0, y1, … */
export async function runNode(node: OneNode): Promise<Record<string, Tensor>> {
  const session = await compile(modelOf(node), { optimize: false });
  return await session.run(feedsOf(node));
}

/** The words for a difference of more than `tolerance` of the largest magnitude, or none. */
function difference(got: Tensor, want: Outputs[string], tolerance: number): string | undefined {
  if (got.dims.join() !== want.dims.join()) return `[${got.dims.join()}] for [${want.dims.join()}]`;
  const bytes = want.data.buffer;
  const expected = want.type === "float32" ? want.data : new (got.data.constructor as typeof BigInt64Array)(bytes);
  let largest = 0;
  for (const value of expected)
    if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)));
  for (let i = 0; i < expected.length; i++) {
    const [x, y] = [Number((got.data as Float32Array)[i]), Number(expected[i])];
    if (!Object.is(x, y) && x !== y && !(Math.abs(x - y) <= tolerance * largest))
      return `${x} for ${y} at ${i} of ${expected.length}`;
  }
  return undefined;
}

/** Runs all here and in onnxruntime-node, and lists those whose results differ, by title. */
export async function differences(nodes: OneNode[], tolerance = 1e-5): Promise<string[]> {
  const jobs = nodes.map((node) => ({
    model: modelOf(node).toBytes(),
    feeds: Object.fromEntries(
      Object.entries(feedsOf(node)).map(([name, { type, dims, data }]) => [name, { type, dims, data } as Feed]),
    ),
  }));
  const wrong: string[] = [];
  const wanted = runInOnnxRuntime(jobs);
  for (const [i, node] of nodes.entries()) {
    const title = node.title ?? `${node.opType} ${JSON.stringify(node.attributes ?? {})}`;
    const want = wanted[i]!;
    if (want instanceof Error) {
      wrong.push(`${title}: ${want.message}`);
      continue;
    }
    const got = await runNode(node).catch((error: unknown) => error as Error);
    if (got instanceof Error) {
      wrong.push(`${title}: ${got.message}`);
      continue;
    }
    for (const [name, output] of Object.entries(want)) {
      const words = difference(got[name]!, output, tolerance);
      if (words !== undefined) wrong.push(`${title}: ${name} is ${words}`);
    }
  }
  return wrong;
}
