/** Bytes of pixels as the floats that models of pictures take. */
import { PareError } from "../errors.js";

export interface PixelOptions {
  /** 3: red, green, blue; 1: grey. Default 3. */
  channels?: 1 | 3;
  /** "bgr" where the model was trained on OpenCV's order. Default "rgb". */
  order?: "rgb" | "bgr";
  /** Subtracted from values in 0 … 1, one for all or one a channel, or "imagenet" for the usual means and deviations. Default 0. */
  mean?: number | readonly number[] | "imagenet";
  /** What the difference is divided by. Default 1. */
  std?: number | readonly number[];
  /** Channels first or last. Default "NCHW". */
  layout?: "NCHW" | "NHWC";
}

const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export interface Normalizer {
  channels: 1 | 3;
  /** Of one example. */
  dims: number[];
  /** Turns rows of pixels, `channels` bytes each, into (x / 255 − mean) / std. */
  write: (pixels: Uint8Array, out: Float32Array) => void;
}

/** Throws PARE_OPTION for options that do not fit. */
export function normalizer(options: PixelOptions, width: number, height: number): Normalizer {
  const { channels = 3, order = "rgb", layout = "NCHW" } = options;
  const mean = options.mean === "imagenet" ? imageNet.mean : perChannel("mean", options.mean ?? 0, channels);
  const std =
    options.mean === "imagenet" && options.std === undefined
      ? imageNet.std
      : perChannel("std", options.std ?? 1, channels);
  if (std.includes(0)) throw new PareError("PARE_OPTION", "std must not be 0.");
  if (mean.length !== channels)
    throw new PareError("PARE_OPTION", `mean: "imagenet" is for 3 channels; got ${channels}.`);
  // A byte has 256 values: computed once, in double precision.
  const tables = mean.map((one, c) => Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - one) / std[c]!));
  const last = layout === "NHWC";
  const count = width * height;
  return {
    channels,
    dims: last ? [height, width, channels] : [channels, height, width],
    write(pixels, out) {
      for (let c = 0; c < channels; c++) {
        // Means and deviations follow the model's order, whatever the file's.
        const table = tables[c]!;
        let from = order === "bgr" ? channels - 1 - c : c;
        let to = last ? c : c * count;
        const step = last ? channels : 1;
        for (let i = 0; i < count; i++, from += channels, to += step) out[to] = table[pixels[from]!]!;
      }
    },
  };
}

function perChannel(name: string, value: number | readonly number[], channels: number): readonly number[] {
  const values = typeof value === "number" ? Array<number>(channels).fill(value) : value;
  if (values.length !== channels || !values.every(Number.isFinite))
    throw new PareError(
      "PARE_OPTION",
      `${name} must be a number, or ${channels} of them, one a channel; got [${values.join(", ")}].`,
    );
  return values;
}
