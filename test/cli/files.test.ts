/** What the command line makes of files that are none, of places that cannot be written to, and of interruptions. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mlp, writeModel } from "./models.js";
import { pare, program, scratchFolder } from "./pare.js";

const folder = scratchFolder(() => {
  for (const path of mounted) if (path !== undefined) spawnSync("umount", [path]);
});
const good = writeModel(join(folder, "good.onnx"), mlp(32, 64));
const bytes = readFileSync(good);
const isRoot = process.getuid?.() === 0;

const file = (name: string, content: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const hashOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
const oneParagraph = (text: string): string => text.trim().replace(/\n {2}/g, " ");

describe("a model that is none is refused by every command, in one paragraph, and nothing is written", () => {
  const text = file("text.onnx", "This is a letter to whom it may concern.\n".repeat(30));
  const cases: [string, string, RegExp][] = [
    ["a missing file", join(folder, "missing.onnx"), /PARE_FILE: .*missing\.onnx.*no such file/],
    ["a folder", folder, /PARE_FILE: .*a directory, not a file/],
    ["an empty file", file("empty.onnx", ""), /PARE_FILE: .*empty/],
    ["a text file", text, /PARE_(FILE|MODEL): .*text\.onnx/],
    [
      "a picture",
      file("picture.png", Buffer.from("89504e470d0a1a0a0000000d49484452", "hex")),
      /PARE_FILE: .*picture\.png: .*no ONNX model/,
    ],
    ["a truncated model", file("cut.onnx", bytes.subarray(0, bytes.length / 2)), /PARE_(FILE|MODEL): .*cut\.onnx/],
  ];
  describe.each(cases)("%s", (_, path, message) => {
    test.each([
      ["inspect", []],
      ["prune", ["--sparsity", "0.5"]],
      ["quantize", []],
    ])("%s", async (command, options) => {
      const output = join(folder, "never.onnx");
      const { code, stdout, stderr } = await pare([
        command,
        path,
        ...options,
        ...(command === "inspect" ? [] : ["-o", output]),
      ]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/^ +at /m);
      expect(oneParagraph(stderr).split("\n")).toHaveLength(1);
      expect(existsSync(output)).toBe(false);
    });
  });
});

/** Whether this process may mount file systems: in containers, root often may not. */
function mounts(name: string, options: string): string | undefined {
  if (!isRoot || process.platform !== "linux") return undefined;
  const path = join(folder, name);
  mkdirSync(path);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "pare-test", path]);
  return status === 0 ? path : undefined;
}
const mounted = [mounts("full", "size=64k"), mounts("readonly", "ro,size=64k")];
const [full, readOnly] = mounted;

const prune = (input: string, output: string): string[] => ["prune", input, "--sparsity", "0.5", "-o", output];

(full === undefined ? test.skip : test)("a full disk leaves the old file as it was and nothing beside it", async () => {
  const big = writeModel(join(folder, "big.onnx"), mlp(128, 256));
  const target = join(full!, "model.onnx");
  copyFileSync(good, target);
  const { code, stderr } = await pare(prune(big, target));
  expect(code).toBe(1);
  expect(stderr).toMatch(/PARE_FILE: .*the disk is full/);
  expect(hashOf(target)).toBe(hashOf(good));
  expect(readdirSync(full!)).toEqual(["model.onnx"]);
});

test("a limit on the size of files is told of, and the old file stays", () => {
  const target = file("limited.onnx", bytes);
  const big = writeModel(join(folder, "large.onnx"), mlp(128, 256));
  const command = [process.execPath, program, ...prune(big, target)].map((part) => `'${part}'`).join(" ");
  const { status, stderr } = spawnSync("bash", ["-c", `trap '' XFSZ; ulimit -f 64; ${command}`], { encoding: "utf8" });
  expect(stderr).toMatch(/PARE_FILE: .*larger than the system allows/);
  expect(status).toBe(1);
  expect(hashOf(target)).toBe(hashOf(good));
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

(isRoot && readOnly === undefined ? test.skip : test)("a read-only folder is told of", async () => {
  const place = readOnly ?? join(folder, "locked");
  if (readOnly === undefined) {
    mkdirSync(place);
    chmodSync(place, 0o555);
  }
  const { code, stderr } = await pare(prune(good, join(place, "model.onnx")));
  expect(code).toBe(1);
  expect(stderr).toMatch(/PARE_FILE: .*(read-only|no permission)/s);
});

test.each([
  [
    "a folder that does not exist",
    join(folder, "none", "model.onnx"),
    /none\/model\.onnx cannot be written: its folder does not exist/,
  ],
  ["a path through a file", join(good, "model.onnx"), /a part of its path is no folder/],
])("%s is told of", async (_, output, message) => {
  const { code, stderr } = await pare(prune(good, output));
  expect(code).toBe(1);
  expect(oneParagraph(stderr)).toMatch(message);
});

test("a full device for the output of a command is an error, not a silence", () => {
  const { status, stderr } = spawnSync(
    "bash",
    ["-c", `'${process.execPath}' '${program}' inspect '${good}' > /dev/full`],
    {
      encoding: "utf8",
    },
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(/the output cannot be written/);
});

describe("interrupted", () => {
  const large = writeModel(join(folder, "large-input.onnx"), mlp(1024, 6000));
  const place = join(folder, "interrupted");
  mkdirSync(place);
  const target = join(place, "model.onnx");

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)(
    "by %s it exits with %i and leaves no file, or the whole one",
    async (signal, exitCode) => {
      const codes: unknown[] = [];
      // The moments are spread over what a run takes, whatever the machine.
      const start = performance.now();
      await pare(prune(large, target));
      const whole = performance.now() - start;
      const wanted = hashOf(target);
      let [early, late] = [0, whole];
      const interruptAt = async (moment: number): Promise<void> => {
        copyFileSync(good, target);
        const { code, stderr } = await pare(prune(large, target), {
          started: (child) => setTimeout(() => child.kill(signal), moment),
        });
        codes.push(code);
        if (code === signal) early = moment;
        if (code === 0) late = moment;
        if (code === exitCode) expect(stderr).toMatch(/PARE_ABORTED: Interrupted; no file was left half-written/);
        // A signal between the renaming and the end of the process finds the new file in its place.
        expect(code === 0 ? [wanted] : [wanted, hashOf(good)]).toContain(hashOf(target));
        expect(readdirSync(place)).toEqual(["model.onnx"]);
      };
      for (let i = 1; i <= 8; i++) await interruptAt((whole * i) / 9);
      // Work is a small part of a run, whose start takes longer than it: then between too early and too late, which move
      // with what else the machine does.
      for (let tries = 0; tries < 40 && !codes.includes(exitCode); tries++) {
        if (late - early < 5) [early, late] = [0.8 * Math.min(early, late), 1.2 * Math.max(early, late)];
        await interruptAt((early + late) / 2);
      }
      // A signal that comes before Node has begun ends it by itself.
      expect(codes.filter((code) => ![0, exitCode, signal].includes(code as number))).toEqual([]);
      expect(codes).toContain(exitCode);
    },
    240_000,
  );

  test("killed at any moment while it saves over its input, the file is the old or the new one", async () => {
    const old = hashOf(large);
    copyFileSync(large, target);
    const start = performance.now();
    await pare(prune(target, target));
    const whole = performance.now() - start;
    const fresh = hashOf(target);
    const seen = new Set<string>();
    for (let i = 0; i < 12; i++) {
      copyFileSync(large, target);
      await pare(prune(target, target), {
        started: (child) => setTimeout(() => child.kill("SIGKILL"), whole * (0.4 + (0.6 * i) / 11)),
      });
      const now = hashOf(target);
      expect([old, fresh]).toContain(now);
      expect(statSync(target).size).toBeGreaterThan(0);
      seen.add(now);
    }
    expect(seen).toContain(old);
  }, 120_000);
});
