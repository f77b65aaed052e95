/** Running the command line as a process, as a user does. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The program that test/build.mjs made from lib/. */
export const program = join(__dirname, "..", "..", "build-test", "cli", "main.js");

export interface Outcome {
  /** Exit code, or the signal that ended the process. */
  code: number | NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Called with the running process: to interrupt it. */
  started?: (child: ChildProcess) => void;
}

/** Runs `pare` with these arguments to its end. */
export function pare(args: readonly string[], { cwd, env, started }: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { cwd, env: { ...process.env, ...env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code: code ?? signal, stdout, stderr });
    });
    started?.(child);
  });
}

/** An empty folder for one test file, removed when its tests are done, after `beforeRemoval`. */
export function scratchFolder(beforeRemoval?: () => void): string {
  const folder = mkdtempSync(join(tmpdir(), "pare-test-"));
  afterAll(() => {
    beforeRemoval?.();
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
