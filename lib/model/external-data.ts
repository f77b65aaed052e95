/** Tensors whose bytes lie in files beside the model (onnx.proto, TensorProto.external_data). */
import { create } from "@bufbuild/protobuf";
import { realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";
import type { ByteSource } from "./byte-source.js";
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  type ModelProto,
  type TensorProto,
} from "./proto.js";
import { tensorsOf } from "./tensors.js";
import { byteLengthOf, dataTypeOf } from "./dtype.js";
import { dimsOf, unknownType } from "./weight.js";

/** Offsets in a data file that we write: large tensors start on a page, where readers map them; others on a cache line. */
const alignmentOf = (byteLength: number): number => (byteLength >= 1 << 20 ? 4096 : 64);
/** Smaller tensors stay in the model file: runtimes read them while they check shapes. */
const smallestExternal = 1024;

/** Where a tensor's bytes go in a data file. */
export interface ExternalPlan {
  location: string;
  /** In the file's order; gaps between them are zeros. */
  tensors: { proto: TensorProto; offset: number; bytes: Uint8Array }[];
  byteLength: number;
}

/**
 * Brings external bytes in as views of the files that `open` opens (each once), or that are `given` by their locations; the
 * messages then say nothing external.
 * Only the folder of the model at `modelPath` is read: a model from elsewhere must not be able to name other files.
 * @returns whether there were any.
 * @throws PareError PARE_FILE for a path that leaves the folder, a missing file, or a range that the file does not hold.
 */
export function resolveExternalData(
  model: ModelProto,
  modelPath: string | undefined,
  open: (path: string) => ByteSource,
  given: ReadonlyMap<string, ByteSource> = new Map(),
): boolean {
  const files = new Map(given);
  let any = false;
  for (const [tensor, where] of tensorsOf(model)) {
    if (tensor.dataLocation !== Location.EXTERNAL) continue;
    any = true;
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const location = entries.get("location") ?? "";
    let file = files.get(location);
    if (!file && modelPath === undefined)
      throw new PareError(
        "PARE_FILE",
        `${where} lies in "${location}", but a model given as bytes has no folder: load it by its path, or give externalData.`,
      );
    if (!file) files.set(location, (file = open(pathWithin(modelPath!, location, where))));
    tensor.rawData = sliceOf(file, tensor, entries, location, where);
    tensor.externalData = [];
    Reflect.deleteProperty(tensor, "dataLocation");
  }
  return any;
}

/** The file that a location names, links followed. */
function pathWithin(modelPath: string, location: string, where: string): string {
  const folder = dirname(resolve(modelPath));
  const leaves = (from: string, to: string): boolean => {
    const way = relative(from, to);
    return way === "" || way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  const outside = (): never => {
    throw new PareError(
      "PARE_FILE",
      `${where} points to "${location}", which is no file in the model's folder; it is not opened.`,
    );
  };
  if (location === "" || isAbsolute(location) || location.includes("\0")) return outside();
  const path = join(folder, location);
  if (leaves(folder, path)) return outside();
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    throw new PareError("PARE_FILE", `${where} lies in "${location}", which is not beside the model in ${folder}.`, {
      cause: error,
    });
  }
  // A link may still lead out. Caches such as the Hugging Face hub's link to both files, which lie side by side elsewhere.
  const folders = [realpathSync(folder), dirname(realpathSync(modelPath))];
  return folders.every((one) => leaves(one, real)) ? outside() : real;
}

function sliceOf(
  file: ByteSource,
  tensor: TensorProto,
  entries: ReadonlyMap<string, string>,
  location: string,
  where: string,
): Uint8Array<ArrayBuffer> {
  const numberOf = (key: string, fallback: number): number => {
    const text = entries.get(key);
    const number = text === undefined ? fallback : /^\d+$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(number))
      throw new PareError(
        "PARE_MODEL",
        `${where}: external data has the ${key} "${text ?? ""}", which is no byte count.`,
      );
    return number;
  };
  const dtype = dataTypeOf(tensor.dataType);
  if (dtype === undefined) throw unknownType(tensor.dataType, where);
  if (dtype === "string") throw new PareError("PARE_MODEL", `${where}: strings cannot be external data.`);
  const needed = byteLengthOf(dtype, dimsOf(tensor, where), where);
  const offset = numberOf("offset", 0);
  const length = numberOf("length", needed);
  if (length !== needed)
    throw new PareError(
      "PARE_FILE",
      `${where}: its shape needs ${formatCount(needed)} bytes; its external data is said to have ${formatCount(length)}.`,
    );
  if (offset + length > file.byteLength)
    throw new PareError(
      "PARE_FILE",
      `${where} wants bytes ${formatCount(offset)} to ${formatCount(offset + length)} of "${location}", which has ` +
        `${formatCount(file.byteLength)}. It may be truncated.`,
    );
  return file.view(offset, length);
}

/** Lays the larger tensors out in one data file named `location`. */
export function planExternalData(model: ModelProto, location: string): ExternalPlan {
  const plan: ExternalPlan = { location, tensors: [], byteLength: 0 };
  for (const [proto] of tensorsOf(model)) {
    if (proto.rawData.byteLength < smallestExternal) continue;
    const alignment = alignmentOf(proto.rawData.byteLength);
    const offset = Math.ceil(plan.byteLength / alignment) * alignment;
    plan.tensors.push({ proto, offset, bytes: proto.rawData });
    plan.byteLength = offset + proto.rawData.byteLength;
  }
  return plan;
}

/** Calls `work` while the planned tensors say that their bytes are external, and puts them back as they were. */
export function withExternalData<Result>({ location, tensors }: ExternalPlan, work: () => Result): Result {
  for (const { proto, offset, bytes } of tensors) {
    const entry = (key: string, value: string): TensorProto["externalData"][number] =>
      create(StringStringEntryProtoSchema, { key, value });
    proto.externalData = [
      entry("location", location),
      entry("offset", String(offset)),
      entry("length", String(bytes.byteLength)),
    ];
    proto.dataLocation = Location.EXTERNAL;
    Reflect.deleteProperty(proto, "rawData");
  }
  try {
    return work();
  } finally {
    for (const { proto, bytes } of tensors) {
      proto.externalData = [];
      Reflect.deleteProperty(proto, "dataLocation");
      proto.rawData = bytes as Uint8Array<ArrayBuffer>;
    }
  }
}

/** The data file's name beside a model file, as transformers.js expects it: model.onnx → model.onnx_data. */
export function dataFileName(modelFile: string): string {
  return `${modelFile}_data`;
}
