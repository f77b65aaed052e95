/** Opening a model: a file, mapped, or bytes. */
import { fromBinary } from "@bufbuild/protobuf";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { binding } from "../binding.js";
import { PareError } from "../errors.js";
import { resolveExternalData } from "./external-data.js";
import { Model } from "./model.js";
import { ModelProtoSchema, type ModelProto } from "./proto.js";
import { validate } from "./validate.js";

export interface LoadOptions {
  /**
   * Map the file instead of reading it; default true. A mapped file may be replaced, but must not be truncated while the
   * model lives.
   */
  mmap?: boolean;
}

/**
 * Opens an ONNX model. Its weights are views of the mapped file (and of data files beside it).
 * @throws PareError PARE_FILE for what is no ONNX file or cannot be read, PARE_MODEL for what is malformed in it.
 */
export async function load(source: string | Uint8Array | ArrayBuffer, options: LoadOptions = {}): Promise<Model> {
  return Promise.resolve().then(() => loadSync(source, options));
}

/** The same at once: decoding 10 MB takes about 10 ms, whatever the weights' size. */
export function loadSync(source: string | Uint8Array | ArrayBuffer, { mmap = true }: LoadOptions = {}): Model {
  const path = typeof source === "string" ? source : undefined;
  const read = (file: string): Uint8Array => readBytes(file, mmap);
  const bytes = typeof source === "string" ? read(source) : new Uint8Array(bytesOf(source));
  return inFile(path, () => {
    const proto = decode(bytes);
    const hasExternalData = resolveExternalData(proto, path === undefined ? undefined : dirname(resolve(path)), read);
    validate(proto);
    return new Model(proto, { ...(path === undefined ? {} : { path }), hasExternalData });
  });
}

function bytesOf(source: Uint8Array | ArrayBuffer): Uint8Array {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

/** A file's bytes; PARE_FILE says why there are none. */
export function readBytes(path: string, mmap: boolean): Uint8Array {
  const reasons: Record<string, string> = {
    ENOENT: "there is no such file",
    EISDIR: "it is a directory; name the file in it",
    EACCES: "permission denied",
  };
  if (mmap) return new Uint8Array(binding.mapFile(path));
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    throw new PareError("PARE_FILE", `${path}: ${reasons[code] ?? message}`, { cause: error });
  }
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

function decode(bytes: Uint8Array): ModelProto {
  const notOnnx = (what: string, cause?: unknown): PareError =>
    new PareError("PARE_FILE", `this is no ONNX model: ${what}.`, cause === undefined ? {} : { cause });
  if (bytes.byteLength === 0) throw notOnnx("it is empty");
  const known = knownFormat(bytes);
  if (known !== undefined) throw notOnnx(known);
  let proto: ModelProto;
  try {
    proto = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    const text = isText(bytes) ? "it looks like text" : "its messages end early or are garbled; it may be truncated";
    throw notOnnx(text, error);
  }
  if (!proto.graph) throw notOnnx(isText(bytes) ? "it looks like text" : "it holds no graph");
  return proto;
}

/** What else people have in a file of that name. */
function knownFormat(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(64, bytes.byteLength)).toString("latin1");
  if (start.startsWith("version https://git-lfs"))
    return "it is a Git LFS pointer; fetch the real file with git lfs pull";
  if (start.startsWith("PK\x03\x04"))
    return "it is a zip archive, such as PyTorch writes; export the model to ONNX first";
  if (start.startsWith("\x89HDF")) return "it is an HDF5 file, such as Keras writes; export the model to ONNX first";
  if (start.startsWith("GGUF")) return "it is a GGUF file";
  if (start.slice(4, 8) === "TFL3") return "it is a TensorFlow Lite file; export the model to ONNX first";
  if (start.slice(8, 9) === "{" && start.charCodeAt(7) === 0)
    return 'it looks like safetensors; name it "….safetensors"';
  return undefined;
}

function isText(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 512).every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
}
