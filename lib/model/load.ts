/** Opening a model: a file, mapped, or bytes. */
import { fromBinary } from "@bufbuild/protobuf";
import { extname } from "node:path";
import { PareError } from "../errors.js";
import { formatCount } from "../report/format.js";
import { memorySource, openSource } from "./byte-source.js";
import { foreignFormat, looksLikeSafetensors, looksLikeText } from "./detect.js";
import { resolveExternalData } from "./external-data.js";
import { Model } from "./model.js";
import { ModelProtoSchema, type ModelProto } from "./proto.js";
import { parseSafetensors } from "./safetensors.js";
import { validate } from "./validate.js";
import { wireFault, type WireFault } from "./wire.js";

/** What lengths in a protobuf message can say. */
const largestMessage = 2 ** 32 - 1;

export interface LoadOptions {
  /**
   * Map the file instead of reading it; default true. A mapped file may be replaced, but must not be truncated while the
   * model lives.
   */
  mmap?: boolean;
  /** Contents of data files, by the locations that the model names; others are opened beside the model's file. */
  externalData?: Readonly<Record<string, Uint8Array | ArrayBuffer>>;
  signal?: AbortSignal;
}

/**
 * Opens an ONNX model; or a safetensors file, as a model of weights without nodes. Weights are views of the mapped file (and
 * of data files beside it), or of the bytes that were given.
 * @throws PareError PARE_FILE for what is no such file, damaged or unreadable, PARE_MODEL for a model that contradicts itself.
 */
export async function load(source: string | Uint8Array | ArrayBuffer, options: LoadOptions = {}): Promise<Model> {
  return Promise.resolve().then(() => loadSync(source, options));
}

/** The same at once: decoding 10 MB takes about 10 ms, whatever the weights' size. */
export function loadSync(
  source: string | Uint8Array | ArrayBuffer,
  { mmap = true, externalData = {}, signal }: LoadOptions = {},
): Model {
  signal?.throwIfAborted();
  const path = typeof source === "string" ? source : undefined;
  const file = typeof source === "string" ? openSource(source, mmap) : memorySource(bytesOf(source));
  return inFile(path, () => {
    const isSafetensors =
      path === undefined
        ? looksLikeSafetensors(file.view(0, file.byteLength))
        : extname(path).toLowerCase() === ".safetensors";
    if (isSafetensors) return new Model(parseSafetensors(file), path === undefined ? {} : { path });
    if (file.byteLength > largestMessage)
      throw new PareError(
        "PARE_FILE",
        `the file has ${formatCount(file.byteLength)} bytes; one ONNX file can have 2 GB, and keeps larger weights beside it.`,
      );
    const proto = decode(file.view(0, file.byteLength));
    const given = new Map(Object.entries(externalData).map(([name, bytes]) => [name, memorySource(bytesOf(bytes))]));
    const hasExternalData = resolveExternalData(proto, path, (other) => openSource(other, mmap), given);
    validate(proto);
    return new Model(proto, { ...(path === undefined ? {} : { path }), hasExternalData });
  });
}

function bytesOf(source: Uint8Array | ArrayBuffer): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(source))
    return new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength);
  // Not `instanceof`: the buffer may be of another realm.
  if (/ (Shared)?ArrayBuffer\]$/.test(Object.prototype.toString.call(source))) return new Uint8Array(source);
  throw new PareError("PARE_TYPE", "load takes a path, or a model's bytes as a Uint8Array or ArrayBuffer.");
}

/** Puts the file's name before the message of an error that does not name it. */
function inFile<Result>(path: string | undefined, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PareError) || path === undefined) throw error;
    throw new PareError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

// ---- Decoding -----------------------------------------------------------------------------------------------------------

function decode(bytes: Uint8Array<ArrayBuffer>): ModelProto {
  const foreign = foreignFormat(bytes);
  if (foreign !== undefined) throw notOnnx(foreign);
  const fault = wireFault(ModelProtoSchema, bytes);
  if (fault) throw faultError(fault, bytes);
  let proto: ModelProto;
  try {
    proto = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw notOnnx(`it is damaged (${(error as Error).message})`, error);
  }
  if (!proto.graph) throw notOnnx("it holds no graph, or is truncated");
  return proto;
}

function notOnnx(what: string, cause?: unknown): PareError {
  return new PareError("PARE_FILE", `this is no ONNX model: ${what}.`, cause === undefined ? {} : { cause });
}

function faultError({ kind, path, offset, wanted = 0, left = 0 }: WireFault, bytes: Uint8Array): PareError {
  const place = path === "" ? "the model" : path;
  if (kind === "too much")
    return new PareError(
      "PARE_MEMORY",
      `decoding ${place} would take more than the ${formatCount(Math.round(left / 2 ** 20))} MB that JavaScript's heap has left. ` +
        "Either the file is damaged, or its weights are numbers in typed fields instead of raw_data: write it again with " +
        "ONNX's tools, or give Node more memory (--max-old-space-size).",
    );
  // A model begins with its IR version; without that, nothing speaks for ONNX.
  if (bytes[0] !== 8 || bytes.byteLength < 2 || bytes[1]! >= 64)
    return notOnnx(looksLikeText(bytes) ? "it looks like text" : "its bytes are laid out in another way");
  if (kind === "truncated")
    return new PareError(
      "PARE_FILE",
      `the file ends within ${place}: ${formatCount(wanted)} bytes should follow offset ${formatCount(offset)}, ` +
        `${formatCount(bytes.byteLength - offset)} do. It is truncated; fetch or export it again.`,
    );
  const what = {
    text: "is not UTF-8 text",
    damaged: wanted > left ? `announces ${formatCount(wanted)} bytes where ${formatCount(left)} fit` : "is malformed",
  }[kind];
  return new PareError("PARE_FILE", `the file is damaged: ${place} ${what} (offset ${formatCount(offset)}).`);
}
