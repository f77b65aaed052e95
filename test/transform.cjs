// Turns TypeScript and ES modules into CommonJS for jest.
const { transformSync } = require("esbuild");

module.exports = {
  process(source, path) {
    const { code } = transformSync(source, {
      loader: path.endsWith(".ts") ? "ts" : "js",
      format: "cjs",
      target: "node20",
      sourcemap: "inline",
      sourcefile: path,
    });
    return { code };
  },
};
