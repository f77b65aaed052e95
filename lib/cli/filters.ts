/** Options that choose parts of a model, by name and by operator type. */
import { PareError, type NameFilter } from "../index.js";
import { list, type PareCommand } from "./command.js";

/** Which parts of a model a command works on. */
export interface FilterOptions {
  include?: string[];
  exclude?: string[];
  opTypes?: string[];
  excludeOpTypes?: string[];
}

/** Declares the options that choose parts of a model. */
export function addFilters<Options extends FilterOptions>(
  command: PareCommand<Options>,
  what: string,
): PareCommand<Options> {
  return command
    .option("--include <names>", `only these ${what}, by name or /pattern/ (repeatable, or with commas)`, list)
    .option("--exclude <names>", `all but these ${what}`, list)
    .option("--op-types <types>", "only operators of these types", list)
    .option("--exclude-op-types <types>", "all but operators of these types", list);
}

/** The filters as the library takes them. */
export function filtersOf({ include, exclude, opTypes, excludeOpTypes }: FilterOptions): {
  names: NameFilter | undefined;
  opTypes: NameFilter | undefined;
} {
  return { names: filterOf(include, exclude), opTypes: filterOf(opTypes, excludeOpTypes) };
}

/** Names as they are given on the command line: /text/ is a pattern. Undefined where none are given. */
function filterOf(include: string[] | undefined, exclude: string[] | undefined): NameFilter | undefined {
  if (!include && !exclude) return undefined;
  return {
    ...(include ? { include: include.map(nameOrPattern) } : {}),
    ...(exclude ? { exclude: exclude.map(nameOrPattern) } : {}),
  };
}

/** A name, or the pattern that /text/ is. PARE_OPTION where it is none. */
export function nameOrPattern(text: string): string | RegExp {
  const pattern = /^\/(.*)\/([a-z]*)$/.exec(text);
  if (!pattern) return text;
  try {
    return new RegExp(pattern[1]!, pattern[2]);
  } catch (error) {
    throw new PareError("PARE_OPTION", `${text} is no regular expression: ${(error as Error).message}.`);
  }
}
