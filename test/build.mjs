// Transpiles lib/ into build-test/, as deep below the root as dist/, for the tests that run pare as a process: what they run
// is always the present source, whether dist/ was built or not.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleProto } from "../scripts/proto.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

export default async function setup() {
  const lib = join(root, "lib");
  const sources = readdirSync(lib, { recursive: true })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
    .map((file) => join(lib, file));
  const outdir = join(root, "build-test");
  await build({
    entryPoints: sources,
    outdir,
    outbase: lib,
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: "inline",
    logLevel: "warning",
  });
  await bundleProto(join(outdir, "model", "proto.js"));
}
