/** safetensors in and out. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, loadSync, Model, Weight } from "../../lib/model/index.js";
import { expectError, expectRejection } from "../errors.js";
import { randomNumbers } from "../kernels/levels.js";
import { small } from "./small.js";

const folder = mkdtempSync(join(tmpdir(), "pare-safetensors-"));
const path = join(folder, "model.safetensors");
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A file with this header and these bytes after it; the header is padded as the format wants it. */
function file(header: unknown, data: ArrayLike<number>): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header);
  const json = Buffer.from(text + " ".repeat(-Buffer.byteLength(text) & 7));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return new Uint8Array(Buffer.concat([length, json, Uint8Array.from(data)]));
}

/** Text, because JavaScript's objects put names that look like numbers first. */
const threeTensors =
  '{"__metadata__":{"format":"pt","note":"é"},"empty":{"dtype":"I64","shape":[0,3],"data_offsets":[0,0]},' +
  '"10":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"2.bias":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}';
const data = [...new Uint8Array(Float32Array.of(1, -2).buffer), 0x80, 0x3f];

test("weights, types, shapes and metadata come in, as views, and go out as they were", async () => {
  const bytes = file(threeTensors, data);
  writeFileSync(path, bytes);
  for (const mmap of [true, false]) {
    const model = await load(path, { mmap });
    const weights = [...model.graph.weights()];
    expect(weights.map(([name, { dtype, dims }]) => [name, dtype, dims])).toEqual([
      ["empty", "int64", [0, 3]],
      ["10", "float32", [2, 1]],
      ["2.bias", "bfloat16", []],
    ]);
    expect(weights.map(([, weight]) => Array.from(weight.toFloats()))).toEqual([[], [1, -2], [1]]);
    expect(model.graph.nodes).toEqual([]);
    await model.save(path);
    expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
  }
  expect(loadSync(bytes).graph.weight("10")!.bytes.buffer).toBe(bytes.buffer);
  expect(readdirSync(folder)).toEqual(["model.safetensors"]);
});

test("a weight that changes its type moves where its elements lie aligned", async () => {
  const model = loadSync(file(threeTensors, data));
  model.graph.setWeight("10", Weight.of("int8", [3], Int8Array.of(1, 2, 3)));
  await model.save(path);
  const again = await load(path);
  expect([...again.graph.weights()].map(([name, { dtype }]) => [name, dtype])).toEqual([
    ["empty", "int64"],
    ["2.bias", "bfloat16"],
    ["10", "int8"],
  ]);
  expect(Array.from(again.graph.weight("10")!.toFloats())).toEqual([1, 2, 3]);
  const bytes = readFileSync(path);
  expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0);
});

test("an ONNX model's weights can be saved so, Constant nodes included; and the other way round", async () => {
  await small().save(path);
  const model = await load(path);
  expect([...model.graph.weights()].map(([name]) => name)).toEqual(["w", "b"]);
  const onnx = join(folder, "weights.onnx");
  await model.save(onnx);
  expect(Array.from((await load(onnx)).graph.weight("b")!.toFloats())).toEqual([1, -1]);
  const odd = Model.create();
  odd.graph.addWeight("q", new Weight("int4", [2], Uint8Array.of(0x21)));
  await expectRejection(odd.save(path), "PARE_UNSUPPORTED", /weight "q": safetensors files have no int4/);
  expect((await load(path)).graph.weight("w")).toBeDefined();
});

test("every type of the format is read and written", () => {
  const sizes = {
    BOOL: 1,
    U8: 1,
    I8: 1,
    F8_E5M2: 1,
    F8_E4M3: 1,
    F8_E8M0: 1,
    I16: 2,
    U16: 2,
    F16: 2,
    BF16: 2,
    I32: 4,
    U32: 4,
  };
  for (const [dtype, size] of Object.entries({ ...sizes, F32: 4, C64: 8, F64: 8, I64: 8, U64: 8 })) {
    const bytes = file({ t: { dtype, shape: [2], data_offsets: [0, 2 * size] } }, new Uint8Array(2 * size).fill(1));
    expect(loadSync(bytes).graph.weight("t")!.bytes.byteLength).toBe(2 * size);
  }
});

describe("refuses", () => {
  const one = (changes: object): Uint8Array =>
    file({ t: { dtype: "U8", shape: [4], data_offsets: [0, 4], ...changes } }, [1, 2, 3, 4]);
  test.each<[string, Uint8Array, string, RegExp]>([
    ["an empty file", new Uint8Array(0), "PARE_FILE", /has 0 bytes; the header's length alone takes 8/],
    [
      "a header that does not end",
      file({}, []).subarray(0, 12),
      "PARE_FILE",
      /header should have 8 bytes; the file ends/,
    ],
    ["an absurd header", new Uint8Array(16).fill(0x7b), "PARE_FILE", /100,000,000 are allowed/],
    ["an ONNX model", small().toBytes(), "PARE_FILE", /no safetensors file/],
    ["a header that is not JSON", file("{nonsense", []), "PARE_FILE", /header is not JSON/],
    ["a header that is a list", file("[1, 2]", []), "PARE_FILE", /header is no JSON object/],
    ["a header that is not text", file("\xff\xff", []).fill(0xff, 8), "PARE_FILE", /not UTF-8/],
    ["metadata that is no text", file({ __metadata__: { a: 1 } }, []), "PARE_FILE", /__metadata__ must have text/],
    ["an entry that is nothing", file({ t: null }, []), "PARE_FILE", /"t" has no dtype/],
    ["an unknown dtype", one({ dtype: "F6_E2M3" }), "PARE_UNSUPPORTED", /"t" has dtype F6_E2M3; pare knows/],
    ["a negative shape", one({ shape: [-4] }), "PARE_FILE", /shape of tensor "t" must be whole numbers; it is \[-4\]/],
    ["a shape that overflows", one({ shape: [2 ** 40, 2 ** 40] }), "PARE_MODEL", /"t".*more elements than any machine/],
    ["offsets that are none", one({ data_offsets: [0] }), "PARE_FILE", /data_offsets of tensor "t"/],
    ["offsets that run backward", one({ data_offsets: [4, 0] }), "PARE_FILE", /data_offsets of tensor "t"/],
    ["offsets that do not fit the shape", one({ shape: [3] }), "PARE_FILE", /needs 3 bytes; its offsets leave 4/],
    [
      "a file that is cut short",
      one({}).slice(0, -1),
      "PARE_FILE",
      /need 4 bytes; the file holds 3\. It may be truncated/,
    ],
    ["bytes that belong to nothing", new Uint8Array([...one({}), 9]), "PARE_FILE", /need 4 bytes; the file holds 5/],
    [
      "tensors that overlap",
      file(
        { a: { dtype: "U8", shape: [3], data_offsets: [0, 3] }, b: { dtype: "U8", shape: [2], data_offsets: [2, 4] } },
        [1, 2, 3, 4],
      ),
      "PARE_FILE",
      /"b" begins at byte 2 .* still lies \(at 3\)/,
    ],
    [
      "holes",
      file(
        { a: { dtype: "U8", shape: [1], data_offsets: [0, 1] }, b: { dtype: "U8", shape: [2], data_offsets: [2, 4] } },
        [1, 2, 3, 4],
      ),
      "PARE_FILE",
      /"b" begins at byte 2 .* ended already \(at 1\)/,
    ],
  ])("%s", (_, bytes, code, message) => {
    writeFileSync(path, bytes);
    expectError(() => loadSync(path), code, message);
    expectError(() => loadSync(path), code, /model\.safetensors: /);
  });
});

test("damaged files are refused or read, 1,000 times", () => {
  const bytes = file(threeTensors, data);
  const random = randomNumbers(3);
  for (let i = 0; i < 1000; i++) {
    const copy = bytes.slice();
    for (let flips = 0; flips <= i % 3; flips++)
      copy[Math.floor(random() * copy.length)]! ^= 1 << Math.floor(random() * 8);
    writeFileSync(path, copy);
    try {
      const model = loadSync(path, { mmap: false });
      for (const [, weight] of model.graph.weights()) expect(weight.bytes.byteLength).toBeLessThan(20);
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^PARE_/);
    }
  }
});
