/** Loads the native addon: the local build first, then the platform's package; else says what to do. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { PareError } from "./errors.js";
import type { Binding } from "./binding-types.js";

// Both lib/ (under jest) and dist/ lie one below the package's root.
const root = join(__dirname, "..");

function load(): Binding {
  const require = createRequire(join(root, "package.json"));
  const platform = `${process.platform}-${process.arch}`;
  // PARE_ADDON names another build, for the sanitizers.
  const local = process.env.PARE_ADDON ?? join(root, "build", "Release", "pare.node");
  const causes: unknown[] = [];
  for (const candidate of [existsSync(local) ? resolve(local) : undefined, `@pare/${platform}`]) {
    if (candidate === undefined) continue;
    try {
      return require(candidate) as Binding;
    } catch (error) {
      causes.push(error);
    }
  }
  throw new PareError(
    "PARE_ADDON",
    `pare has no native addon for ${platform}. Install without --omit=optional so that npm brings @pare/${platform}, ` +
      `or build it from a checkout: npm ci (needs a C++20 compiler and CMake 3.20).\n` +
      causes
        .map((cause) => `  tried: ${cause instanceof Error ? cause.message.split("\n")[0]! : String(cause)}`)
        .join("\n"),
    { cause: causes[0] },
  );
}

export const binding: Binding = load();
