/** Numbers as people read them. */

const byteUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes in decimal units to three digits: 999 B, 1.23 kB, 45.6 MB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would print as 1000 of the smaller unit.
  while (Math.abs(value) >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : threeDigits(value)} ${byteUnits[unit]!}`;
}

/** A count with its thousands apart: 1,234,567. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** A fraction of one as a percentage: 0.253 → 25.3 %. A nonzero fraction never prints as zero, nor an incomplete one as 100 %. */
export function formatPercent(fraction: number, digits = 1): string {
  const step = 10 ** -digits;
  const percent = fraction * 100;
  if (percent > 0 && percent < step / 2) return `<${step.toFixed(digits)} %`;
  if (percent < 100 && percent >= 100 - step / 2) return `>${(100 - step).toFixed(digits)} %`;
  return `${percent.toFixed(digits)} %`;
}

/** A ratio in decibels; infinity, which means no error at all, as "exact". */
export function formatDecibels(decibels: number): string {
  if (decibels === Infinity) return "exact";
  if (decibels === -Infinity) return "−∞ dB";
  return Number.isNaN(decibels) ? "?" : `${decibels.toFixed(1)} dB`;
}

/** A shape: 64×3×7×7, "scalar" for none; a name for a symbolic dimension, "?" for an unknown one. */
export function formatDims(dims: readonly (number | string | undefined)[]): string {
  return dims.length === 0 ? "scalar" : dims.map((dim) => dim ?? "?").join("×");
}

/** A number to three digits, in scientific notation where it is very small or large. */
export function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || !Number.isFinite(value)) return String(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(2);
  return size < 1 ? value.toPrecision(3) : threeDigits(value);
}

/** Milliseconds, or a better unit: 35 µs, 1.23 ms, 4.56 s. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return `${threeDigits(milliseconds * 1000)} µs`;
  return milliseconds < 999.5 ? `${threeDigits(milliseconds)} ms` : `${threeDigits(milliseconds / 1000)} s`;
}

/** "1 node", "3 nodes". */
export function formatPlural(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  return size >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}
