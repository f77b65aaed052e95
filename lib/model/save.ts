/** Writing a model: in pieces, beside the target, renamed when whole. */
import { basename, dirname, extname, join } from "node:path";
import type { LongCall } from "../progress.js";
import { PareError } from "../errors.js";
import { encodeInPieces } from "./encode.js";
import { dataFileName, planExternalData, withExternalData } from "./external-data.js";
import type { Model } from "./model.js";
import { FileWriter } from "./file-writer.js";
import { encodeSafetensors } from "./safetensors.js";

export interface SaveOptions extends Pick<LongCall, "signal" | "onProgress"> {
  /**
   * Weights of 1 KB and more in a file beside the model, `<file>_data`. Default "auto": where the model came so, or is too
   * large for one file (2 GB). `false` refuses a model that is too large.
   */
  externalData?: "auto" | boolean;
}

/** Protobuf's limit for a message. */
const largestMessage = 2 ** 31 - 1;

/** See Model.save. */
export async function saveModel(
  model: Model,
  path: string,
  { externalData = "auto", signal, onProgress }: SaveOptions,
): Promise<void> {
  signal?.throwIfAborted();
  const call = { ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) };
  if (extname(path).toLowerCase() === ".safetensors") {
    await writeFiles([{ path, pieces: encodeSafetensors(model) }], call);
    return;
  }
  const whole = encodeInPieces(model.proto);
  const tooLarge = whole.byteLength > largestMessage;
  if (tooLarge && externalData === false)
    throw new PareError(
      "PARE_FILE",
      `${path}: the model has ${whole.byteLength.toLocaleString("en")} bytes, more than the 2 GB that one ONNX file can have; ` +
        `leave externalData at "auto".`,
    );
  const external = externalData === true || (externalData === "auto" && (tooLarge || model.hasExternalData));
  const files: { path: string; pieces: Uint8Array[] }[] = [];
  if (external) {
    const plan = planExternalData(model.proto, dataFileName(basename(path)));
    const { pieces } = withExternalData(plan, () => encodeInPieces(model.proto));
    // The data file takes its place first: a model must never stand beside data that it does not mean.
    files.push({ path: join(dirname(path), plan.location), pieces: spaced(plan.tensors) }, { path, pieces });
  } else files.push({ path, pieces: whole.pieces });
  await writeFiles(files, call);
}

/** The tensors' bytes with zeros in the gaps between them. */
function spaced(tensors: readonly { offset: number; bytes: Uint8Array }[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { offset, bytes } of tensors) {
    if (offset > at) pieces.push(new Uint8Array(offset - at));
    pieces.push(bytes);
    at = offset + bytes.byteLength;
  }
  return pieces;
}

/** Writes all files beside their targets, then renames all; on failure none of the targets has changed. */
export async function writeFiles(
  files: readonly { path: string; pieces: readonly Uint8Array[] }[],
  { signal, onProgress }: Pick<LongCall, "signal" | "onProgress">,
): Promise<void> {
  const total = files.reduce((sum, { pieces }) => pieces.reduce((inner, { byteLength }) => inner + byteLength, sum), 0);
  let done = 0;
  const writers: FileWriter[] = [];
  try {
    for (const { path, pieces } of files) {
      const writer = await FileWriter.open(path);
      writers.push(writer);
      await writer.write(pieces, (bytes) => {
        signal?.throwIfAborted();
        done += bytes;
        onProgress?.({ done, total, what: "saving" });
      });
      await writer.close();
    }
    signal?.throwIfAborted();
    for (const writer of writers) await writer.commit();
  } catch (error) {
    await Promise.all(writers.map((writer) => writer.discard()));
    throw error;
  }
}
