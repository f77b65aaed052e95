/** Opening files: what is none, what is damaged, what contradicts itself. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, loadSync, Model, Weight } from "../../lib/model/index.js";
import type { GraphProto, TensorProto } from "../../lib/model/proto.js";
import { expectError, expectRejection } from "../errors.js";
import { small } from "./small.js";

const folder = mkdtempSync(join(tmpdir(), "pare-load-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const whole = small().toBytes();

describe("is no model:", () => {
  const safetensors = '\x10\0\0\0\0\0\0\0{"a":"b"}       ';
  test.each<[string, Uint8Array, RegExp]>([
    ["an empty file", ascii(""), /it is empty/],
    ["a text file", ascii("hello there\n"), /looks like text/],
    ["JSON", ascii('{"model": "bert"}'), /looks like text/],
    ["a web page", ascii("<!DOCTYPE html><html>"), /web page.*download/],
    ["a Git LFS pointer", ascii("version https://git-lfs.github.com/spec/v1\n"), /Git LFS.*git lfs pull/],
    ["a zip archive", ascii("PK\x03\x04aaaa"), /zip archive.*PyTorch.*torch.onnx.export/],
    ["a pickle", ascii("\x80\x02}q\0."), /pickle/],
    ["a safetensors file under another name", ascii(safetensors), /safetensors file; name it/],
    ["a model of ONNX Runtime's own format", ascii("\x28\0\0\0ORTMxxxx"), /\.ort format/],
    ["noise", Uint8Array.from({ length: 300 }, (_, i) => (i * 197 + 90) % 256), /laid out in another way/],
    ["zeros", new Uint8Array(64), /no ONNX model/],
    ["a message that only begins like a model", Uint8Array.of(8, 8), /holds no graph/],
  ])("%s", async (_, content, message) => {
    const file = join(folder, "wrong.onnx");
    writeFileSync(file, content);
    for (const mmap of [true, false]) {
      await expectRejection(load(file, { mmap }), "PARE_FILE", message);
      await expectRejection(load(file, { mmap }), "PARE_FILE", /wrong\.onnx: /);
    }
  });

  test("a folder, a missing file, a pipe, a device, links in a circle", () => {
    expectError(() => loadSync(folder), "PARE_FILE", /this is a directory, not a file/);
    expectError(() => loadSync(join(folder, "none.onnx")), "PARE_FILE", /none\.onnx: there is no such file/);
    expectError(() => loadSync("/dev/null"), "PARE_FILE", /this is a device/);
    expectError(() => loadSync(join("/dev/null", "x")), "PARE_FILE", /part of the path is no folder/);
    symlinkSync(join(folder, "round"), join(folder, "round"));
    expectError(() => loadSync(join(folder, "round")), "PARE_FILE", /circle/);
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expectError(() => loadSync(join(folder, "pipe")), "PARE_FILE", /this is a pipe/);
  });

  test("something else than a path or bytes", () => {
    expectError(() => loadSync(5 as never), "PARE_TYPE", /path, or a model's bytes/);
  });

  test("an aborted load rejects with the signal's reason", async () => {
    await expect(load(whole, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("is damaged:", () => {
  test("cut short anywhere, it is told of, and where", () => {
    for (let length = 2; length < whole.byteLength; length++)
      expectError(() => loadSync(whole.subarray(0, length)), "PARE_FILE", /truncated/);
    expectError(
      () => loadSync(whole.subarray(0, 100)),
      "PARE_FILE",
      /ends within graph: \d+ bytes should follow offset/,
    );
  });

  test("a part that is larger than the part around it", () => {
    const bytes = whole.slice();
    const at = Buffer.from(bytes).indexOf("product") - 1;
    expect(bytes[at]).toBe(7);
    bytes[at] = 100;
    expectError(() => loadSync(bytes), "PARE_FILE", /graph\.node\[1\]\.name announces 100 bytes where \d+ fit/);
  });

  test("a name that is no text", () => {
    const bytes = whole.slice();
    bytes[Buffer.from(bytes).indexOf("product")] = 0xff;
    expectError(() => loadSync(bytes), "PARE_FILE", /graph\.node\[1\]\.name is not UTF-8/);
  });

  test("numbers that would not fit the heap are counted before they are decoded", () => {
    // dims is a list of 64-bit integers, which take a heap object each.
    const model = small();
    model.graph.addWeight("huge", new Weight("uint8", [1 << 27], new Uint8Array(1 << 27)));
    const bytes = model.toBytes();
    const at = Buffer.from(bytes).lastIndexOf("huge") + 4;
    expect(bytes[at]).toBe(0x4a); // raw_data
    bytes[at] = 0x0a; // dims
    expectError(() => loadSync(bytes), "PARE_MEMORY", /graph\.initializer\[1\]\.dims\[0\] would take more than .* MB/);
  });

  test("messages nested without end", () => {
    let model = small();
    for (let i = 0; i < 60; i++) {
      const outer = Model.create();
      outer.graph.addOutput("y", "float32");
      outer.graph.addNode({ opType: "Loop", inputs: ["", ""], outputs: ["y"], attributes: { body: model.graph } });
      model = outer;
    }
    expectError(() => loadSync(model.toBytes()), "PARE_FILE", /is malformed/);
  });
});

describe("contradicts itself:", () => {
  const tensor = (change: (tensor: TensorProto) => void) => (graph: GraphProto) => {
    change(graph.initializer[0]!);
  };
  test.each<[string, (graph: GraphProto) => void, string, RegExp]>([
    [
      "bytes that do not fit the shape",
      tensor((t) => (t.rawData = t.rawData.subarray(0, 20))),
      "PARE_FILE",
      /tensor "w": \[3, 2\] float32 needs 24 bytes; the file holds 20\. It may be truncated/,
    ],
    ["no data at all", tensor((t) => Reflect.deleteProperty(t, "rawData")), "PARE_FILE", /needs 24 bytes; .* holds 0/],
    ["a negative dimension", tensor((t) => (t.dims = [-1n, 2n])), "PARE_MODEL", /"w".*non-negative.*-1/],
    [
      "dimensions that overflow",
      tensor((t) => (t.dims = [2n ** 40n, 2n ** 40n])),
      "PARE_MODEL",
      /"w".*more elements than any machine/,
    ],
    ["an unknown data type", tensor((t) => (t.dataType = 99)), "PARE_MODEL", /"w": 99 is no data type/],
    ["no data type", tensor((t) => (t.dataType = 0)), "PARE_MODEL", /"w": 0 is no data type/],
    ["an initializer without a name", tensor((t) => (t.name = "")), "PARE_MODEL", /initializer has no name/],
    [
      "two initializers of one name",
      ({ initializer }) => initializer.push(initializer[0]!),
      "PARE_MODEL",
      /two initializers are named "w"/,
    ],
    ["two inputs of one name", ({ input }) => input.push(input[0]!), "PARE_MODEL", /two inputs .* "x"/],
    ["two nodes that make one value", ({ node }) => (node[2]!.output = ["p"]), "PARE_MODEL", /Add .*makes "p", which/],
    [
      "a node without an operator",
      ({ node }) => (node[1]!.opType = ""),
      "PARE_MODEL",
      /node 1 \("product"\) has no operator/,
    ],
    [
      "a value that nothing makes",
      ({ node }) => (node[3]!.input = ["none"]),
      "PARE_MODEL",
      /Relu .*reads "none", which nothing/,
    ],
    [
      "an output that nothing makes",
      ({ output }) => (output[0]!.name = "none"),
      "PARE_MODEL",
      /makes the graph's output "none"/,
    ],
    ["a cycle", ({ node }) => (node[1]!.input = ["s", "w"]), "PARE_MODEL", /cycle: MatMul "product" needs/],
    [
      "two attributes of one name",
      ({ node }) => node[0]!.attribute.push(node[0]!.attribute[0]!),
      "PARE_MODEL",
      /two attributes named "value"/,
    ],
  ])("%s", (_, change, code, message) => {
    const { proto } = small();
    change(proto.graph!);
    const file = join(folder, "contradictory.onnx");
    writeFileSync(file, new Model(proto).toBytes());
    expectError(() => loadSync(file), code, message);
    expectError(() => loadSync(file), code, /contradictory\.onnx: /);
  });

  test("inside a graph inside a node, the graph is named", () => {
    const model = small();
    const inner = Model.create({ name: "body" });
    inner.graph.addOutput("t", "float32");
    inner.graph.addNode({ opType: "Neg", inputs: ["none"], outputs: ["t"] });
    model.graph.addNode({ opType: "Loop", inputs: ["", ""], outputs: ["z"], attributes: { body: inner.graph } });
    expectError(() => loadSync(model.toBytes()), "PARE_MODEL", /in inner graph "body", node Neg .*reads "none"/);
  });

  test("nodes may stand in any order", () => {
    const { proto } = small();
    proto.graph!.node.reverse();
    const model = loadSync(new Model(proto).toBytes());
    model.graph.sort();
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(["MatMul", "Constant", "Add", "Relu"]);
  });
});

describe("weights in typed fields", () => {
  const values: [string, Partial<TensorProto>, number, number[]][] = [
    ["float_data", { dataType: 1, floatData: [1.5, -2] }, 2, [1.5, -2]],
    ["double_data", { dataType: 11, doubleData: [1.5, -2] }, 2, [1.5, -2]],
    ["int64_data", { dataType: 7, int64Data: [5n, -6n] }, 2, [5, -6]],
    ["uint64_data for uint32", { dataType: 12, uint64Data: [5n, 6n] }, 2, [5, 6]],
    ["int32_data for int8", { dataType: 3, int32Data: [5, -6] }, 2, [5, -6]],
    ["int32_data for uint16", { dataType: 4, int32Data: [5, 65535] }, 2, [5, 65535]],
    ["int32_data for bool", { dataType: 9, int32Data: [1, 0] }, 2, [1, 0]],
    ["int32_data for float16", { dataType: 10, int32Data: [0x3c00, 0xc000] }, 2, [1, -2]],
    ["int32_data for bfloat16", { dataType: 16, int32Data: [0x3f80, 0xc000] }, 2, [1, -2]],
  ];
  test.each(values)("%s", (_, fields, count, expected) => {
    const { proto } = small();
    const tensor = proto.graph!.initializer[0]!;
    Reflect.deleteProperty(tensor, "rawData");
    Object.assign(tensor, fields, { dims: [BigInt(count)] });
    const weight = loadSync(new Model(proto).toBytes()).graph.weight("w")!;
    expect(Array.from(weight.toFloats())).toEqual(expected);
  });

  test("4-bit values are packed two a byte, in either field", () => {
    const { graph } = small();
    const name = graph.addWeight("q", new Weight("int4", [3], Uint8Array.of(0x21, 0x0f)));
    const raw = loadSync(graph.model.toBytes()).graph.weight(name)!;
    const tensor = graph.proto.initializer.at(-1)!;
    Reflect.deleteProperty(tensor, "rawData");
    tensor.int32Data = [0x21, 0x0f];
    const typed = loadSync(graph.model.toBytes()).graph.weight(name)!;
    for (const { dtype, dims, bytes } of [raw, typed])
      expect([dtype, dims, Array.from(bytes)]).toEqual(["int4", [3], [0x21, 0x0f]]);
  });

  test("Constant nodes keep them in several attributes", () => {
    const { graph } = small();
    const attributes = { value_float: 2, value_floats: [1, 2], value_int: 7, value_ints: [7, 8] };
    for (const [name, value] of Object.entries(attributes)) {
      graph.addNode({ opType: "Constant", inputs: [], outputs: [name], attributes: { [name]: value } });
      expect(Array.from(graph.weight(name)!.toFloats())).toEqual([value].flat());
    }
    expect(graph.weight("value_ints")).toMatchObject({ dtype: "int64", dims: [2] });
    expect(graph.weight("value_float")).toMatchObject({ dtype: "float32", dims: [] });
  });

  test("toTensor gives what onnxruntime-common takes", () => {
    const { type, dims, data } = small().graph.weight("w")!.toTensor();
    expect([type, dims, Array.from(data as Float32Array)]).toEqual(["float32", [3, 2], [1, 2, 3, 4, 5, 6]]);
    const half = Weight.of("bfloat16", [1], [1]);
    expectError(() => half.toTensor(), "PARE_UNSUPPORTED", /bfloat16/);
  });
});
