/** One node run as a table of cases: tensors that are fed or constant in, tensors out. */
import type { Tensor } from "../../lib/index.js";
import { compile } from "../../lib/index.js";
import { Weight } from "../../lib/model/index.js";
import { expectRejection } from "../errors.js";
import { oneNode, type Case } from "./infer.js";

export interface RunCase extends Omit<Case, "inputs" | "outputs"> {
  /** Tensors are fed, weights are constants. */
  inputs?: (Tensor | Weight | null)[];
  outputs: Tensor[];
}
export interface RunErrorCase extends Omit<RunCase, "outputs"> {
  code: string;
  message: RegExp;
}

/** A tensor of any type from plain numbers; without numbers 0, 1, 2, … */
export function tensor(dtype: Tensor.Type, dims: number[], values?: readonly number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const numbers = values ?? Array.from({ length: count }, (_, i) => i);
  return Weight.of(dtype, dims, numbers).toTensor();
}
export const floats = (dims: number[], values?: readonly number[]): Tensor => tensor("float32", dims, values);
export const int64s = (dims: number[], values?: readonly number[]): Tensor => tensor("int64", dims, values);

/** Runs a node of this kind: its inputs' dimensions are known, or only their ranks. */
export async function runNode(
  { inputs = [], ...rest }: Omit<RunCase, "outputs">,
  outputCount = 1,
  isSymbolic = false,
): Promise<Tensor[]> {
  const feeds: Record<string, Tensor> = {};
  const declared = inputs.map((input, i) => {
    if (!input || input instanceof Weight) return input;
    feeds[`x${i}`] = input;
    const dims = isSymbolic ? input.dims.map((_dim, axis) => `d${i}_${axis}`) : input.dims;
    return `${input.type}[${dims.join(", ")}]`;
  });
  const model = oneNode({ ...rest, inputs: declared, outputs: [] }, outputCount);
  const types = model.inferShapes();
  for (let i = 0; i < outputCount; i++) model.graph.addOutput(`y${i}`, types.get(`y${i}`)?.dtype ?? "float32");
  const session = await compile(model, { optimize: false });
  // Twice: nothing of the first run may be left in the second.
  await session.run(feeds);
  const results = await session.run(feeds);
  return Array.from({ length: outputCount }, (_, i) => results[`y${i}`]!);
}

/** Declares tests of each case: what comes out. */
export function testRuns(cases: Record<string, RunCase>): void {
  test.each(Object.entries(cases))("runs %s", async (_, { outputs, ...rest }) => {
    for (const isSymbolic of [false, true]) {
      const results = await runNode(rest, outputs.length, isSymbolic);
      for (const [i, want] of outputs.entries()) {
        const got = results[i]!;
        expect({ type: got.type, dims: got.dims, data: got.data }).toEqual({
          type: want.type,
          dims: want.dims,
          data: want.data,
        });
      }
    }
  });
}

/** Declares tests of each case: an error that names the node. */
export function testRunErrors(cases: Record<string, RunErrorCase>): void {
  test.each(Object.entries(cases))("does not run %s", async (_, { code, message, ...rest }) => {
    await expectRejection(runNode(rest), code, message);
    await expectRejection(runNode(rest), code, /"it"/);
  });
}
