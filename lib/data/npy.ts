/** NumPy's .npy files as tensors (format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
import { readFile } from "node:fs/promises";
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";

const magic = "\u0093NUMPY";

/** numpy's type, tensor's type, bytes of an element; little-endian or single bytes. */
const types: Record<string, readonly [Tensor.Type, number]> = {
  "<f4": ["float32", 4],
  "<f8": ["float64", 8],
  "<f2": ["float16", 2],
  "|i1": ["int8", 1],
  "|u1": ["uint8", 1],
  "<i2": ["int16", 2],
  "<u2": ["uint16", 2],
  "<i4": ["int32", 4],
  "<u4": ["uint32", 4],
  "<i8": ["int64", 8],
  "<u8": ["uint64", 8],
  "|b1": ["bool", 1],
};

/** Reads an array in C order. Throws PARE_FILE where the file is none, and PARE_UNSUPPORTED for other layouts and types. */
export async function readNpy(path: string): Promise<Tensor> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new PareError("PARE_FILE", `${path}: ${(error as Error).message}`, { cause: error });
  }
  return decodeNpy(bytes, path);
}

/** The array in a .npy file's bytes; `where` names it in errors. */
export function decodeNpy(bytes: Uint8Array, where: string): Tensor {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = file[6] ?? 0;
  const start = version === 1 ? 10 : 12;
  if (file.subarray(0, 6).toString("latin1") !== magic || version < 1 || version > 3 || file.length < start)
    throw new PareError("PARE_FILE", `${where} is not a .npy file: it does not begin as one.`);
  const end = start + (version === 1 ? file.readUInt16LE(8) : file.readUInt32LE(8));
  const header = file.subarray(start, end).toString("utf8");
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (end > file.length || descr === undefined || order === undefined || shape === undefined)
    throw new PareError("PARE_FILE", `${where}: the .npy header is damaged.`);
  const type = types[descr];
  if (!type)
    throw new PareError(
      "PARE_UNSUPPORTED",
      `${where} holds "${descr}"; supported are ${Object.keys(types).join(", ")}.`,
    );
  const dims = shape
    .split(",")
    .map((dim) => dim.trim())
    .filter((dim) => dim !== "")
    .map(Number);
  if (order === "True" && dims.filter((dim) => dim !== 1).length > 1)
    throw new PareError("PARE_UNSUPPORTED", `${where} is in Fortran order; save numpy.ascontiguousarray(x) instead.`);
  const [name, size] = type;
  const needed = dims.reduce((product, dim) => product * dim, size);
  if (file.length - end < needed)
    throw new PareError(
      "PARE_FILE",
      `${where}: [${dims.join(", ")}] ${name} needs ${needed} bytes; the file holds ${file.length - end}.`,
    );
  return new Tensor(name, viewOf(file.subarray(end, end + needed), name), dims);
}

/** A copy at an aligned offset, as the tensor's array type. */
function viewOf(bytes: Uint8Array, type: Tensor.Type): Tensor.DataType {
  const { buffer } = new Uint8Array(bytes);
  switch (type) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "float16": {
      // What onnxruntime-common takes for float16 depends on the JavaScript engine.
      const { Float16Array: halfs } = globalThis as { Float16Array?: new (buffer: ArrayBuffer) => Uint16Array };
      return halfs ? new halfs(buffer) : new Uint16Array(buffer);
    }
    case "int8":
      return new Int8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "uint64":
      return new BigUint64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}
