/** Tables of comma-separated values: features, labels, quotation, errors with their line. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { csvBatches, readCsv, type CsvOptions } from "../../lib/data/index.js";
import { csvRows } from "../../lib/data/csv-rows.js";
import type { Tensor } from "../../lib/index.js";
import { scratchFolder } from "../cli/pare.js";
import { expectRejection } from "../errors.js";

const folder = scratchFolder();
let files = 0;

function write(text: string | Uint8Array): string {
  const path = join(folder, `${files++}.csv`);
  writeFileSync(path, text);
  return path;
}

async function read(text: string, options?: CsvOptions) {
  const { x, y, classNames } = await readCsv(write(text), options);
  const { dims, data } = x as Tensor;
  return { dims, x: Array.from(data as Float32Array), y, classNames };
}

test("text labels are numbered in sorted order; the first line names the columns", async () => {
  expect(await read("a,b,kind\n1,2.5,dog\n-3e2, 4 ,cat\n5,6,dog\n")).toEqual({
    dims: [3, 2],
    x: [1, 2.5, -300, 4, 5, 6],
    y: Int32Array.of(1, 0, 1),
    classNames: ["cat", "dog"],
  });
});

test("whole numbers are classes, others are values; the label's column by name and number", async () => {
  expect((await read("1,2,3\n4,5,6\n")).y).toEqual(Int32Array.of(3, 6));
  expect((await read("1,2,3\n4,5,6\n", { label: 0 })).y).toEqual(Int32Array.of(1, 4));
  expect((await read("1,2,3\n4,5,6\n", { label: null })).dims).toEqual([2, 3]);
  const values = await read("t;u;v\n0.5;1;2\n1.5;3;4\n", { label: "t", ignore: ["u"] });
  expect(values).toMatchObject({ dims: [2, 1], x: [2, 4], classNames: undefined });
  expect(values.y).toMatchObject({ type: "float32", dims: [2, 1], data: Float32Array.of(0.5, 1.5) });
  expect((await read("1,2\n3,4\n", { labels: "values" })).y).toMatchObject({ type: "float32" });
});

test("classNames fixes the numbers", async () => {
  expect((await read("1,b\n2,a\n", { classNames: ["b", "a", "c"] })).y).toEqual(Int32Array.of(0, 1));
  await expectRejection(read("1,b\n2,x\n", { classNames: ["b"] }), "PARE_FILE", /the label "x" is none of b/);
});

test("gzip, byte-order mark, carriage returns, empty lines, tabs, no line feed at the end", async () => {
  const text = "\ufeffa\tb\r\n\r\n1\tx\r\n2\ty";
  const { x, y } = await readCsv(write(gzipSync(text)));
  expect([(x as Tensor).data, y]).toEqual([Float32Array.of(1, 2), Int32Array.of(0, 1)]);
});

test("batches are the same rows in the same order", async () => {
  const path = write(`a,b\n${Array.from({ length: 25 }, (_, i) => `${i},${i % 3}`).join("\n")}\n`);
  const seen: number[] = [];
  const sizes: number[] = [];
  for await (const { x, y } of csvBatches(path, { batchSize: 10, labels: "classes" })) {
    const { data, dims } = x as Tensor;
    seen.push(...(data as Float32Array));
    sizes.push(dims[0]!);
    expect(Array.from(y as Int32Array)).toEqual(Array.from(data as Float32Array, (value) => value % 3));
  }
  expect([seen, sizes]).toEqual([Array.from({ length: 25 }, (_, i) => i), [10, 10, 5]]);
});

test("any fields survive quotation, wherever the file is cut into pieces", async () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", " "), maxLength: 8 });
  const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      const text = rows.map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(",")).join("\n");
      const found: string[][] = [];
      for await (const { fields } of csvRows(write(text), ",")) found.push(fields);
      expect(found).toEqual(rows);
    }),
    { numRuns: 50 },
  );
});

test.each<[string, string, CsvOptions | undefined, string, RegExp]>([
  ["an empty file", "", undefined, "PARE_FILE", /holds no row of data/],
  ["a header alone", "a,b\n", undefined, "PARE_FILE", /holds no row of data/],
  ["a short row", "1,2,3\n4,5\n", undefined, "PARE_FILE", /line 2: 2 fields where the first line has 3/],
  ["text among the features", "a,b\n1,x\ny,z\n", undefined, "PARE_FILE", /line 3: "y" in column a is no number/],
  ["an empty feature", "1,2\n,4\n", undefined, "PARE_FILE", /line 2: "" in column 0/],
  ["an open quotation", '1,"2\n3,4\n', undefined, "PARE_FILE", /line 1: a quotation/],
  ["text behind a quotation", '1,"2"x\n', undefined, "PARE_FILE", /line 1: text follows/],
  ["a quotation inside of a field", 'x"y,"z\n', undefined, "PARE_FILE", /line 1: /],
  ["a column that is not there", "a,b\n1,2\n", { label: "c" }, "PARE_OPTION", /no column "c"; it has a, b/],
  ["a number beyond the columns", "1,2\n", { label: 2 }, "PARE_OPTION", /it has 2 without names, 0 to 1/],
  ["no features", "1\n2\n", undefined, "PARE_FILE", /no column of features/],
  ["mixed labels as values", "1,a\n2,3\n", { labels: "values" }, "PARE_FILE", /the label "a" is no number/],
  ["a long delimiter", "1,2\n", { delimiter: "ab" }, "PARE_OPTION", /one character/],
])("refuses %s", async (_, text, options, code, message) => {
  await expectRejection(readCsv(write(text), options), code, message);
});

test("refuses what is no file", async () => {
  await expectRejection(readCsv(join(folder, "none.csv")), "PARE_FILE", /none\.csv: there is no such file/);
  await expectRejection(readCsv(folder), "PARE_FILE", /this is a directory/);
  const cut = gzipSync("1,2\n".repeat(100)).subarray(0, 25);
  await expectRejection(readCsv(write(cut)), "PARE_FILE", /unexpected end of file/);
});
