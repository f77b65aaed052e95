/** What pare would run with on this machine. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { binding } from "../binding.js";

export interface Information {
  /** pare's version. */
  version: string;
  /** The kernels in use, by instruction-set level, and those that this processor could use ("reference" is the slow check). */
  level: string;
  levels: string[];
  /** Threads that a call takes by default. */
  threads: number;
  /** Processors that this process may use: affinity and container quotas are respected. */
  processors: number;
  /** The processor's own name. */
  processor: string;
  /** Why the level is not the best one, or what was wrong with PARE_ISA; empty where all is well. */
  warning: string;
  platform: string;
  node: string;
  /** onnxruntime-node's version, where it is installed. */
  onnxruntime: string | undefined;
}

/** pare's version, kernels and threads on this machine. */
export function information(): Information {
  const { level, levels, threads, processors, processor, warning } = binding.information();
  return {
    version: pareVersion(),
    level,
    levels,
    threads,
    processors,
    processor,
    warning,
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    onnxruntime: installedVersion("onnxruntime-node"),
  };
}

/** The version in pare's package.json. */
export function pareVersion(): string {
  return versionIn(join(__dirname, "..", "..", "package.json"));
}

function installedVersion(name: string): string | undefined {
  try {
    return versionIn(createRequire(__filename).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

const versionIn = (path: string): string => (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
