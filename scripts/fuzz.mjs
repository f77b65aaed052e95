// Damaged models through load, compile and run, in child processes: a crash, a hang, memory beyond the limit and an error
// without a code are findings.
//   npm run fuzz -- [FIRST [COUNT]]     cases FIRST … FIRST + COUNT − 1, of which each is the same at every call
// PARE_ADDON names another build of the addon; scripts/sanitizers.sh says how one with AddressSanitizer is loaded.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const outfile = join(root, "build-fuzz", "worker.cjs");
await build({
  entryPoints: [join(root, "test/fuzz/worker.ts")],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  sourcemap: "inline",
  // onnx-buf is an ES module only, which CommonJS on older Node cannot load.
  external: Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== "onnx-buf"),
  logLevel: "warning",
});

const [first = 0, count = 1000] = process.argv.slice(2).map(Number);
const end = first + count;
const lanes = Number(process.env.PARE_FUZZ_PROCESSES ?? availableParallelism());
// With a sanitizer everything takes several times as long and as much.
const mostMs = 60_000;
const mostBytes = 3 * 2 ** 30;

const ends = new Map();
const findings = [];
let done = 0;

function report(number, seed, what) {
  findings.push(number);
  console.log(`\n#${number} ${seed}\n${what}`);
}

/** Cases `from`, `from` + lanes, …, in a new process; a case that ends it is a finding, and the next process goes on. */
function lane(from) {
  return new Promise((resolve) => {
    if (from >= end) return resolve();
    const child = fork(outfile, [from, end, lanes].map(String), {
      execArgv: ["--expose-gc", "--enable-source-maps", "--max-old-space-size=1024"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    let current;
    let began = 0;
    let text = "";
    let killed;
    const take = (chunk) => (text = (text + chunk).slice(-6000));
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("message", ({ begins, ends: number, outcome }) => {
      if (begins !== undefined) {
        current = begins;
        began = performance.now();
        text = "";
        return;
      }
      current = undefined;
      done++;
      const key = `${outcome.stage} ${outcome.end}`;
      ends.set(key, (ends.get(key) ?? 0) + 1);
      if (outcome.finding) report(number, outcome.seed, outcome.finding);
      if (process.env.PARE_FUZZ_VERBOSE) console.log(`#${number} ${outcome.seed}: ${key} ${outcome.message}`);
      if (done % 500 === 0) console.log(`${done} of ${count}`);
    });
    const watch = setInterval(() => {
      if (current === undefined) return;
      if (performance.now() - began > mostMs) killed = `hangs: killed after ${mostMs / 1000} s`;
      else if (residentBytes(child.pid) > mostBytes) killed = `takes more than ${mostBytes / 2 ** 30} GiB`;
      if (killed) child.kill("SIGKILL");
    }, 200);
    child.on("close", (code, signal) => {
      clearInterval(watch);
      if (current === undefined) {
        if (code !== 0) report(from, "the process", `ended with ${code ?? signal}: ${text}`);
        return resolve();
      }
      done++;
      report(current, "(see PARE_FUZZ_VERBOSE)", killed ?? `crashed with ${signal ?? code}: ${text}`);
      resolve(lane(current + lanes));
    });
  });
}

function residentBytes(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}

await Promise.all(Array.from({ length: lanes }, (_, i) => lane(first + i)));
console.log();
for (const [key, number] of [...ends].sort((a, b) => b[1] - a[1])) console.log(`${String(number).padStart(7)}  ${key}`);
console.log(`${done} cases, ${findings.length} findings${findings.length > 0 ? `: ${findings.join(", ")}` : ""}`);
process.exitCode = findings.length > 0 ? 1 : 0;
