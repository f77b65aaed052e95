/** A file that appears whole or not at all: written under another name in the same folder, then renamed. */
import { randomBytes } from "node:crypto";
import { open, realpath, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PareError } from "../errors.js";

/** Small pieces are gathered up to this size; larger ones are written as they are, this much at a time. */
const chunk = 4 * 2 ** 20;

export class FileWriter {
  readonly #path: string;
  /** The file that is written now; equal to the target where that is a device or a pipe. */
  readonly #written: string;
  #handle: FileHandle | undefined;

  private constructor(path: string, written: string, handle: FileHandle) {
    this.#path = path;
    this.#written = written;
    this.#handle = handle;
  }

  /** Starts a file; the target keeps its permissions, and a link keeps pointing to it. PARE_FILE where it cannot be made. */
  static async open(path: string): Promise<FileWriter> {
    return guarded(path, async () => {
      const target = await realpath(path).catch(() => path);
      const present = await stat(target).catch(() => undefined);
      if (present?.isDirectory()) throw new PareError("PARE_FILE", `${path} is a directory; name a file in it.`);
      if (present && !present.isFile()) return new FileWriter(target, target, await open(target, "w"));
      const written = join(dirname(target), `.${basename(target).slice(0, 200)}.${randomBytes(6).toString("hex")}.tmp`);
      const handle = await open(written, "wx", 0o666);
      if (present) await handle.chmod(present.mode & 0o7777).catch(() => undefined);
      return new FileWriter(target, written, handle);
    });
  }

  /** Writes pieces in order, calling `step` with the bytes of each write; what `step` throws ends it. */
  async write(pieces: Iterable<Uint8Array>, step: (bytes: number) => void): Promise<void> {
    const gathered = new Uint8Array(chunk);
    let filled = 0;
    const flush = async (): Promise<void> => {
      if (filled > 0) await this.#put(gathered.subarray(0, filled), step);
      filled = 0;
    };
    for (const piece of pieces) {
      if (filled + piece.byteLength > chunk) await flush();
      if (piece.byteLength > chunk / 4) {
        await flush();
        for (let at = 0; at < piece.byteLength; at += chunk) await this.#put(piece.subarray(at, at + chunk), step);
      } else {
        gathered.set(piece, filled);
        filled += piece.byteLength;
      }
    }
    await flush();
  }

  async #put(bytes: Uint8Array, step: (bytes: number) => void): Promise<void> {
    await guarded(this.#path, async () => {
      for (let at = 0; at < bytes.byteLength;) at += (await this.#handle!.write(bytes, at)).bytesWritten;
    });
    step(bytes.byteLength);
  }

  /** Ends writing; an error that the system held back shows here. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await guarded(this.#path, async () => handle?.close());
  }

  /** Puts the finished file in its place. */
  async commit(): Promise<void> {
    if (this.#written !== this.#path) await guarded(this.#path, () => rename(this.#written, this.#path));
  }

  /** Takes away what was written; the target stays as it was. */
  async discard(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    if (this.#written !== this.#path) await unlink(this.#written).catch(() => undefined);
  }
}

const reasons: Record<string, string> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than the system allows",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "its folder does not exist",
  ENOTDIR: "a part of its path is no folder",
};

/** Turns the system's errors into PARE_FILE ones that name the target. */
async function guarded<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PareError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    const reason = reasons[code] ?? message;
    throw new PareError("PARE_FILE", `${path} cannot be written: ${reason}. What was there before is unchanged.`, {
      cause: error,
    });
  }
}
