/** Memory of large results, and what a process takes to load and save a large model. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { allocateBytes } from "../../lib/model/index.js";

/** Megabytes that this process holds which no file backs. */
function anonymousMegabytes(): number {
  return Number(/RssAnon:\s+(\d+)/.exec(readFileSync("/proc/self/status", "latin1"))![1]) / 1024;
}

test("is zeroed, of any length, and writable", () => {
  for (const length of [0, 1, 65_535, 65_536, 5_000_000]) {
    const bytes = allocateBytes(length);
    expect(bytes.byteLength).toBe(length);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.fill(7);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
  }
});

const onDisk = execFileSync("stat", ["-f", "-c", "%T", "/var/tmp"], { encoding: "utf8" }).trim() !== "tmpfs";
(onDisk ? test : test.skip)("past some tens of MB it lies on a file", () => {
  const before = anonymousMegabytes();
  const held = Array.from({ length: 20 }, () => allocateBytes(16 << 20).fill(1));
  expect(held).toHaveLength(20);
  expect(anonymousMegabytes() - before).toBeLessThan(150);
});
