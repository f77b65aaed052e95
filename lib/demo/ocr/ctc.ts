/** Reads text from a recognizer's output: CTC, greedy (Graves et al. 2006). */
import { PareError } from "../../errors.js";

/** The characters by class: 0 is CTC's blank, then the lines of PP-OCR's key file, then a space. */
export function alphabetOf(keys: string): string[] {
  // One of the keys is an ideographic space: only the line ends may be cut.
  const lines = keys.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return ["", ...lines, " "];
}

/** The text of one output [steps, classes]: the best class of each step, repeats merged, blanks dropped. */
export function decodeCtc(scores: ArrayLike<number>, classes: number, alphabet: readonly string[]): string {
  if (classes !== alphabet.length || scores.length % classes !== 0)
    throw new PareError(
      "PARE_SHAPE",
      `the output has ${scores.length} values in rows of ${classes} classes; the key file names ${alphabet.length}.`,
    );
  let text = "";
  let last = 0;
  for (let start = 0; start < scores.length; start += classes) {
    let best = 0;
    for (let index = 1; index < classes; index++) if (scores[start + index]! > scores[start + best]!) best = index;
    if (best !== 0 && best !== last) text += alphabet[best]!;
    last = best;
  }
  return text;
}
