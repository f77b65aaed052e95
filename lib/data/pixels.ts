/** Bytes of pixels as the floats that models of pictures take. */
import { Tensor } from "onnxruntime-common";
import { PareError } from "../errors.js";
import { Model, Weight, type NodeDescription } from "../model/index.js";
import { compile } from "../run/session.js";

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
  /** Turns `count` pictures, rows of pixels of `channels` bytes each, into (x / 255 − mean) / std. */
  run: (pixels: Uint8Array, count: number) => Promise<Tensor>;
  release: () => Promise<void>;
}

/** A small model of its own, run like any other. Throws PARE_OPTION for options that do not fit. */
export async function normalizer(options: PixelOptions, width: number, height: number): Promise<Normalizer> {
  const { channels = 3, order = "rgb", layout = "NCHW" } = options;
  const mean = options.mean === "imagenet" ? imageNet.mean : perChannel("mean", options.mean ?? 0, channels);
  const std =
    options.mean === "imagenet" && options.std === undefined
      ? imageNet.std
      : perChannel("std", options.std ?? 1, channels);
  if (std.includes(0)) throw new PareError("PARE_OPTION", "std must not be 0.");
  if (mean.length !== channels)
    throw new PareError("PARE_OPTION", `mean: "imagenet" is for 3 channels; got ${channels}.`);
  const model = Model.create({ opset: 17 });
  const { graph } = model;
  const constant = (name: string, dtype: "float32" | "int64", values: number[]): string =>
    graph.addWeight(name, Weight.of(dtype, [values.length], values));
  graph.addInput("pixels", "uint8", ["N", height, width, channels]);
  graph.addOutput("x", "float32");
  let last = "pixels";
  const node = (
    opType: string,
    more: string[],
    output: string,
    attributes: NodeDescription["attributes"] = {},
  ): void => {
    graph.addNode({ opType, inputs: [last, ...more], outputs: [output], attributes });
    last = output;
  };
  // Means and deviations follow the model's order, whatever the file's.
  if (order === "bgr" && channels === 3) node("Gather", [constant("bgr", "int64", [2, 1, 0])], "turned", { axis: 3 });
  node("Cast", [], "floats", { to: 1 });
  node(
    "Mul",
    [
      constant(
        "scale",
        "float32",
        std.map((one) => 1 / (255 * one)),
      ),
    ],
    "scaled",
  );
  node(
    "Add",
    [
      constant(
        "shift",
        "float32",
        mean.map((one, c) => -one / std[c]!),
      ),
    ],
    "normal",
  );
  if (layout === "NCHW") node("Transpose", [], "x", { perm: [0, 3, 1, 2] });
  else node("Identity", [], "x");
  const session = await compile(model);
  return {
    channels,
    async run(pixels, count) {
      const { x } = await session.run({ pixels: new Tensor("uint8", pixels, [count, height, width, channels]) });
      return x!;
    },
    release: () => session.release(),
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
