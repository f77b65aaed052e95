/** NumPy's .npy files as tensors (format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { FileWriter } from "../model/file-writer.js";
import { copyAligned } from "./aligned.js";
import { readBytes } from "./file.js";

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
  return decodeNpy(await readBytes(path), path);
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
  const dims = (shape ?? "")
    .split(",")
    .map((dim) => dim.trim())
    .filter((dim) => dim !== "")
    .map(Number);
  const isWhole = end <= file.length && descr !== undefined && order !== undefined && shape !== undefined;
  if (!isWhole || !dims.every(Number.isSafeInteger))
    throw new PareError("PARE_FILE", `${where}: the .npy header is damaged.`);
  const type = types[descr];
  if (!type)
    throw new PareError(
      "PARE_UNSUPPORTED",
      `${where} holds "${descr}"; supported are ${Object.keys(types).join(", ")}.`,
    );
  if (order === "True" && dims.filter((dim) => dim !== 1).length > 1)
    throw new PareError("PARE_UNSUPPORTED", `${where} is in Fortran order; save numpy.ascontiguousarray(x) instead.`);
  const [name, size] = type;
  const needed = dims.reduce((product, dim) => product * dim, size);
  if (file.length - end < needed)
    throw new PareError(
      "PARE_FILE",
      `${where}: [${dims.join(", ")}] ${name} needs ${needed} bytes; the file holds ${file.length - end}.`,
    );
  return new Tensor(name as "float32", copyAligned(file.subarray(end, end + needed), name) as Float32Array, dims);
}

/** A tensor as the bytes of a .npy file of version 1. Throws PARE_UNSUPPORTED for types that NumPy lacks. */
export function encodeNpy({ type, dims, data }: Tensor): Uint8Array {
  const descr = Object.keys(types).find((one) => types[one]![0] === type);
  if (descr === undefined) throw new PareError("PARE_UNSUPPORTED", `a tensor of ${type} cannot be written as .npy.`);
  const shape = dims.length === 1 ? `${dims[0]!},` : dims.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  // The elements begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const head = Buffer.from(`${magic}\u0001\u0000\u0000\u0000${text.padEnd(length - 1)}\n`, "latin1");
  head.writeUInt16LE(length, 8);
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return Buffer.concat([head, new Uint8Array(buffer, byteOffset, byteLength)]);
}

/** Writes a tensor as a .npy file, which appears whole or not at all. */
export async function writeNpy(path: string, tensor: Tensor): Promise<void> {
  const bytes = encodeNpy(tensor);
  const file = await FileWriter.open(path);
  try {
    await file.write([bytes], () => undefined);
    await file.close();
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}
