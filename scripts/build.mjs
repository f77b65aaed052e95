// Builds dist/: CommonJS from lib/ with types, the ONNX message types in one CommonJS file, and the ES module face.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { bundleProto, copyProtoTypes } from "./proto.mjs";

const require = createRequire(import.meta.url);
rmSync("dist", { recursive: true, force: true });
execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});

await bundleProto("dist/model/proto.js");
copyProtoTypes("dist/model/proto.d.ts");

// One addon and one Tensor class for `import` and `require` alike: the ES module re-exports the CommonJS build.
const names = Object.keys(require("../dist/index.js")).filter((name) => name !== "default");
writeFileSync("dist/index.mjs", `import pare from "./index.js";\nexport const { ${names.join(", ")} } = pare;\n`);
writeFileSync("dist/index.d.mts", `export * from "./index.js";\n`);
chmodSync("dist/cli/main.js", 0o755);
