/** Rendering, planes for the models, and the boxes of a detector's map. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { countFound, findBoxes } from "../../lib/demo/ocr/boxes.js";
import { imageNet, plain, planes } from "../../lib/demo/ocr/pixels.js";
import { createRenderer, type Picture } from "../../lib/demo/ocr/render.js";
import { words } from "../../lib/demo/ocr/words.js";

const renderer = createRenderer(() => sharp, join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf"));
afterAll(() => {
  renderer.close();
});
const hash = ({ pixels }: Picture): string => createHash("sha256").update(pixels).digest("hex");

test("there are 200 different words, of two letters and of many, some capitalized", () => {
  expect(new Set(words).size).toBe(200);
  expect(words.every((word) => /^[A-Za-z]{2,14}$/.test(word))).toBe(true);
  expect(words.filter((word) => /^[A-Z]/.test(word)).length).toBeGreaterThan(40);
});

test("a word is 48 pixels high, has ink, and is the same each time", async () => {
  const first = await renderer.word("Quality", 3);
  expect(first.height).toBe(48);
  expect(first.width).toBeGreaterThan(80);
  expect(first.pixels).toHaveLength(3 * 48 * first.width);
  expect(hash(await renderer.word("Quality", 3))).toBe(hash(first));
  expect(hash(await renderer.word("Quality", 4))).not.toBe(hash(first));
  expect(Math.max(...first.pixels) - Math.min(...first.pixels)).toBeGreaterThan(150);
});

test("faces differ", async () => {
  const looks = await Promise.all(Array.from({ length: 8 }, (_, index) => renderer.word("people", index * 15)));
  expect(new Set(looks.map(hash)).size).toBe(8);
});

test("markup characters are letters like any other", async () => {
  expect((await renderer.word("<b>&amp;", 0)).width).toBeGreaterThan((await renderer.word("<b>", 0)).width);
});

test("turning twice gives the picture back", async () => {
  const picture = await renderer.word("turn", 1);
  const once = await renderer.turned(picture);
  expect(hash(once)).not.toBe(hash(picture));
  expect(hash(await renderer.turned(once))).toBe(hash(picture));
});

test("a page holds as many words as fit, in boxes that do not touch", async () => {
  const { picture, boxes } = await renderer.page(words, 320, 200);
  expect([picture.width, picture.height]).toEqual([320, 200]);
  expect(boxes.length).toBeGreaterThan(3);
  for (const [index, a] of boxes.entries()) {
    expect(a.left >= 0 && a.top >= 0 && a.right <= 320 && a.bottom <= 200).toBe(true);
    for (const b of boxes.slice(index + 1))
      expect(a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top).toBe(true);
  }
});

test("planes come blue, green, red, from −1 to 1, the free part 0", () => {
  const picture = { width: 2, height: 1, pixels: Uint8Array.of(255, 0, 51, 0, 255, 102) };
  const expected = [51 / 127.5 - 1, 102 / 127.5 - 1, 0, -1, 1, 0, 1, -1, 0];
  const got = planes(picture, plain, 3);
  for (const [index, value] of expected.entries()) expect(got[index]).toBeCloseTo(value, 6);
  expect(planes(picture, imageNet)[0]).toBeCloseTo((51 / 255 - 0.485) / 0.229, 6);
});

test("boxes are found, grown back, and counted once", () => {
  const [width, height] = [60, 40];
  const map = new Float32Array(width * height);
  const fill = (left: number, top: number, right: number, bottom: number, value: number): void => {
    for (let y = top; y < bottom; y++) map.fill(value, y * width + left, y * width + right);
  };
  fill(5, 5, 25, 10, 0.9);
  fill(35, 20, 55, 25, 0.95);
  fill(0, 30, 20, 38, 0.4); // too unsure
  fill(40, 2, 42, 4, 0.9); // too small
  const found = findBoxes(map, width, height);
  expect(found).toHaveLength(2);
  expect(found[0]).toEqual({ left: 2, top: 2, right: 28, bottom: 13 });
  expect(countFound([{ left: 2, top: 2, right: 28, bottom: 13 }], found)).toBe(1);
  expect(countFound([{ left: 2, top: 12, right: 28, bottom: 23 }], found)).toBe(0);
  expect(countFound([], found)).toBe(0);
});
