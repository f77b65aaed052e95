/** Finds words in a detector's map of probabilities (DB: Liao et al. 2020) and counts those that stand where they should. */
import type { Box } from "./render.js";

/** A pixel is text above this; a region is a word if its mean is above the other. */
const pixelThreshold = 0.3;
const regionThreshold = 0.6;
/** The net marks shrunk words: a box grows by this × area / perimeter on each side. */
const growth = 1.5;

/** Bounding boxes of the regions above the threshold, grown back to the words' size. */
export function findBoxes(map: Float32Array, width: number, height: number): Box[] {
  const seen = new Uint8Array(map.length);
  const stack: number[] = [];
  const boxes: Box[] = [];
  for (let start = 0; start < map.length; start++) {
    if (seen[start] === 1 || !(map[start]! > pixelThreshold)) continue;
    const box: Box = { left: width, top: height, right: 0, bottom: 0 };
    let sum = 0;
    let count = 0;
    seen[start] = 1;
    stack.push(start);
    while (stack.length > 0) {
      const at = stack.pop()!;
      const x = at % width;
      const y = (at - x) / width;
      sum += map[at]!;
      count++;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
      const neighbours = [x > 0 ? at - 1 : -1, x + 1 < width ? at + 1 : -1, at - width, at + width];
      for (const next of neighbours) {
        if (next < 0 || next >= map.length || seen[next] === 1 || !(map[next]! > pixelThreshold)) continue;
        seen[next] = 1;
        stack.push(next);
      }
    }
    if (sum / count > regionThreshold && count > 8) boxes.push(grow(box));
  }
  return boxes;
}

function grow({ left, top, right, bottom }: Box): Box {
  const [width, height] = [right - left, bottom - top];
  const by = (growth * width * height) / (2 * (width + height));
  return { left: left - by, top: top - by, right: right + by, bottom: bottom + by };
}

/** How many of the true boxes have a found one that overlaps by half (intersection over union). */
export function countFound(wanted: readonly Box[], found: readonly Box[]): number {
  return wanted.filter((box) => found.some((other) => overlap(box, other) >= 0.5)).length;
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box): number => (box.right - box.left) * (box.bottom - box.top);
  return (width * height) / (area(a) + area(b) - width * height);
}
