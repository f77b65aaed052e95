/** Tests run from source; only the addon must be built. */
module.exports = {
  testEnvironment: "node",
  // Of a machine that does other things too; nothing here is measured.
  testTimeout: 60_000,
  globalSetup: "<rootDir>/test/build.mjs",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: { "\\.(ts|js)$": "<rootDir>/test/transform.cjs" },
  transformIgnorePatterns: ["/node_modules/(?!onnx-buf/)"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
};
