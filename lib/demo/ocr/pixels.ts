/** Turns pictures into what the PP-OCR models take: planes of blue, green, red, each value scaled and shifted. */
import type { Picture } from "./render.js";

/** (x / 255 − mean) / deviation, in the order blue, green, red. */
export interface Normalization {
  mean: readonly [number, number, number];
  deviation: readonly [number, number, number];
}

/** Recognition and angle: values from −1 to 1. */
export const plain: Normalization = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };

/** Detection: the statistics of ImageNet, applied to blue, green, red in this order, as PaddleOCR does. */
export const imageNet: Normalization = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/**
 * A picture as float32 [1, 3, height, width]. With `width` the planes are that wide: what the picture leaves
 * free on the right is 0, the middle of the range.
 */
export function planes(picture: Picture, { mean, deviation }: Normalization, width = picture.width): Float32Array {
  const { height, pixels } = picture;
  const result = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / 255 / deviation[channel]!;
    const shift = -mean[channel]! / deviation[channel]!;
    const source = 2 - channel;
    for (let y = 0; y < height; y++) {
      const row = (channel * height + y) * width;
      for (let x = 0; x < Math.min(width, picture.width); x++)
        result[row + x] = pixels[3 * (y * picture.width + x) + source]! * scale + shift;
    }
  }
  return result;
}
