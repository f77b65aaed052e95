// Linting: strict types, and the direction of imports that docs/architecture.md describes.
import tseslint from "typescript-eslint";

const techniques = ["prune", "quantize", "distill", "regularize", "transfer"];
/** Forbids that a file in `from` imports any of the folders in `to`. */
function forbid(from, to, reason) {
  return {
    files: from.map((folder) => `lib/${folder}/**/*.ts`),
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: to.map((folder) => `**/${folder}/*`), message: reason }] },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ["dist", "build", "build-*", "node_modules", "coverage"] },
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-non-null-assertion": "off",
      // Takes protobuf's descriptors, which hold enums of several kinds, for mixed-up enums.
      "@typescript-eslint/no-unsafe-enum-assignment": "off",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/consistent-type-imports": "error",
    },
  },
  forbid(
    ["model", "kernels", "report"],
    ["cli", ...techniques, "train", "run", "rewrite", "data"],
    "lib/model, kernels and report lie at the bottom.",
  ),
  forbid(["rewrite"], ["cli", ...techniques, "train", "run"], "rewrites know models only."),
  forbid(["run", "data"], ["cli", ...techniques, "train"], "run and data know nothing of techniques."),
  forbid([...techniques], ["cli"], "techniques know nothing of the command line."),
);
