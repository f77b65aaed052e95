/** Inputs for a model that nobody gave any: of its shapes and types, from a seed. */
import { Tensor, type InferenceSession } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { castTo } from "./casts.js";

export interface InputDescription {
  name: string;
  type: string;
  dims: readonly number[];
  source: "given" | "generated";
}

interface Input {
  name: string;
  tensor: Tensor;
  source: InputDescription["source"];
}

interface Choices {
  shapes?: Record<string, readonly number[]>;
  dims?: Record<string, number>;
  seed?: number;
}

export function describeInputs(inputs: readonly Input[]): InputDescription[] {
  return inputs.map(({ name, tensor: { type, dims }, source }) => ({ name, type, dims, source }));
}

/** A tensor for every input of the model: the given one, or one made up. Throws PARE_OPTION for names that fit none. */
export function generateInputs(
  { inputMetadata }: InferenceSession,
  given: Record<string, Tensor>,
  { shapes = {}, dims: sizes = {}, seed = 0 }: Choices,
): Input[] {
  const names = inputMetadata.map(({ name }) => name);
  for (const name of [...Object.keys(given), ...Object.keys(shapes)])
    if (!names.includes(name))
      throw new PareError("PARE_OPTION", `the model has no input "${name}"; it has ${names.join(", ")}.`);
  const unused = new Set(Object.keys(sizes));
  const symbols = new Set<string>();
  const inputs = inputMetadata.map((input, index): Input => {
    const { name } = input;
    if (!input.isTensor)
      throw new PareError(
        "PARE_UNSUPPORTED",
        `input "${name}" is no tensor; such inputs cannot be made up or compared.`,
      );
    const tensor = given[name];
    if (tensor) return { name, tensor: castTo(tensor, input.type, `input "${name}"`), source: "given" };
    const whole = shapes[name];
    if (whole) requireShape(whole, name, input.shape);
    const dims = input.shape.map((dim, axis) => {
      if (typeof dim === "number" && dim >= 0) return dim;
      const symbol = typeof dim === "string" && dim !== "" ? dim : `${name}.${axis}`;
      symbols.add(symbol);
      if (whole) return whole[axis]!;
      for (const key of [symbol, `${name}.${axis}`])
        if (Object.hasOwn(sizes, key)) {
          unused.delete(key);
          return size(sizes[key]!, key);
        }
      return axis === 0 ? 1 : 64;
    });
    // A model that declares no shape takes any.
    const made = input.shape.length === 0 && whole ? whole : dims;
    return { name, tensor: generate(name, input.type, made, seed + index), source: "generated" };
  });
  const [left] = unused;
  if (left !== undefined) {
    const known = symbols.size === 0 ? "it has none" : `it has ${[...symbols].join(", ")}`;
    throw new PareError(
      "PARE_OPTION",
      `dims names "${left}", which is no open dimension of the model's inputs; ${known}.`,
    );
  }
  return inputs;
}

function requireShape(shape: readonly number[], name: string, declared: readonly (number | string)[]): void {
  const fits = (dim: number | string | undefined, axis: number): boolean =>
    typeof dim !== "number" || dim < 0 || dim === shape[axis];
  if (
    !shape.every((dim) => Number.isInteger(dim) && dim >= 0) ||
    (declared.length > 0 && (declared.length !== shape.length || !declared.every(fits)))
  )
    throw new PareError(
      "PARE_OPTION",
      `the shape [${shape.join(", ")}] does not fit input "${name}", which is [${declared.map((dim) => (dim === "" ? "?" : dim)).join(", ")}].`,
    );
}

function size(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 0)
    throw new PareError("PARE_OPTION", `dimension "${name}" must be a whole number; got ${value}.`);
  return value;
}

/**
 * Floats are uniform in [−1, 1); integers in [0, 100), which are tokens of any vocabulary, except that a mask is all ones
 * and segment ids are all zero, as models of text expect.
 */
function generate(name: string, type: Tensor.Type, dims: readonly number[], seed: number): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  const next = randomNumbers(seed);
  const floats = (): Float32Array => Float32Array.from({ length: count }, () => next() * 2 - 1);
  const integer = /mask/i.test(name) ? 1 : /token_type|segment/i.test(name) ? 0 : undefined;
  const integers = (limit: number): Int32Array =>
    Int32Array.from({ length: count }, () => integer ?? Math.floor(next() * limit));
  switch (type) {
    case "float32":
      return new Tensor("float32", floats(), dims);
    case "float16":
      return castTo(new Tensor("float32", floats(), dims), "float16", name);
    case "float64":
      return new Tensor("float64", Float64Array.from(floats()), dims);
    case "bool":
      return new Tensor("bool", Uint8Array.from(integers(2)), dims);
    case "int8":
      return new Tensor("int8", Int8Array.from(integers(100)), dims);
    case "uint8":
      return new Tensor("uint8", Uint8Array.from(integers(256)), dims);
    case "int32":
    case "int64":
    case "uint64":
      return castTo(new Tensor("int32", integers(100), dims), type, name);
    default:
      throw new PareError("PARE_UNSUPPORTED", `input "${name}" is ${type}; give a tensor for it.`);
  }
}

/** Repeatable numbers in [0, 1) (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
