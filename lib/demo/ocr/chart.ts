/** A picture of size against right answers, as a self-contained SVG. */
import { formatBytes } from "../../report/format.js";
import type { Row } from "./measure.js";

const width = 760;
const height = 440;
const plot = { left: 70, right: width - 30, top: 60, bottom: height - 60 };

/** One mark a row: the file's size to the right (logarithmic), right answers upwards. */
export function chart(rows: readonly Row[]): string {
  const sizes = rows.map(({ bytes }) => bytes);
  const [least, most] = [Math.min(...sizes) / 1.25, Math.max(...sizes) * 1.9];
  const total = rows[0]?.total ?? 1;
  const x = (bytes: number): number =>
    plot.left + (Math.log(bytes / least) / Math.log(most / least)) * (plot.right - plot.left);
  const y = (right: number): number => plot.bottom - (right / total) * (plot.bottom - plot.top);
  const ticks = [1, 2, 5, 10, 20, 50].map((mega) => mega * 1e6).filter((bytes) => bytes > least && bytes < most);
  const shares = [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * total));
  const labels = placeLabels(rows.map((row) => ({ x: x(row.bytes), y: y(row.right), row })));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>Words read against size</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${plot.left}" y="28" font-size="16" fill="#1a1a1a">Words read of ${total}, against the size of the model</text>
<text x="${plot.left}" y="46" fill="#666666">PP-OCR v4 recognition in onnxruntime-node; further up and further left is better</text>
${ticks.map((bytes) => `<path d="M${x(bytes).toFixed(1)} ${plot.top}V${plot.bottom}" stroke="#eeeeee"/><text x="${x(bytes).toFixed(1)}" y="${plot.bottom + 18}" text-anchor="middle" fill="#666666">${formatBytes(bytes)}</text>`).join("\n")}
${shares.map((count) => `<path d="M${plot.left} ${y(count).toFixed(1)}H${plot.right}" stroke="#eeeeee"/><text x="${plot.left - 8}" y="${(y(count) + 4).toFixed(1)}" text-anchor="end" fill="#666666">${count}</text>`).join("\n")}
<text x="${(plot.left + plot.right) / 2}" y="${height - 18}" text-anchor="middle" fill="#666666">size of the file</text>
${labels.map(({ x: left, y: top, label, row }) => `<circle cx="${left.toFixed(1)}" cy="${top.toFixed(1)}" r="5" fill="${row.dtype === "float32" ? "#c0392b" : "#2c6fbb"}"/><text x="${(left + 9).toFixed(1)}" y="${(label + 4).toFixed(1)}" fill="#1a1a1a">${row.dtype} · ${row.right}</text>`).join("\n")}
</svg>
`;
}

/** Heights of the labels such that those that stand near each other do not overlap. */
function placeLabels<Mark extends { x: number; y: number }>(marks: readonly Mark[]): (Mark & { label: number })[] {
  const placed: (Mark & { label: number })[] = [];
  for (const mark of [...marks].sort((a, b) => a.y - b.y)) {
    let label = mark.y;
    while (placed.some((other) => Math.abs(other.x - mark.x) < 170 && Math.abs(other.label - label) < 14)) label += 2;
    placed.push({ ...mark, label });
  }
  return placed;
}
