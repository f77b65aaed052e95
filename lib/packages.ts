/** Finds packages that pare can use and does not depend on: beside pare, else in the current folder. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { PareError } from "./errors.js";

/** Resolves from pare's own folder first (a checkout, or hoisted beside it), then from where the user stands. */
const requires = [createRequire(__filename), createRequire(join(process.cwd(), "package.json"))];

function find(request: string): string | undefined {
  for (const require of requires) {
    try {
      return require.resolve(request);
    } catch {
      // The next place may have it.
    }
  }
  return undefined;
}

/**
 * The file that each request resolves to, by request; the requests name one file of each package, as in `require`, and
 * `who` what needs them.
 * Throws PARE_FILE with the one command that installs what is missing.
 */
export function findPackages<Request extends string>(
  who: string,
  requests: readonly Request[],
): Record<Request, string> {
  const found = requests.map((request) => [request, find(request)] as const);
  const missing = found.flatMap(([request, file]) => (file === undefined ? [packageOf(request)] : []));
  if (missing.length > 0)
    throw new PareError(
      "PARE_FILE",
      `${who} needs ${missing.length === 1 ? "a package that is" : `${missing.length} packages that are`} not installed here. ` +
        `Run:\n  npm install ${missing.join(" ")}`,
    );
  return Object.fromEntries(found) as Record<Request, string>;
}

/** "@scope/name/file" → "@scope/name". */
function packageOf(request: string): string {
  return request
    .split("/")
    .slice(0, request.startsWith("@") ? 2 : 1)
    .join("/");
}
