/** Tensors whose bytes lie in files beside the model (onnx.proto, TensorProto.external_data). */
import { create } from "@bufbuild/protobuf";
import { existsSync, realpathSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { PareError } from "../errors.js";
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation as Location,
  type ModelProto,
  type TensorProto,
} from "./proto.js";
import { tensorsOf } from "./tensors.js";
import { byteLengthOf, dataTypeOf } from "./dtype.js";
import { dimsOf } from "./weight.js";

/** Offsets in a data file that we write, so that a tensor can be mapped or read with vectors. */
const alignment = 64;
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
 * Brings external bytes in as views of the files that `read` opens (each once); the messages then say nothing external.
 * @returns whether there were any.
 * @throws PareError PARE_FILE for a path that leaves `folder`, a missing file, or a range that the file does not hold.
 */
export function resolveExternalData(
  model: ModelProto,
  folder: string | undefined,
  read: (path: string) => Uint8Array,
): boolean {
  const files = new Map<string, Uint8Array>();
  let any = false;
  for (const [tensor, where] of tensorsOf(model)) {
    if (tensor.dataLocation !== Location.EXTERNAL) continue;
    any = true;
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const location = entries.get("location") ?? "";
    if (folder === undefined)
      throw new PareError(
        "PARE_FILE",
        `${where} lies in "${location}", but a model given as bytes has no folder: load it by its path.`,
      );
    const path = pathWithin(folder, location, where);
    let file = files.get(path);
    if (!file) files.set(path, (file = read(path)));
    tensor.rawData = sliceOf(file, tensor, entries, location, where) as Uint8Array<ArrayBuffer>;
    tensor.dataLocation = Location.DEFAULT;
    tensor.externalData = [];
  }
  return any;
}

function pathWithin(folder: string, location: string, where: string): string {
  const outside = (): never => {
    throw new PareError(
      "PARE_FILE",
      `${where} points to "${location}", which leaves the model's folder; it is not opened.`,
    );
  };
  if (location === "" || isAbsolute(location) || location.includes("\0")) return outside();
  const path = resolve(folder, location);
  const leaves = (from: string, to: string): boolean => {
    const way = relative(from, to);
    return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  if (leaves(folder, path)) return outside();
  if (!existsSync(path))
    throw new PareError("PARE_FILE", `${where} lies in "${location}", which is not beside the model in ${folder}.`);
  // A link inside the folder may still lead out of it.
  return leaves(realpathSync(folder), realpathSync(path)) ? outside() : path;
}

function sliceOf(
  file: Uint8Array,
  tensor: TensorProto,
  entries: ReadonlyMap<string, string>,
  location: string,
  where: string,
): Uint8Array {
  const numberOf = (key: string, fallback: number): number => {
    const text = entries.get(key);
    const number = text === undefined ? fallback : Number(text);
    if (!Number.isSafeInteger(number) || number < 0)
      throw new PareError(
        "PARE_MODEL",
        `${where}: external data has the ${key} "${text ?? ""}", which is no byte count.`,
      );
    return number;
  };
  const dtype = dataTypeOf(tensor.dataType);
  const needed = dtype === undefined ? 0 : byteLengthOf(dtype, dimsOf(tensor, where), where);
  const offset = numberOf("offset", 0);
  const length = numberOf("length", needed);
  if (offset + length > file.byteLength)
    throw new PareError(
      "PARE_FILE",
      `${where} wants bytes ${offset} to ${offset + length} of "${location}", which has ${file.byteLength}. It may be truncated.`,
    );
  return file.subarray(offset, offset + length);
}

/** Lays the larger tensors out in one data file named `location`. */
export function planExternalData(model: ModelProto, location: string): ExternalPlan {
  const plan: ExternalPlan = { location, tensors: [], byteLength: 0 };
  for (const [proto] of tensorsOf(model)) {
    if (proto.rawData.byteLength < smallestExternal) continue;
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
