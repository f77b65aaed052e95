/** Runs the cases that its arguments name, in a process of its own, and tells its parent how each begins and ends. */
import { runCase } from "./case.js";

async function main(): Promise<void> {
  const [first = 0, end = 0, step = 1] = process.argv.slice(2).map(Number);
  for (let number = first; number < end; number += step) {
    process.send!({ begins: number });
    const outcome = await runCase(number);
    process.send!({ ends: number, outcome });
    // Otherwise what a case leaves behind would be found in a later one.
    globalThis.gc?.();
  }
  process.disconnect();
}

void main();
