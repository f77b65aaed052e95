// onnx-buf is published as an ES module only, which CommonJS on older Node cannot load: it goes into the file that re-exports it.
import { copyFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Bundles lib/model/proto.ts with onnx-buf into one CommonJS file. */
export async function bundleProto(outfile) {
  const { version } = JSON.parse(readFileSync(join(root, "node_modules/onnx-buf/package.json"), "utf8"));
  await build({
    entryPoints: [join(root, "lib/model/proto.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["@bufbuild/protobuf", "@bufbuild/protobuf/*"],
    banner: { js: `/*! onnx-buf ${version}, MIT */` },
  });
}

/** Puts onnx-buf's types in the place of the re-export's: who installs pare has no onnx-buf. */
export function copyProtoTypes(outfile) {
  copyFileSync(join(root, "node_modules/onnx-buf/dist/onnx_pb.d.ts"), outfile);
}
