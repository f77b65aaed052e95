/** One node's inference as a table of cases: types are written "float32[N, 3, ?]", a bare "float32" has no known rank. */
import {
  Model,
  Weight,
  type AttributeValue,
  type DataType,
  type Dim,
  type InferredType,
} from "../../lib/model/index.js";
import { expectError } from "../errors.js";

export interface Case {
  opType: string;
  domain?: string;
  /** Default 21. */
  opset?: number;
  /** Types, constants, or null for an input that is left out. */
  inputs?: (string | Weight | null)[];
  attributes?: Record<string, AttributeValue>;
  /** What the outputs are; "?" stands for a dimension that depends on data. */
  outputs: string[];
}
export interface ErrorCase extends Omit<Case, "outputs"> {
  code: string;
  message: RegExp;
}

export const int64 = (...values: number[]): Weight => Weight.of("int64", [values.length], values);
export const number = (value: number): Weight => Weight.of("int64", [], [value]);
export const float = (...values: number[]): Weight => Weight.of("float32", [values.length], values);

/** "float32[N, 3]" → its parts. */
export function parseType(text: string): { dtype: DataType; dims?: Dim[] } {
  const [, dtype, list] = /^(\w+)(?:\[(.*)\])?$/.exec(text)!;
  if (list === undefined) return { dtype: dtype as DataType };
  const dims = list.split(",").map((one): Dim => {
    const dim = one.trim();
    return dim === "?" ? undefined : /^\d+$/.test(dim) ? Number(dim) : dim;
  });
  return { dtype: dtype as DataType, dims: list === "" ? [] : dims };
}

/** The reverse; dimensions that depend on data become "?". */
export function typeText({ dtype, dims }: InferredType = {}): string {
  const name = dtype ?? "unknown";
  return dims ? `${name}[${dims.map((dim) => (String(dim).includes("unk__") ? "?" : dim)).join(", ")}]` : name;
}

/** A model of this one node, named "it". */
export function oneNode(
  { opType, domain = "", opset = 21, inputs = [], attributes = {} }: ErrorCase | Case,
  count = 1,
): Model {
  const model = Model.create({ opset, irVersion: 10 });
  model.setOpset("com.microsoft", 1);
  const { graph } = model;
  const names = inputs.map((input, i) => {
    if (input === null) return "";
    if (input instanceof Weight) return graph.addWeight(`c${i}`, input);
    const { dtype, dims } = parseType(input);
    graph.addInput(`x${i}`, dtype, dims);
    return `x${i}`;
  });
  const outputs = Array.from({ length: count }, (_, i) => `y${i}`);
  graph.addNode({ opType, domain, name: "it", inputs: names, outputs, attributes });
  return model;
}

/** Declares a test a case: what is inferred for each output. */
export function testShapes(cases: Record<string, Case>): void {
  test.each(Object.entries(cases))("%s", (_, one) => {
    const shapes = oneNode(one, one.outputs.length).inferShapes();
    expect(one.outputs.map((_type, i) => typeText(shapes.get(`y${i}`)))).toEqual(one.outputs);
  });
}

/** Declares a test a case: an error that names the node. */
export function testErrors(cases: Record<string, ErrorCase>): void {
  test.each(Object.entries(cases))("refuses %s", (_, one) => {
    expectError(() => oneNode(one).inferShapes(), one.code, one.message);
  });
}
