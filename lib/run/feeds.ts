/** A batch of data as the tensors that a session takes: by its input names, in its types and shapes. */
import { Tensor, type InferenceSession } from "onnxruntime-common";
import { isTensor, type Batch } from "../data/batch.js";
import { PareError } from "../errors.js";
import { castTo } from "./casts.js";

/** A single tensor stands for the model's only input. */
export function namedInputs(
  { inputNames }: Pick<InferenceSession, "inputNames">,
  { x }: Batch,
): Record<string, Tensor> {
  if (!isTensor(x)) return x;
  const [only, ...others] = inputNames;
  if (only === undefined || others.length > 0)
    throw new PareError(
      "PARE_OPTION",
      `x must name the model's inputs (${inputNames.join(", ")}), as in { x: { name: tensor } }.`,
    );
  return { [only]: x };
}

/**
 * Feeds for every input. Values are cast to the input's type; dimensions of 1 may be missing or too many, and an example may
 * be flat where the model is not, or the other way round. Throws PARE_SHAPE, PARE_TYPE and PARE_OPTION for what does not fit.
 */
export function feedsOf(session: InferenceSession, batch: Batch): Record<string, Tensor> {
  const given = namedInputs(session, batch);
  const unknown = Object.keys(given).find((name) => !session.inputNames.includes(name));
  if (unknown !== undefined)
    throw new PareError("PARE_OPTION", `the model has no input "${unknown}"; it has ${session.inputNames.join(", ")}.`);
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      const tensor = given[input.name];
      if (!tensor)
        throw new PareError(
          "PARE_OPTION",
          `the data has nothing for the model's input "${input.name}"; it has ${Object.keys(given).join(", ")}.`,
        );
      if (!input.isTensor) return [input.name, tensor];
      return [input.name, fit(castTo(tensor, input.type, `input "${input.name}"`), input.name, input.shape)];
    }),
  );
}

/** The number of examples that the model takes at a time; undefined where any number goes. */
export function fixedBatchSize({ inputMetadata }: InferenceSession): number | undefined {
  for (const input of inputMetadata)
    if (input.isTensor && typeof input.shape[0] === "number" && input.shape[0] > 0) return input.shape[0];
  return undefined;
}

/** Examples, and as many zeros as the model's fixed batch size asks for. */
export function padBatch(feeds: Record<string, Tensor>, size: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { type, data, dims }]) => {
      const [count, ...rest] = dims;
      if (count === size) return [name, feeds[name]!];
      const values = data as Float32Array;
      const length = rest.reduce((product, dim) => product * dim, size);
      const padded = new (values.constructor as Float32ArrayConstructor)(length);
      padded.set(values);
      return [name, new Tensor(type as "float32", padded, [size, ...rest])];
    }),
  );
}

/** The same values in the shape that the model declares, where that only adds, takes away or merges trailing dimensions. */
function fit(tensor: Tensor, name: string, shape: readonly (number | string)[]): Tensor {
  const { dims } = tensor;
  const own = dims.slice(1);
  const wanted = shape.slice(1);
  const agrees = (one: readonly (number | string)[]): boolean =>
    one.length === own.length && one.every((dim, i) => typeof dim !== "number" || dim < 0 || dim === own[i]);
  // A model without a declared shape takes whatever it gets.
  if (shape.length === 0 || agrees(wanted)) return tensor;
  const known = wanted.filter((dim): dim is number => typeof dim === "number" && dim >= 0);
  const size = (all: readonly number[]): number => all.reduce((product, dim) => product * dim, 1);
  const isFlat = own.length <= 1 || wanted.length <= 1;
  const ones = (all: readonly number[]): string => all.filter((dim) => dim !== 1).join();
  if (known.length === wanted.length && size(known) === size(own) && (isFlat || ones(known) === ones(own)))
    return new Tensor(tensor.type as "float32", tensor.data as Float32Array, [dims[0]!, ...known]);
  const swapped =
    [...known].sort().join() === [...own].sort().join() ? " The channels may stand on the other side (layout)." : "";
  throw new PareError(
    "PARE_SHAPE",
    `examples are [${own.join(", ")}]; the model's input "${name}" takes [${wanted.map((dim) => (dim === "" ? "?" : dim)).join(", ")}].${swapped}`,
  );
}
