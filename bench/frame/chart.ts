/** A line chart as an SVG file: values over a logarithmic axis, a line a series. */

export interface Series {
  name: string;
  /** x above 0. */
  points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  title: string;
  x: string;
  y: string;
  series: readonly Series[];
  /** A level line, as of what is without. */
  level?: { name: string; y: number };
}

const [width, height, margin] = [720, 440, 70];
const colors = ["#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b8860b", "#444444"];

export function svgOf({ title, x, y, series, level }: Chart): string {
  const points = series.flatMap((one) => one.points);
  const logs = points.map(([at]) => Math.log10(at));
  const ys = [...points.map(([, value]) => value), ...(level ? [level.y] : []), 0];
  const [left, right] = [Math.min(...logs), Math.max(...logs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const toX = (at: number): number =>
    margin + ((Math.log10(at) - left) / (right - left || 1)) * (width - 2 * margin - 100);
  const toY = (value: number): number => height - margin - ((value - low) / (high - low || 1)) * (height - 2 * margin);
  const text = (px: number, py: number, words: string, more = ""): string =>
    `<text x="${px.toFixed(1)}" y="${py.toFixed(1)}" font-size="12" ${more}>${words}</text>`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(width / 2, 28, title, 'text-anchor="middle" font-weight="bold"'),
    text((width - 100) / 2, height - 18, x, 'text-anchor="middle"'),
    text(16, height / 2, y, `text-anchor="middle" transform="rotate(-90 16 ${height / 2})"`),
  ];
  for (let power = Math.ceil(left); power <= Math.floor(right); power++)
    parts.push(text(toX(10 ** power), height - margin + 20, `1e${power}`, 'text-anchor="middle"'));
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    const at = toY(value);
    parts.push(
      `<line x1="${margin}" x2="${width - margin - 100}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="#dddddd"/>`,
      text(margin - 8, at + 4, value.toPrecision(2), 'text-anchor="end"'),
    );
  }
  const legend = width - margin - 88;
  series.forEach((one, i) => {
    const color = colors[i % colors.length]!;
    const path = one.points.map(([at, value]) => `${toX(at).toFixed(1)},${toY(value).toFixed(1)}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`);
    for (const [at, value] of one.points)
      parts.push(`<circle cx="${toX(at).toFixed(1)}" cy="${toY(value).toFixed(1)}" r="3" fill="${color}"/>`);
    parts.push(text(legend, margin + 18 * i, one.name, `fill="${color}"`));
  });
  if (level) {
    const at = toY(level.y).toFixed(1);
    parts.push(
      `<line x1="${margin}" x2="${width - margin - 100}" y1="${at}" y2="${at}" stroke="black" stroke-dasharray="5 4"/>`,
      text(legend, margin + 18 * series.length, level.name),
    );
  }
  return [...parts, "</svg>", ""].join("\n");
}
