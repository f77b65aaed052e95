/** Matrix products against oneDNN and OpenBLAS: C++ programs call them, pare goes through Node, B unpacked as theirs. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { binding } from "../lib/binding.js";
import { kernels } from "../lib/index.js";
import { median, race } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Matrix products against oneDNN and OpenBLAS";

const shapes: [m: number, n: number, k: number][] = [
  [64, 64, 64],
  [128, 128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [2048, 2048, 2048],
  [1, 768, 768],
  [1, 3072, 768],
  [1, 4096, 4096],
  [8, 768, 768],
  [32, 768, 3072],
  [128, 768, 768],
  [128, 3072, 768],
  [64, 300, 784],
];

type PeerKind = "onednn-f32" | "openblas-f32" | "onednn-u8s8";

/** bench/peers/gemm.cc as a process; it measures one thing at a time. */
class Peers {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;

  private constructor(program: string) {
    const environment = { ...process.env };
    // OpenBLAS takes processors newer than itself for the oldest of their kind; told the kind, it does its best.
    delete environment.OPENBLAS_CORETYPE;
    if (["v4", "vnni"].includes(binding.information().level)) environment.OPENBLAS_CORETYPE = "SKYLAKEX";
    this.#process = spawn(program, { env: environment, stdio: ["pipe", "pipe", "inherit"] });
    this.#interface = createInterface({ input: this.#process.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** Builds the program with the libraries that are here; undefined without a compiler or without both. */
  static start(): Peers | undefined {
    const folder = join(dirname(__dirname), "build-bench");
    const source = join(dirname(__dirname), "bench", "peers", "gemm.cc");
    const program = join(folder, "gemm-peers");
    mkdirSync(folder, { recursive: true });
    // Debian keeps OpenBLAS's header in a folder of its own.
    const includes = ["/usr/include", `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`]
      .flatMap((base) => listFolder(base).map((name) => join(base, name)))
      .filter((path) => /openblas(-pthread)?$/.test(path))
      .map((path) => `-I${path}`);
    for (const libraries of [["-ldnnl", "-lopenblas"], ["-ldnnl"], ["-lopenblas"]]) {
      const { status } = spawnSync(
        "g++",
        ["-std=c++20", "-O2", "-fopenmp", source, ...includes, ...libraries, "-o", program],
        { stdio: "ignore" },
      );
      if (status === 0) return new Peers(program);
    }
    return undefined;
  }

  /** Median and least seconds a call; undefined when the library is missing. */
  async measure(kind: PeerKind, shape: readonly number[], threads: number, seconds: number) {
    this.#process.stdin!.write(`${kind} ${shape.join(" ")} ${threads} ${seconds}\n`);
    const { value } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (value === undefined || value === "-") return undefined;
    const [medianSeconds, leastSeconds] = value.split(" ").map(Number) as [number, number];
    return { median: medianSeconds, least: leastSeconds };
  }

  stop(): void {
    this.#process.stdin!.end();
    this.#interface.close();
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function floats(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37));
}

export async function run(report: BenchReport): Promise<void> {
  const peers = Peers.start();
  const rounds = report.quick ? 2 : 7;
  const seconds = report.quick ? 0.02 : 0.06;

  /** Turns by turns: pare, then each peer; median seconds of each. */
  async function compete(
    own: Record<string, () => unknown>,
    kinds: PeerKind[],
    shape: readonly number[],
    threads: number,
  ): Promise<Map<string, number>> {
    const samples = new Map<string, number[]>();
    const add = (name: string, value: number): void => void samples.set(name, [...(samples.get(name) ?? []), value]);
    for (let round = 0; round < rounds; round++) {
      for (const [name, call] of Object.entries(own)) {
        const { [name]: timing } = await race({ [name]: call }, { rounds: 1, turnSeconds: seconds });
        add(name, timing!.median);
      }
      for (const kind of kinds) {
        const timing = await peers?.measure(kind, shape, threads, seconds);
        if (timing) add(kind, timing.median);
      }
      // The peers' threads spin for some milliseconds after their last call.
      await setTimeout(30);
    }
    return new Map([...samples].map(([name, values]) => [name, median(values)]));
  }

  for (const threads of report.threads) {
    const row = report.table(`float32, ${threads} thread${threads > 1 ? "s" : ""}, GFLOP/s`, [
      "M×N×K",
      "pare",
      "pare packed",
      "oneDNN",
      "OpenBLAS",
      "of oneDNN",
    ]);
    for (const [m, n, k] of shapes) {
      report.progress(`float32 ${m}×${n}×${k}, ${threads} threads`);
      const a = floats(m * k);
      const b = floats(k * n);
      const packed = kernels.pack(b, { k, n });
      const out = new Float32Array(m * n);
      const times = await compete(
        {
          pare: () => kernels.matmul(a, b, { m, n, k, out, threads }),
          packed: () => kernels.matmul(a, packed, { m, n, k, out, threads }),
        },
        ["onednn-f32", "openblas-f32"],
        [m, n, k],
        threads,
      );
      row(`${m}×${n}×${k}`, ...figures(times, ["pare", "packed", "onednn-f32", "openblas-f32"], 2 * m * n * k));
    }
  }
  for (const threads of report.threads) {
    const row = report.table(`uint8 × int8 → int32, ${threads} thread${threads > 1 ? "s" : ""}, GOP/s`, [
      "M×N×K",
      "pare",
      "pare packed",
      "pare, zero points",
      "oneDNN",
      "of oneDNN",
    ]);
    for (const [m, n, k] of shapes) {
      report.progress(`integers ${m}×${n}×${k}, ${threads} threads`);
      const a = Uint8Array.from({ length: m * k }, (_, i) => (i * 73) & 255);
      const b = Int8Array.from({ length: k * n }, (_, i) => (i * 57) & 255);
      const packed = kernels.pack(b, { k, n });
      const out = new Int32Array(m * n);
      const times = await compete(
        {
          pare: () => kernels.matmulInteger(a, b, { m, n, k, out, threads }),
          packed: () => kernels.matmulInteger(a, packed, { m, n, k, out, threads }),
          zero: () => kernels.matmulInteger(a, b, { m, n, k, aZeroPoint: 128, bZeroPoint: 3, out, threads }),
        },
        ["onednn-u8s8"],
        [m, n, k],
        threads,
      );
      row(`${m}×${n}×${k}`, ...figures(times, ["pare", "packed", "zero", "onednn-u8s8"], 2 * m * n * k));
    }
  }
  peers?.stop();
  report.note(
    peers
      ? "Peers are called from C++ (bench/peers/gemm.cc), pare from JavaScript; both take B as it is and pack what they need within the call."
      : "No peer was found: apt-get install g++ libdnnl-dev libopenblas-dev.",
  );
}

/** Rates under the names given, and pare's share of oneDNN's. */
function figures(times: Map<string, number>, names: string[], operations: number): (number | string)[] {
  const rates = names.map((name) => (times.has(name) ? operations / times.get(name)! / 1e9 : "–"));
  const [own, peer] = [times.get("pare"), times.get(names.find((name) => name.startsWith("onednn"))!)];
  return [...rates, own !== undefined && peer !== undefined ? (peer / own).toFixed(2) : "–"];
}
