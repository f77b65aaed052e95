/** MNIST's files as tensors. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Tensor } from "../../lib/index.js";
import { decodeIdx, readIdx, readIdxDataset } from "../../lib/data/index.js";
import { scratchFolder } from "../cli/pare.js";
import { expectError, expectRejection } from "../errors.js";
import { idx } from "./idx.js";

const folder = scratchFolder();
const bigEndian = (values: NodeJS.TypedArray, size: 2 | 4 | 8): Buffer => {
  const bytes = Buffer.from(new Uint8Array(values.buffer));
  return size === 2 ? bytes.swap16() : size === 4 ? bytes.swap32() : bytes.swap64();
};

test.each<[string, number, number[], NodeJS.TypedArray, Uint8Array]>([
  ["uint8", 0x08, [2, 2], Uint8Array.of(1, 2, 3, 255), Uint8Array.of(1, 2, 3, 255)],
  ["int8", 0x09, [1], Int8Array.of(-1), Uint8Array.of(255)],
  ["int16", 0x0b, [2], Int16Array.of(1, -2), bigEndian(Int16Array.of(1, -2), 2)],
  ["int32", 0x0c, [1, 2], Int32Array.of(1, -2), bigEndian(Int32Array.of(1, -2), 4)],
  ["float32", 0x0d, [2], Float32Array.of(1.5, -2), bigEndian(Float32Array.of(1.5, -2), 4)],
  ["float64", 0x0e, [1], Float64Array.of(0.1), bigEndian(Float64Array.of(0.1), 8)],
])("%s", (type, code, dims, values, bytes) => {
  const tensor = decodeIdx(idx(code, dims, bytes), "x");
  expect({ type: tensor.type, dims: tensor.dims, data: tensor.data }).toEqual({ type, dims, data: values });
});

test.each<[string, Uint8Array, RegExp]>([
  ["text", Buffer.from("hello, world"), /x is not an idx file/],
  ["an empty file", new Uint8Array(0), /is not an idx file/],
  ["an unknown type", idx(0x10, [1], Uint8Array.of(1)), /is not an idx file/],
  ["a cut header", idx(0x08, [1, 1, 1], new Uint8Array(0)).subarray(0, 10), /header is cut short/],
  ["too few bytes", idx(0x08, [2, 3], new Uint8Array(5)), /\[2, 3\] uint8 needs 6 bytes; the file holds 5/],
  ["too many", idx(0x08, [2], new Uint8Array(3)), /needs 2 bytes; the file holds 3/],
  ["dimensions beyond reason", idx(0x0e, [2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array(9)), /needs [\d.e+]+ bytes/],
])("refuses %s", (_, file, message) => {
  expectError(() => decodeIdx(file, "x"), "PARE_FILE", message);
});

test("images with the labels beside them, from 0 to 1, gzipped or not", async () => {
  for (const [name, pack] of [
    ["plain", (bytes: Uint8Array) => bytes],
    ["packed", gzipSync],
  ] as const) {
    const here = join(folder, name);
    mkdirSync(here);
    const end = name === "packed" ? ".gz" : "";
    const images = join(here, `t10k-images-idx3-ubyte${end}`);
    writeFileSync(images, pack(idx(0x08, [2, 1, 2], Uint8Array.of(0, 255, 51, 102))));
    writeFileSync(join(here, `t10k-labels-idx1-ubyte${end}`), pack(idx(0x08, [2], Uint8Array.of(7, 3))));
    const { x, y } = await readIdxDataset(images);
    expect((x as Tensor).dims).toEqual([2, 1, 2]);
    const values = (x as Tensor).data as Float32Array;
    [0, 1, 0.2, 0.4].forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 6);
    });
    expect((y as Tensor).data).toEqual(Uint8Array.of(7, 3));
  }
});

test("says which file is wrong", async () => {
  const images = join(folder, "images");
  const labels = join(folder, "labels");
  writeFileSync(images, idx(0x08, [2, 1], Uint8Array.of(0, 255)));
  writeFileSync(labels, idx(0x08, [3], Uint8Array.of(1, 2, 3)));
  await expectRejection(readIdxDataset(images, { labels }), "PARE_SHAPE", /images holds 2 examples and .*labels 3/);
  await expectRejection(readIdxDataset(labels, { labels: images }), "PARE_FILE", /images holds \[2, 1\] uint8; labels/);
  await expectRejection(readIdx(join(folder, "none")), "PARE_FILE", /none: there is no such file/);
  await expectRejection(readIdx(folder), "PARE_FILE", /this is a directory/);
  writeFileSync(join(folder, "cut.gz"), gzipSync(idx(0x08, [100], new Uint8Array(100))).subarray(0, 20));
  await expectRejection(readIdx(join(folder, "cut.gz")), "PARE_FILE", /cut\.gz: the gzip data is damaged or cut short/);
});
