/** float32 ⇄ float16 and bfloat16 against a plain copy that reads and writes as many bytes. */
import { kernels } from "../lib/index.js";
import { formatSeconds, race } from "./frame/race.js";
import type { BenchReport } from "./frame/report.js";

export const title = "Half precision: conversion against a memory copy of the same bytes";

export async function run(report: BenchReport): Promise<void> {
  const count = report.quick ? 1 << 20 : 1 << 24;
  const floats = Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const halves = kernels.toFloat16(floats);
  const bytes = count * 6;
  const source = new Uint8Array(bytes / 2);
  const target = new Uint8Array(bytes / 2);
  const row = report.table(`${count.toLocaleString("en-US")} values, GB/s read and written`, [
    "kernel",
    "threads",
    "time",
    "GB/s",
    "copy GB/s",
    "of copy",
  ]);
  for (const threads of report.threads) {
    const competitors = {
      copy: () => {
        target.set(source);
      },
      toFloat16: () => kernels.toFloat16(floats, { out: halves, threads }),
      fromFloat16: () => kernels.fromFloat16(halves, { out: floats, threads }),
      toBfloat16: () => kernels.toBfloat16(floats, { out: halves, threads }),
      fromBfloat16: () => kernels.fromBfloat16(halves, { out: floats, threads }),
    };
    report.progress(`half precision, ${threads} threads`);
    const { copy, ...times } = await race(competitors);
    for (const [name, { median }] of Object.entries(times))
      row(
        name,
        threads,
        formatSeconds(median),
        bytes / median / 1e9,
        bytes / copy.median / 1e9,
        (copy.median / median).toFixed(2),
      );
  }
  report.note("The copy is TypedArray.set on one thread.");
}
