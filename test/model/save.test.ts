/** Saving: what was there before survives every failure, and nothing is left beside it. */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRegistry, equals, fromBinary, toBinary } from "@bufbuild/protobuf";
import { load, loadSync, Model, Weight } from "../../lib/model/index.js";
import { file_onnx, ModelProtoSchema } from "../../lib/model/proto.js";
import type { Progress } from "../../lib/progress.js";
import { expectRejection } from "../errors.js";
import { small } from "./small.js";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pare-save-"));
  path = join(folder, "model.onnx");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});
const everything = { unknown: true, registry: createRegistry(file_onnx) };
const isRoot = process.getuid?.() === 0;

/** A model with a weight of this many bytes. */
function large(byteLength: number): Model {
  const model = small();
  const bytes = new Uint8Array(byteLength).map((_, i) => i % 251);
  model.graph.addWeight("large", new Weight("uint8", [byteLength], bytes));
  model.graph.addOutput("large", "uint8", [byteLength]);
  return model;
}

test("the file holds the model's messages, and a weight may be replaced in a model that is saved over its input", async () => {
  const model = large(1 << 20);
  await model.save(path);
  const again = await load(path);
  expect(equals(ModelProtoSchema, again.proto, model.proto)).toBe(true);
  again.graph.setWeight("w", Weight.of("float32", [3, 2], new Float32Array(6)));
  await again.save(path);
  expect((await load(path)).graph.weight("w")!.toFloats()).toEqual(new Float32Array(6));
  // The model that was loaded still reads the file that was replaced.
  expect(again.graph.weight("large")!.bytes).toEqual(model.graph.weight("large")!.bytes);
  expect(readdirSync(folder)).toEqual(["model.onnx"]);
});

test("large bytes keep their place, in whatever message they lie", async () => {
  const model = small();
  const { graph } = model;
  const weight = (fill: number): Weight => new Weight("uint8", [70_000], new Uint8Array(70_000).fill(fill));
  const body = Model.create();
  body.graph.addWeight("inner", weight(1));
  body.graph.addOutput("inner", "uint8");
  graph.addNode({ opType: "Loop", inputs: ["", ""], outputs: ["z"], attributes: { body: body.graph } });
  for (const i of [2, 3, 4]) {
    graph.addWeight(`large${i}`, weight(i));
    graph.addWeight(`little${i}`, Weight.of("float32", [1], [i]));
    graph.addNode({ opType: "Constant", inputs: [], outputs: [`constant${i}`], attributes: { value: weight(10 + i) } });
  }
  const unknown = { no: 1000, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) };
  for (const message of [model.proto, graph.proto, graph.proto.initializer[1]!, graph.proto.node.at(-1)!])
    message.$unknown = [unknown];
  const expected = fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, model.proto));
  await model.save(path);
  expect(equals(ModelProtoSchema, loadSync(path).proto, expected, everything)).toBe(true);
  expect(equals(ModelProtoSchema, loadSync(model.toBytes()).proto, expected, everything)).toBe(true);
  expect(equals(ModelProtoSchema, model.clone().proto, expected, everything)).toBe(true);
});

test("progress comes to the file's size", async () => {
  const seen: Progress[] = [];
  await large(10 << 20).save(path, { onProgress: (progress) => seen.push(progress) });
  const { size } = statSync(path);
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.at(-1)).toEqual({ done: size, total: size, what: "saving" });
});

test("an aborted save leaves the old file and nothing else", async () => {
  writeFileSync(path, "old");
  const controller = new AbortController();
  const saving = large(20 << 20).save(path, {
    signal: controller.signal,
    onProgress: ({ done }) => {
      if (done > 4 << 20) controller.abort();
    },
  });
  await expect(saving).rejects.toMatchObject({ name: "AbortError" });
  expect(readFileSync(path, "latin1")).toBe("old");
  expect(readdirSync(folder)).toEqual(["model.onnx"]);
});

test("permissions and owner are kept, links followed", async () => {
  await small().save(path);
  chmodSync(path, 0o640);
  if (isRoot) chownSync(path, 1234, 1234);
  mkdirSync(join(folder, "elsewhere"));
  const link = join(folder, "elsewhere", "link.onnx");
  symlinkSync("../model.onnx", link);
  await large(100).save(link);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readlinkSync(link)).toBe("../model.onnx");
  expect(statSync(path).mode & 0o777).toBe(0o640);
  if (isRoot) expect(statSync(path)).toMatchObject({ uid: 1234, gid: 1234 });
  expect((await load(path)).graph.weight("large")).toBeDefined();
  expect(readdirSync(join(folder, "elsewhere"))).toEqual(["link.onnx"]);
  const dangling = join(folder, "elsewhere", "dangling.onnx");
  symlinkSync("../new.onnx", dangling);
  await small().save(dangling);
  expect(lstatSync(join(folder, "new.onnx")).isFile()).toBe(true);
});

test("a new file has the permissions of any new file; another name of the old one keeps its content", async () => {
  writeFileSync(path, "old");
  linkSync(path, join(folder, "other"));
  await small().save(path);
  expect(readFileSync(join(folder, "other"), "latin1")).toBe("old");
  await small().save(join(folder, "new.onnx"));
  writeFileSync(join(folder, "any"), "");
  expect(statSync(join(folder, "new.onnx")).mode).toBe(statSync(join(folder, "any")).mode);
});

describe("refuses", () => {
  test("a folder, a missing folder, a name that is too long", async () => {
    await expectRejection(small().save(folder), "PARE_FILE", /is a directory/);
    await expectRejection(small().save(join(folder, "none", "m.onnx")), "PARE_FILE", /its folder does not exist/);
    await expectRejection(small().save(join(folder, "x".repeat(300))), "PARE_FILE", /its name is too long/);
    await expectRejection(small().save(join(folder, "a\0b")), "PARE_FILE", /null bytes/);
  });

  test("a place where nothing can be made", async () => {
    await expectRejection(small().save("/proc/model.onnx"), "PARE_FILE", /cannot be written.*is unchanged/);
  });

  (isRoot ? test.skip : test)("a file that its owner has made read-only", async () => {
    writeFileSync(path, "old", { mode: 0o444 });
    await expectRejection(small().save(path), "PARE_FILE", /permission denied/);
    expect(readFileSync(path, "latin1")).toBe("old");
  });
});

/** Mounts a small file system in memory, if this process may. */
function mounted(options: string): string | undefined {
  const place = join(folder, "mount");
  mkdirSync(place, { recursive: true });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "pare-test", place]);
  return status === 0 ? place : undefined;
}

(isRoot ? test : test.skip)("a full disk, and one that turns read-only, leave the old file", async () => {
  const place = mounted("size=2m");
  if (place === undefined) {
    console.warn("skipped: mounting is not allowed here");
    return;
  }
  try {
    const file = join(place, "model.onnx");
    await large(100_000).save(file);
    const before = readFileSync(file);
    for (const externalData of [false, true]) {
      await expectRejection(large(4 << 20).save(file, { externalData }), "PARE_FILE", /the disk is full.*unchanged/);
      expect(readdirSync(place)).toEqual(["model.onnx"]);
      expect(readFileSync(file).equals(before)).toBe(true);
    }
    expect(spawnSync("mount", ["-o", "remount,ro", place]).status).toBe(0);
    await expectRejection(small().save(file), "PARE_FILE", /the file system is read-only/);
    await expectRejection(small().save(join(place, "new.onnx")), "PARE_FILE", /the file system is read-only/);
    expect(readFileSync(file).equals(before)).toBe(true);
  } finally {
    spawnSync("umount", [place]);
  }
});

describe("external data", () => {
  test("goes beside the model under the name that transformers.js looks for, on aligned offsets", async () => {
    const model = large(3 << 20);
    model.graph.addWeight("second", new Weight("uint8", [2000], new Uint8Array(2000).fill(7)));
    await model.save(path, { externalData: true });
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", "model.onnx_data"]);
    expect(statSync(path).size).toBeLessThan(2000);
    const raw = fromBinary(ModelProtoSchema, readFileSync(path)).graph!.initializer;
    const entries = raw.map(({ externalData }) =>
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
    );
    expect(entries).toEqual([
      {}, // 24 bytes stay in the model
      { location: "model.onnx_data", offset: "0", length: String(3 << 20) },
      { location: "model.onnx_data", offset: String(3 << 20), length: "2000" },
    ]);
    // The model itself has not changed, and one that is loaded is as if it were whole.
    for (const one of [model, await load(path), await load(path, { mmap: false })]) {
      expect(equals(ModelProtoSchema, one.proto, model.proto)).toBe(true);
      expect(one.graph.weight("second")!.bytes[5]).toBe(7);
    }
    expect((await load(path)).hasExternalData).toBe(true);
  });

  test("stays external by itself, and becomes one file when asked", async () => {
    await large(5000).save(path, { externalData: true });
    const model = await load(path);
    await model.save(path);
    expect(readdirSync(folder).sort()).toEqual(["model.onnx", "model.onnx_data"]);
    await model.save(join(folder, "one.onnx"), { externalData: false });
    expect(readdirSync(folder)).toHaveLength(3);
    expect((await load(join(folder, "one.onnx"))).hasExternalData).toBe(false);
  });

  test("past 2 GB it is used by itself, and its refusal is an error", async () => {
    const model = small();
    // The same bytes many times: what is saved counts them each time.
    const bytes = new Uint8Array(1 << 30);
    for (let i = 0; i < 3; i++) model.graph.addWeight("w", new Weight("uint8", [1 << 30], bytes));
    await expectRejection(model.save(path, { externalData: false }), "PARE_FILE", /2 GB that one ONNX file can have/);
    const controller = new AbortController();
    const seen: number[] = [];
    const saving = model.save(path, {
      signal: controller.signal,
      onProgress: ({ total }) => {
        seen.push(total);
        controller.abort();
      },
    });
    await expect(saving).rejects.toMatchObject({ name: "AbortError" });
    expect(seen[0]).toBeGreaterThan(3 * 2 ** 30);
    expect(readdirSync(folder)).toEqual([]);
  });

  const entry = async (changes: Record<string, string | undefined>): Promise<void> => {
    await large(5000).save(path, { externalData: true });
    const proto = fromBinary(ModelProtoSchema, readFileSync(path));
    for (const one of proto.graph!.initializer[1]!.externalData) one.value = changes[one.key] ?? one.value;
    writeFileSync(path, toBinary(ModelProtoSchema, proto));
  };
  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      "a missing file",
      { location: "none.bin" },
      "PARE_FILE",
      /"large" lies in "none\.bin", which is not beside the model/,
    ],
    [
      "an absolute path",
      { location: "/etc/passwd" },
      "PARE_FILE",
      /"\/etc\/passwd", which is no file in the model's folder/,
    ],
    ["a way up", { location: "../secret" }, "PARE_FILE", /no file in the model's folder; it is not opened/],
    ["a way up in the middle", { location: "a/../../secret" }, "PARE_FILE", /no file in the model's folder/],
    ["the folder itself", { location: "." }, "PARE_FILE", /no file in the model's folder/],
    ["no name", { location: "" }, "PARE_FILE", /no file in the model's folder/],
    ["a link that leads out", { location: "link" }, "PARE_FILE", /no file in the model's folder/],
    ["a folder", { location: "inner" }, "PARE_FILE", /is a directory, not a file/],
    ["a file that is too short", { offset: "100" }, "PARE_FILE", /"large" wants bytes 100 to 5,100 .* has 5,000/],
    ["a length that does not fit", { length: "10" }, "PARE_FILE", /needs 5,000 bytes; .* said to have 10/],
    ["an offset that is none", { offset: "-1" }, "PARE_MODEL", /offset "-1", which is no byte count/],
    ["an offset in another notation", { offset: "1e2" }, "PARE_MODEL", /offset "1e2"/],
  ])("refuses %s", async (_, changes, code, message) => {
    symlinkSync("/etc/passwd", join(folder, "link"));
    mkdirSync(join(folder, "inner"));
    await entry(changes);
    await expectRejection(load(path), code, message);
    await expectRejection(load(path), code, /model\.onnx: /);
  });

  test("refuses a model that is given as bytes", async () => {
    await entry({});
    await expectRejection(load(readFileSync(path)), "PARE_FILE", /has no folder: load it by its path/);
  });

  test("a data file past 4 GiB, more than one buffer can hold, is opened part by part", async () => {
    const offset = 5 * 2 ** 30 + 64;
    await entry({ offset: String(offset) });
    const descriptor = openSync(`${path}_data`, "r+");
    ftruncateSync(descriptor, offset + 5000); // sparse: only what is written takes room
    writeSync(descriptor, Uint8Array.of(1, 2, 3), 0, 3, offset);
    closeSync(descriptor);
    for (const mmap of [true, false]) {
      const { bytes } = (await load(path, { mmap })).graph.weight("large")!;
      expect(Array.from(bytes.subarray(0, 4))).toEqual([1, 2, 3, 0]);
    }
    await expectRejection(load(`${path}_data`), "PARE_FILE", /5,368,714,184 bytes; one ONNX file can have 2 GB/);
  });

  test("a cache that links to model and data, side by side, is read", async () => {
    await large(5000).save(path, { externalData: true });
    const snapshot = join(folder, "snapshot");
    mkdirSync(snapshot);
    for (const name of ["model.onnx", "model.onnx_data"]) symlinkSync(`../${name}`, join(snapshot, name));
    expect((await load(join(snapshot, "model.onnx"))).graph.weight("large")!.elementCount).toBe(5000);
  });
});
