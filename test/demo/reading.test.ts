/** The float32 models answer as they should: what every other form is held against. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Row } from "../../lib/demo/ocr/measure.js";

const built = join(__dirname, "..", "..", "build-test", "demo", "ocr");

/** Runs in a process of its own: onnxruntime-node refuses the arrays of jest's realm. */
const script = `
  const { createTasks } = require(${JSON.stringify(join(built, "tasks.js"))});
  const { measure } = require(${JSON.stringify(join(built, "measure.js"))});
  createTasks(40).then(async ({ tasks, renderer }) => {
    const rows = [];
    for (const task of tasks)
      rows.push(...(await measure(task, [{ dtype: "float32", file: task.file }, { dtype: "again", file: task.file }], { budgetMs: 0 })));
    renderer.close();
    console.log(JSON.stringify(rows));
  });`;

/** A row as JSON brings it. */
type Parsed = Omit<Row, "snrDb"> & { snrDb: number | null };

let rows: Parsed[];
let errors: string;
beforeAll(async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["-e", script]);
  rows = JSON.parse(stdout) as Parsed[];
  errors = stderr;
}, 60_000);

const named = (model: string): [Parsed, Parsed] => rows.filter((row) => row.model === model) as [Parsed, Parsed];

test("recognition reads 38 of 40 words", () => {
  expect(named("rec")[0].total).toBe(40);
  expect(named("rec")[0].right).toBeGreaterThanOrEqual(38);
});

test("detection finds all words of a page but two", () => {
  expect(named("det")[0].total).toBeGreaterThan(40);
  expect(named("det")[0].right).toBeGreaterThanOrEqual(named("det")[0].total - 2);
});

test("the angle of 35 of 40 words is told", () => {
  expect(named("cls")[0].right).toBeGreaterThanOrEqual(35);
});

test.each(["det", "cls", "rec"])("the same %s model twice has no error", (model) => {
  const [first, second] = named(model);
  expect(second.cosine).toBeCloseTo(1, 9);
  expect(second.snrDb ?? Infinity).toBeGreaterThan(100); // JSON has no infinity
  expect([second.right, second.share]).toEqual([first.right, 1]);
  expect(first.latencyMs).toBeGreaterThan(0);
});

test("nothing is printed on standard error, fonts or none", async () => {
  expect(errors).toBe("");
  const env = {
    ...process.env,
    FONTCONFIG_FILE: "/nonexistent",
    FONTCONFIG_PATH: "/nonexistent",
    HOME: "/nonexistent",
  };
  const render = `require(${JSON.stringify(join(built, "tasks.js"))}).createTasks(8).then(({ renderer }) => renderer.close())`;
  expect((await promisify(execFile)(process.execPath, ["-e", render], { env })).stderr).toBe("");
});
