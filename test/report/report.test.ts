/** Reports as text of any width and as JSON. */
import { inspect } from "node:util";
import { formatBytes, formatDecibels, formatDuration, formatNumber, formatPercent } from "../../lib/report/format.js";
import { Report } from "../../lib/report/index.js";
import { renderTable, shorten, wrap } from "../../lib/report/table.js";

function example(): Report {
  return new Report("int8, dynamic")
    .add({
      name: "encoder/layer.0/attention/self/query/kernel",
      op: "MatMul",
      dims: [384, 384],
      from: "float32",
      to: "int8",
      bytesBefore: 589824,
      bytesAfter: 147461,
      error: { signal: 1000, noise: 0.1, maxError: 0.002 },
    })
    .add({
      name: "out",
      op: "Gemm",
      dims: [10],
      from: "float32",
      to: "int8",
      bytesBefore: 40,
      bytesAfter: 15,
      error: { signal: 3, noise: 0, maxError: 0 },
    })
    .skip("bias1", "a bias")
    .skip("bias1", "a bias")
    .skip("bias2", "a bias")
    .note("Opset raised from 9 to 13.");
}

test("numbers as people read them", () => {
  expect([0, 999, 999_500, 10_822_323, 2 ** 31].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.00 MB",
    "10.8 MB",
    "2.15 GB",
  ]);
  expect([0, 0.5, 0.0001, 0.99999, 1].map((share) => formatPercent(share))).toEqual([
    "0.0 %",
    "50.0 %",
    "<0.1 %",
    ">99.9 %",
    "100.0 %",
  ]);
  expect([40, Infinity, -Infinity, NaN].map(formatDecibels)).toEqual(["40.0 dB", "exact", "−∞ dB", "?"]);
  expect([0, 0.00012345, 0.0123, 12.345, 1234567, NaN].map(formatNumber)).toEqual([
    "0",
    "1.23e-4",
    "0.0123",
    "12.3",
    "1.23e+6",
    "NaN",
  ]);
  expect([0.035, 1.234, 999.6].map(formatDuration)).toEqual(["35.0 µs", "1.23 ms", "1.00 s"]);
});

test("totals are sums, and the ratio is that of all rows together", () => {
  const { totals } = example();
  expect(totals).toMatchObject({ tensors: 2, elements: 147466, bytesBefore: 589864, bytesAfter: 147476 });
  expect(totals.snrDb).toBeCloseTo(10 * Math.log10(1003 / 0.1), 10);
  expect(totals.maxError).toBe(0.002);
});

test("sparsity follows from the zeros", () => {
  const report = new Report("prune").add({
    name: "w",
    dims: [2, 5],
    from: "float32",
    to: "float32",
    bytesBefore: 40,
    bytesAfter: 40,
    zerosBefore: 1,
    zeros: 5,
  });
  expect(report.rows[0]!.sparsity).toBe(0.5);
  expect(report.totals).toMatchObject({ zerosBefore: 1, zeros: 5, sparsity: 0.5 });
});

test("prints a table, what was skipped by reason, and notes", () => {
  expect(example().toString()).toBe(
    [
      "int8, dynamic",
      "",
      "tensor                                       op      shape    type             bytes   after   ratio      SNR  max error",
      "───────────────────────────────────────────  ──────  ───────  ──────────────  ──────  ──────  ──────  ───────  ─────────",
      "encoder/layer.0/attention/self/query/kernel  MatMul  384×384  float32 → int8  590 kB  147 kB  25.0 %  40.0 dB    0.00200",
      "out                                          Gemm    10       float32 → int8    40 B    15 B  37.5 %    exact          0",
      "───────────────────────────────────────────  ──────  ───────  ──────────────  ──────  ──────  ──────  ───────  ─────────",
      "2 in all                                                                      590 kB  147 kB  25.0 %  40.0 dB    0.00200",
      "",
      "Left as they were",
      "  2 × a bias: bias1, bias2",
      "",
      "Opset raised from 9 to 13.",
    ].join("\n"),
  );
});

test.each([60, 80, 100, 120])("a table for %i columns is no wider", (width) => {
  const widest = Math.max(
    ...example()
      .toString({ width })
      .split("\n")
      .map((line) => line.length),
  );
  expect(widest).toBeLessThanOrEqual(width);
});

test("shows the largest rows where a limit is given, in their order", () => {
  const text = example().toString({ rows: 1 });
  expect(text).toMatch(/query/);
  expect(text).not.toMatch(/^out/m);
  expect(text).toMatch(/The 1 largest tensors are shown, 1 more/);
});

test("colour only where it is asked for", () => {
  expect(example().toString()).not.toContain("\u001b");
  expect(example().toString({ color: true })).toContain("\u001b[1m");
});

test("no control character of a name reaches the terminal", () => {
  expect(renderTable([{ title: "name" }], [["a\u001b[2Jb\n"]])).toMatch(/a\\u001b\[2Jb\\u000a$/);
});

test("console.log prints the table; JSON has every figure, null for an infinite ratio", () => {
  expect(inspect(example())).toBe(example().toString());
  const data = JSON.parse(JSON.stringify(example())) as ReturnType<Report["toJSON"]>;
  expect(data.rows.map(({ snrDb }) => snrDb)).toEqual([40, null]);
  expect(data.skipped).toEqual([
    { name: "bias1", reason: "a bias" },
    { name: "bias2", reason: "a bias" },
  ]);
});

test("text is cut by characters and broken at spaces", () => {
  expect(shorten("abcdefghij", 5, "middle")).toBe("ab…ij");
  expect(shorten("日本語テキスト", 4)).toBe("日本語…");
  expect(wrap("one two three", 8, "  ")).toBe("one two\n  three");
  expect(wrap("  one two\u00a0three four", 9, "    ")).toBe("  one\n    two three\n    four");
});
