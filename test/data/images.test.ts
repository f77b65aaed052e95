/** Folders of pictures as tensors: classes, order, size, normalization, layout, errors. */
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import sharp from "sharp";
import { readData, readImages, type Batch, type ImageOptions } from "../../lib/data/index.js";
import type { Tensor } from "../../lib/index.js";
import { scratchFolder } from "../cli/pare.js";
import { expectRejection } from "../errors.js";

const folder = scratchFolder();

/** A picture of one colour. */
async function paint(name: string, background: string, width = 4, height = 4): Promise<void> {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(
    path,
    await sharp({ create: { width, height, channels: 3, background } })
      .png()
      .toBuffer(),
  );
}

beforeAll(async () => {
  await paint("set/red/b.png", "#ff0000");
  await paint("set/red/a.png", "#330000");
  await paint("set/blue/z.PNG", "#0000ff", 8, 2);
  writeFileSync(join(folder, "set/blue/notes.txt"), "no picture");
  writeFileSync(join(folder, "set/blue/.hidden.png"), "no picture");
  await paint("numbers/10/a.png", "#ffffff");
  await paint("numbers/2/a.png", "#000000");
  await paint("flat/one.png", "#00ff00");
  mkdirSync(join(folder, "empty"));
  mkdirSync(join(folder, "broken"));
  writeFileSync(join(folder, "broken/x.jpg"), "this is no picture");
  mkdirSync(join(folder, "cut"));
  const noise = {
    create: {
      width: 64,
      height: 64,
      channels: 3,
      background: "#888888",
      noise: { type: "gaussian" as const, mean: 128, sigma: 60 },
    },
  } as const;
  writeFileSync(join(folder, "cut/x.png"), (await sharp(noise).png().toBuffer()).subarray(0, 3000));
});

async function batches(name: string, options: Partial<ImageOptions> = {}): Promise<Batch[]> {
  const found: Batch[] = [];
  for await (const batch of await readImages(join(folder, name), { width: 2, height: 1, ...options }))
    found.push(batch);
  return found;
}
const valuesOf = ({ x }: Batch): number[] =>
  Array.from((x as Tensor).data as Float32Array, (value) => Number(value.toFixed(4)));

test("by class, then by name; channels first", async () => {
  const set = await readImages(join(folder, "set"), { width: 2, height: 1 });
  expect(set.files.map((file) => basename(file))).toEqual(["z.PNG", "a.png", "b.png"]);
  expect([set.labels, set.classNames]).toEqual([Int32Array.of(0, 1, 1), ["blue", "red"]]);
  const [batch, ...others] = await batches("set");
  expect(others).toEqual([]);
  expect((batch!.x as Tensor).dims).toEqual([3, 3, 1, 2]);
  expect(valuesOf(batch!)).toEqual([0, 0, 0, 0, 1, 1, 0.2, 0.2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
});

test("in batches, channels last, blue first, normalized", async () => {
  const found = await batches("set", { batchSize: 2, layout: "NHWC", order: "bgr", mean: 0.5, std: [0.5, 1, 0.5] });
  expect(found.map(({ y }) => y)).toEqual([Int32Array.of(0, 1), Int32Array.of(1)]);
  expect((found[0]!.x as Tensor).dims).toEqual([2, 1, 2, 3]);
  expect(valuesOf(found[0]!)).toEqual([1, -0.5, -1, 1, -0.5, -1, -1, -0.5, -0.6, -1, -0.5, -0.6]);
});

test("grey; ImageNet's statistics", async () => {
  const [grey] = await batches("flat", { channels: 1 });
  expect((grey!.x as Tensor).dims).toEqual([1, 1, 1, 2]);
  expect(grey!.y).toBeUndefined();
  const [usual] = await batches("flat", { mean: "imagenet" });
  const expected = [-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225].flatMap((one) => [one, one]);
  valuesOf(usual!).forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 3);
  });
});

test("folders of numbers are the labels themselves; classNames says otherwise", async () => {
  expect((await readImages(join(folder, "numbers"), { width: 1, height: 1 })).labels).toEqual(Int32Array.of(2, 10));
  const given = { width: 1, height: 1, classNames: ["red", "green", "blue"] };
  expect((await readImages(join(folder, "set"), given)).labels).toEqual(Int32Array.of(0, 0, 2));
});

test("the model's input says size, channels and layout", async () => {
  const dimsOf = async (shape: (number | string)[]): Promise<readonly number[]> => {
    for await (const { x } of (await readData(join(folder, "set"), { shape })) as AsyncIterable<Batch>)
      return (x as Tensor).dims;
    return [];
  };
  expect(await dimsOf(["N", 3, 5, 6])).toEqual([3, 3, 5, 6]);
  expect(await dimsOf(["N", 5, 6, 3])).toEqual([3, 5, 6, 3]);
  expect(await dimsOf(["N", 1, 5, 6])).toEqual([3, 1, 5, 6]);
  await expectRejection(dimsOf(["N", 3, "h", "w"]), "PARE_OPTION", /does not say the width of pictures; .*--size/);
});

test.each<[string, string, Partial<ImageOptions>, string, RegExp]>([
  ["no such folder", "none", {}, "PARE_FILE", /there is no such folder/],
  ["a file", "flat/one.png", {}, "PARE_FILE", /this is no folder/],
  ["an empty folder", "empty", {}, "PARE_FILE", /holds no pictures/],
  ["what is no picture", "broken", {}, "PARE_FILE", /x\.jpg cannot be decoded: /],
  ["a cut picture", "cut", { width: 64, height: 64 }, "PARE_FILE", /x\.png cannot be decoded: /],
  ["no width", "set", { width: 0 }, "PARE_OPTION", /width must be/],
  ["too many means", "set", { mean: [1, 2] }, "PARE_OPTION", /mean must be a number, or 3 of them/],
  ["no deviation", "set", { std: 0 }, "PARE_OPTION", /std must not be 0/],
  ["a class that is not named", "set", { classNames: ["red"] }, "PARE_OPTION", /classNames lacks: blue/],
])("refuses %s", async (_, name, options, code, message) => {
  await expectRejection(batches(name, options), code, message);
});
