/** A file that appears whole or not at all: written under another name in the same folder, then renamed. */
import { randomBytes } from "node:crypto";
import { unlinkSync, type Stats } from "node:fs";
import { access, constants, open, readlink, realpath, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { PareError } from "../errors.js";

/** Small pieces are gathered up to this size; larger ones are written as they are, this much at a time. */
const chunk = 4 * 2 ** 20;

/** What is being written; a process that ends in the middle of it takes it away, if it is given the time. */
const unfinished = new Set<string>();
let watchesExit = false;

function watchExit(): void {
  if (watchesExit) return;
  watchesExit = true;
  process.once("exit", () => {
    for (const path of unfinished) {
      try {
        unlinkSync(path);
      } catch {
        // It may have been moved into place just now.
      }
    }
  });
}

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
      const target = await targetOf(path);
      const present = await stat(target).catch(ignoreMissing);
      if (present?.isDirectory()) throw new PareError("PARE_FILE", `${path} is a directory; name a file in it.`);
      if (present && !present.isFile()) return new FileWriter(target, target, await open(target, "w"));
      // Renaming would replace even what its owner has made read-only.
      if (present) await access(target, constants.W_OK);
      // A name has 255 bytes at most, and a character up to four.
      const name = `.${basename(target).slice(0, 48)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`;
      const written = join(dirname(target), name);
      const handle = await open(written, "wx", 0o666);
      watchExit();
      unfinished.add(written);
      if (present) await takePermissions(handle, present);
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
    if (this.#written === this.#path) return;
    await guarded(this.#path, () => rename(this.#written, this.#path));
    unfinished.delete(this.#written);
  }

  /** Takes away what was written and is not in its place; the target stays as it was. */
  async discard(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    if (unfinished.delete(this.#written)) await unlink(this.#written).catch(() => undefined);
  }
}

/** Where a path leads, links followed; a link to a file that does not exist yet leads to where that will be. */
async function targetOf(path: string): Promise<string> {
  const real = await realpath(path).catch(ignoreMissing);
  if (real !== undefined) return real;
  const link = await readlink(path).catch(() => undefined);
  return link === undefined ? path : targetOf(resolve(dirname(path), link));
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

/** A file that belongs to somebody else becomes ours where we may not give it away, as with any editor. */
async function takePermissions(handle: FileHandle, { mode, uid, gid }: Stats): Promise<void> {
  if (uid !== process.getuid?.() || gid !== process.getgid?.()) await handle.chown(uid, gid).catch(() => undefined);
  await handle.chmod(mode & 0o7777).catch(() => undefined);
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
  ENAMETOOLONG: "its name is too long",
  ELOOP: "symbolic links go in a circle",
  EMFILE: "too many files are open",
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
