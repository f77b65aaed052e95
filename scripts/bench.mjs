// Bundles bench/*.ts into build-bench/run.cjs, one below the root as lib/binding.ts expects, and runs it.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const namesIn = (folder) =>
  readdirSync(join(root, "bench", folder))
    .filter((file) => file.endsWith(".ts") && file !== "run.ts")
    .map((file) => `${folder}${file.slice(0, -".ts".length)}`);
const benches = [...namesIn(""), ...namesIn("accuracy/")];
const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const outfile = join(root, "build-bench", "run.cjs");

await build({
  stdin: {
    contents: `import { main } from "./bench/run.ts";
      main(${JSON.stringify(root)}, { ${benches.map((name) => `${JSON.stringify(name)}: () => import("./bench/${name}.ts")`).join(", ")} })
        .catch((error) => { console.error(error); process.exitCode = 1; });`,
    resolveDir: root,
    loader: "ts",
  },
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

const { status } = spawnSync(
  process.execPath,
  ["--expose-gc", "--enable-source-maps", outfile, ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
process.exitCode = status ?? 1;
