/** The elementwise transforms against a memory copy of as many bytes on as many threads, numpy and PyTorch beside. */
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { binding } from "../lib/binding.js";
import { kernels } from "../lib/index.js";
import { formatSeconds, race, type Competitor } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Elementwise transforms against a memory copy, numpy and PyTorch";

/** One row: what is timed, the bytes an element read and written, and the peers' name for it. */
interface Work {
  name: string;
  bytes: number;
  call: () => unknown;
  peer?: string;
}

export async function run(report: BenchReport): Promise<void> {
  const count = report.quick ? 1 << 20 : 1 << 24;
  const rest = report.quick ? 0 : 0.05;
  const bars = report.table(`${count.toLocaleString("en-US")} float32 values, outputs given`, [
    "transform",
    "threads",
    "bytes",
    "time",
    "GB/s",
    "of copy",
    "best peer",
    "faster",
  ]);
  for (const threads of report.threads) {
    report.progress(`peers, ${threads} threads`);
    const peers = peersOf(count, threads, report);
    const buffers = new Buffers(count);
    for (const work of worksOf(buffers, threads)) {
      report.progress(`${work.name}, ${threads} threads`);
      const byteLength = count * work.bytes;
      // As many bytes as the transform reads and writes, between the same pages.
      const half = Math.floor(byteLength / 2);
      const from = new Uint8Array(buffers.x.buffer, 0, half);
      const to = new Uint8Array(buffers.y.buffer, 0, half);
      const competitors: Record<"transform" | "copy", Competitor> = {
        transform: work.call,
        copy: () => binding.copy(from, to, { threads }),
      };
      const { transform, copy } = await race(competitors, { restSeconds: rest });
      const peer = work.peer === undefined ? undefined : peers.get(work.peer);
      bars(
        work.name,
        threads,
        work.bytes,
        formatSeconds(transform.median),
        byteLength / transform.median / 1e9,
        (copy.median / transform.median).toFixed(2),
        peer ? `${formatSeconds(peer.seconds)} ${peer.name}` : "–",
        peer ? `${(peer.seconds / transform.median).toPrecision(2)} ×` : "–",
      );
    }
  }
  report.note(
    "bytes: read and written an element; a transform that computes its own scale, or its threshold, reads twice. " +
      "of copy: the time of a copy that reads and writes as many bytes on as many threads (memmove), over the transform's. " +
      "The threshold counts one read; 1 / of copy is the number of passes it takes.",
  );
}

/** Inputs and outputs on huge pages where the system gives them, as pare's own results and numpy's arrays are. */
class Buffers {
  readonly x: Float32Array<ArrayBuffer>;
  readonly y: Float32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mask: Uint8Array<ArrayBuffer>;

  constructor(readonly count: number) {
    // The copy moves up to 13 / 2 bytes an element from x to y.
    this.x = new Float32Array(binding.allocate(count * 7), 0, count);
    this.y = new Float32Array(binding.allocate(count * 7), 0, count);
    this.bytes = new Uint8Array(binding.allocate(count * 2));
    this.mask = new Uint8Array(binding.allocate(count));
    // Four uniform numbers added up: near enough to a weight's bell curve.
    this.x.set(kernels.randomScores({ seed: 1, count }));
    for (let stream = 1; stream < 4; stream++) {
      const more = kernels.randomScores({ seed: 1, stream, count });
      for (let i = 0; i < count; i++) this.x[i]! += more[i]! - (stream === 3 ? 2 : 0);
    }
  }

  int8(): Int8Array {
    return new Int8Array(this.bytes.buffer, 0, this.count);
  }
  sixteen(): Uint16Array {
    return new Uint16Array(this.bytes.buffer);
  }
  four(): Uint8Array {
    return this.bytes.subarray(0, this.count / 2);
  }
}

function worksOf(buffers: Buffers, threads: number): Work[] {
  const { count, x, y, mask } = buffers;
  const side = 1024;
  const shape = [count / side, side];
  const int8 = buffers.int8();
  const halves = buffers.sixteen();
  const scale = 2 / 127;
  const rowScales = new Float32Array(count / side).fill(scale);
  const columnScales = new Float32Array(side).fill(scale);
  const blockScales = new Float32Array(count / 32).fill(2 / 7);
  const quantize = { dtype: "int8", out: int8, threads } as const;
  const int4 = { dtype: "int4", out: buffers.four(), threads } as const;
  const pruned = { out: y, mask, threads };
  return [
    { name: "quantize int8", bytes: 5, peer: "quantize", call: () => kernels.quantize(x, { ...quantize, scale }) },
    {
      name: "quantize int8, own scale",
      bytes: 9,
      peer: "quantize own scale",
      call: () => kernels.quantize(x, quantize),
    },
    {
      name: "quantize int8 by row",
      bytes: 5,
      call: () => kernels.quantize(x, { ...quantize, scale: rowScales, shape, axis: 0 }),
    },
    {
      name: "quantize int8 by column",
      bytes: 5,
      call: () => kernels.quantize(x, { ...quantize, scale: columnScales, shape, axis: 1 }),
    },
    {
      name: "quantize int8 by column, own scales",
      bytes: 9,
      call: () => kernels.quantize(x, { ...quantize, shape, axis: 1 }),
    },
    {
      name: "quantize uint16",
      bytes: 6,
      call: () => kernels.quantize(x, { dtype: "uint16", out: halves, scale: 4 / 65535, zeroPoint: 32768, threads }),
    },
    { name: "quantize int4", bytes: 4.5, call: () => kernels.quantize(x, { ...int4, scale: 2 / 7 }) },
    {
      name: "quantize int4 by 32",
      bytes: 4.75,
      call: () => kernels.quantize(x, { ...int4, scale: blockScales, shape, blockSize: 32 }),
    },
    {
      name: "dequantize int8",
      bytes: 5,
      peer: "dequantize",
      call: () => kernels.dequantize(int8, { scale, out: y, threads }),
    },
    {
      name: "dequantize int4",
      bytes: 4.5,
      call: () => kernels.dequantize(buffers.four(), { dtype: "int4", scale, out: y, threads }),
    },
    { name: "toFloat16", bytes: 6, peer: "toFloat16", call: () => kernels.toFloat16(x, { out: halves, threads }) },
    {
      name: "fromFloat16",
      bytes: 6,
      peer: "fromFloat16",
      call: () => kernels.fromFloat16(halves, { out: y, threads }),
    },
    { name: "toBfloat16", bytes: 6, peer: "toBfloat16", call: () => kernels.toBfloat16(x, { out: halves, threads }) },
    {
      name: "fromBfloat16",
      bytes: 6,
      peer: "fromBfloat16",
      call: () => kernels.fromBfloat16(halves, { out: y, threads }),
    },
    { name: "prune below a threshold", bytes: 9, call: () => kernels.pruneMagnitude(x, { ...pruned, threshold: 0.3 }) },
    { name: "prune 2:4", bytes: 9, peer: "2:4", call: () => kernels.pruneNM(x, pruned) },
    {
      name: "prune 2:4 down columns",
      bytes: 9,
      call: () => kernels.pruneNM(x, { ...pruned, shape, axis: 0 }),
    },
    {
      name: "threshold of 50 %",
      bytes: 4,
      peer: "threshold",
      call: () => kernels.magnitudeThreshold(x, { sparsity: 0.5, threads }),
    },
    {
      name: "prune 50 %",
      bytes: 13,
      peer: "prune",
      call: () => kernels.pruneMagnitude(x, { ...pruned, sparsity: 0.5 }),
    },
    {
      name: "transpose",
      bytes: 8,
      peer: "transpose",
      call: () => kernels.transpose(x, { rows: count / 4096, columns: 4096, out: y, threads }),
    },
  ];
}

/** The best peer for each work, from bench/peers/transforms.py; none where there is no such Python. */
function peersOf(count: number, threads: number, report: BenchReport): Map<string, { name: string; seconds: number }> {
  const best = new Map<string, { name: string; seconds: number }>();
  const python = process.env.PARE_PYTHON ?? "python3";
  const script = join(dirname(__dirname), "bench", "peers", "transforms.py");
  try {
    const output = execFileSync(python, [script, `${count}`, `${threads}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    for (const line of output.trim().split("\n")) {
      const { work, peer, ms } = JSON.parse(line) as { work: string; peer: string; ms: number };
      const known = best.get(work);
      if (known === undefined || known.seconds > ms / 1000) best.set(work, { name: peer, seconds: ms / 1000 });
    }
  } catch {
    report.note(
      `Peers are left out for ${threads} threads: ${python} has no numpy (PARE_PYTHON names another Python; torch is optional).`,
    );
  }
  return best;
}
