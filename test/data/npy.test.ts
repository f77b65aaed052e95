/** NumPy's files as tensors. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Tensor } from "../../lib/index.js";
import { decodeNpy, encodeNpy, readNpy, writeNpy } from "../../lib/data/index.js";
import { scratchFolder } from "../cli/pare.js";
import { expectError, expectRejection } from "../errors.js";

const folder = scratchFolder();

/** A file as numpy.save writes it, of format version 1 or 2. */
function npy(descr: string, shape: string, values: Uint8Array, { order = "False", version = 1 } = {}): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`;
  const start = version === 1 ? 10 : 12;
  const header = Buffer.from(text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1) + "\n");
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(header.length, 0, length.length);
  return Buffer.concat([Buffer.from("\u0093NUMPY", "latin1"), Buffer.from([version, 0]), length, header, values]);
}

const bytes = (values: NodeJS.TypedArray): Uint8Array => new Uint8Array(values.buffer);

test.each([
  ["<f4", "2, 2", Float32Array.of(1, -2, 3.5, 4), "float32", [2, 2]],
  ["<f8", "3,", Float64Array.of(1, 2, 3), "float64", [3]],
  ["<i8", "", BigInt64Array.of(7n), "int64", []],
  ["|u1", "1, 2", Uint8Array.of(1, 255), "uint8", [1, 2]],
  ["|b1", "2,", Uint8Array.of(1, 0), "bool", [2]],
  ["<f2", "2,", Uint16Array.of(0x3c00, 0x4000), "float16", [2]],
  ["<f4", "0, 3", new Float32Array(0), "float32", [0, 3]],
])("%s (%s)", (descr, shape, values, type, dims) => {
  for (const version of [1, 2, 3]) {
    const tensor = decodeNpy(npy(descr, shape, bytes(values), { version }), "x.npy");
    expect({ type: tensor.type, dims: tensor.dims }).toEqual({ type, dims });
    expect(Array.from(tensor.data as Uint8Array)).toEqual(Array.from(values as Uint8Array));
  }
});

test("Fortran order is the same as C order where one dimension counts", () => {
  const tensor = decodeNpy(npy("<f4", "1, 2", bytes(Float32Array.of(1, 2)), { order: "True" }), "x.npy");
  expect(Array.from(tensor.data as Float32Array)).toEqual([1, 2]);
});

test.each([
  ["a text file", Buffer.from("hello, world, this is text"), "PARE_FILE", /x\.npy is not a \.npy file/],
  ["an empty file", Buffer.alloc(0), "PARE_FILE", /is not a \.npy file/],
  [
    "a truncated one",
    npy("<f4", "4,", new Uint8Array(12)),
    "PARE_FILE",
    /\[4\] float32 needs 16 bytes; the file holds 12/,
  ],
  ["a cut header", npy("<f4", "4,", new Uint8Array(0)).subarray(0, 40), "PARE_FILE", /header is damaged/],
  [
    "dimensions beyond reason",
    npy("<f4", "9007199254740991, 4096", new Uint8Array(8)),
    "PARE_FILE",
    /float32 needs \S+ bytes; the file holds 8/,
  ],
  ["no number of elements", npy("<f4", `0, ${"9".repeat(400)}`, new Uint8Array(0)), "PARE_FILE", /header is damaged/],
  ["big-endian", npy(">f4", "1,", new Uint8Array(4)), "PARE_UNSUPPORTED", /">f4"; supported are <f4/],
  ["objects", npy("|O", "1,", new Uint8Array(8)), "PARE_UNSUPPORTED", /"\|O"/],
  ["Fortran order", npy("<f4", "2, 2", new Uint8Array(16), { order: "True" }), "PARE_UNSUPPORTED", /ascontiguousarray/],
])("refuses %s", (_, file, code, message) => {
  expectError(() => decodeNpy(file, "x.npy"), code, message);
});

test("reads a file, and says where there is none", async () => {
  const path = join(folder, "x.npy");
  writeFileSync(path, npy("<f4", "1,", bytes(Float32Array.of(5))));
  expect((await readNpy(path)).dims).toEqual([1]);
  await expectRejection(readNpy(join(folder, "missing.npy")), "PARE_FILE", /missing\.npy: there is no such file/);
});

test.each([
  new Tensor("float32", Float32Array.of(1, -2, NaN, 4, 5, 6), [2, 3]),
  new Tensor("int64", BigInt64Array.of(7n), []),
  new Tensor("bool", Uint8Array.of(1, 0, 1), [3]),
  new Tensor("uint8", new Uint8Array(0), [0, 5]),
])("writes what it reads: $type $dims", async (tensor) => {
  const path = join(folder, "written.npy");
  await writeNpy(path, tensor);
  const { type, dims, data } = await readNpy(path);
  expect({ type, dims, data }).toEqual({ type: tensor.type, dims: tensor.dims, data: tensor.data });
});

test("writes elements at a multiple of 64 bytes, as NumPy does", () => {
  const bytes = encodeNpy(new Tensor("float32", Float32Array.of(1), [1]));
  expect((bytes.length - 4) % 64).toBe(0);
  expect(Buffer.from(bytes).toString("latin1", 10, 80)).toMatch(
    /^{'descr': '<f4', 'fortran_order': False, 'shape': \(1,\)/,
  );
});

test("a tensor of strings cannot be written", () => {
  expectError(() => encodeNpy(new Tensor("string", ["a"], [1])), "PARE_UNSUPPORTED", /a tensor of string/);
});
