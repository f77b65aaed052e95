/** What static quantization may be asked for beside what every quantizer takes. */
import type { Batches } from "../../data/batch.js";
import { PareError } from "../../errors.js";
import type { ActivationType } from "./grid.js";
import { calibrationMethods, type CalibrationMethod } from "./thresholds.js";

export const staticFormats = ["qdq", "qoperator"] as const;
export type StaticFormat = (typeof staticFormats)[number];

/** Options of mode "static"; defaults are those of onnxruntime.quantization's quantize_static unless said otherwise. */
export interface StaticOptions {
  /** What the model is run on to see its activations' ranges: some hundred examples of what it will meet. Required. */
  calibration?: Batches;
  /**
   * How a range follows from what was seen. "minmax" (default): from the smallest to the largest value. "entropy": the
   * range that keeps the most information. "percentile": nearly all values. "mse": the least squared error.
   */
  method?: CalibrationMethod;
  /**
   * "qdq" (default): QuantizeLinear and DequantizeLinear around the operators. "qoperator": QLinearConv, QLinearMatMul and
   * com.microsoft's like them.
   */
  format?: StaticFormat;
  /** Type of the activations. Default: "int8", "uint8" where the weights are. */
  activationType?: ActivationType;
  /** Zero in the middle of the activations' range; then Relu and Clip stay in the graph. Default false. */
  activationSymmetric?: boolean;
  /** Ranges that were observed become even around zero. Default false; true for "percentile", which then cuts |x|. */
  calibrationSymmetric?: boolean;
  /** "minmax": means of the batches' extremes in place of the extremes of all. Default false. */
  movingAverage?: boolean;
  /** "percentile": percents of the values that lie within the range. Default 99.999. */
  percentile?: number;
  /** "entropy", "percentile", "mse": bins that a histogram begins with. Default 2048 (onnxruntime's entropy: 128). */
  bins?: number;
  /** "entropy": bins that a distribution is squeezed into. Default 128. */
  quantizedBins?: number;
  /**
   * Whether batch normalizations, and factors and sums a channel, first go into the convolutions beside them, as
   * onnxruntime.quantization's quant_pre_process does: what is not left in between is not rounded. Default true.
   */
  tidy?: boolean;
  /**
   * Decibels between the float model's outputs and their difference from the quantized model's that must be reached: the
   * operators that harm most stay float until they are. Takes a run of the model for each operator. Default: none.
   */
  minimumSnrDb?: number;
  /** What accuracy is measured on, best data that calibration has not seen. Default: the calibration data. */
  heldBack?: Batches;
}

export const staticOptionNames = [
  ...(["calibration", "method", "format", "activationType", "activationSymmetric", "calibrationSymmetric"] as const),
  ...(["movingAverage", "percentile", "bins", "quantizedBins", "tidy", "minimumSnrDb", "heldBack"] as const),
] satisfies (keyof StaticOptions)[];

/** Options with every default in place; `calibration` is there in mode "static". */
export type ResolvedStatic = Required<Omit<StaticOptions, WithoutDefault>> & Pick<StaticOptions, WithoutDefault>;
type WithoutDefault = "calibration" | "heldBack" | "minimumSnrDb";

/** @throws PareError PARE_OPTION */
export function resolveStatic(options: StaticOptions, isStatic: boolean, dtype: string): ResolvedStatic {
  const { method = "minmax", format = "qdq", calibration, heldBack, minimumSnrDb } = options;
  const { activationType = dtype === "uint8" ? "uint8" : "int8" } = options;
  choice(method, "method", calibrationMethods);
  choice(format, "format", staticFormats);
  choice(activationType, "activationType", ["int8", "uint8"]);
  for (const name of ["activationSymmetric", "calibrationSymmetric", "movingAverage", "tidy"] as const)
    if (options[name] !== undefined && typeof options[name] !== "boolean")
      throw new PareError("PARE_OPTION", `${name} must be true or false; got ${JSON.stringify(options[name])}.`);
  const given: unknown = calibration;
  if (isStatic && (typeof given !== "object" || given === null))
    throw new PareError(
      "PARE_OPTION",
      'mode "static" needs calibration data to see the ranges of activations: calibration: { x: tensor }, or batches of such.',
    );
  if (isStatic && activationType === "int8" && dtype === "uint8")
    throw new PareError(
      "PARE_OPTION",
      "int8 activations take int8 weights: integer kernels have no uint8 ones for them.",
    );
  belongs(options, "movingAverage", method, ["minmax"]);
  belongs(options, "percentile", method, ["percentile"]);
  belongs(options, "bins", method, ["entropy", "percentile", "mse"]);
  belongs(options, "quantizedBins", method, ["entropy"]);
  const { percentile = 99.999, bins = 2048, quantizedBins = 128 } = options;
  if (!(percentile > 0 && percentile <= 100))
    throw new PareError("PARE_OPTION", `percentile must be above 0, up to 100; got ${percentile}.`);
  if (!Number.isInteger(bins) || bins < 16 || bins > 8192 || bins % 2 !== 0)
    throw new PareError("PARE_OPTION", `bins must be an even number from 16 to 8192; got ${bins}.`);
  if (!Number.isInteger(quantizedBins) || quantizedBins < 2 || quantizedBins > bins)
    throw new PareError("PARE_OPTION", `quantizedBins must be from 2 to bins, which is ${bins}; got ${quantizedBins}.`);
  if (minimumSnrDb !== undefined && !(minimumSnrDb > 0 && minimumSnrDb < 200))
    throw new PareError("PARE_OPTION", `minimumSnrDb must be decibels from 0 to 200, such as 20; got ${minimumSnrDb}.`);
  return {
    ...(calibration === undefined ? {} : { calibration }),
    ...(heldBack === undefined ? {} : { heldBack }),
    ...(minimumSnrDb === undefined ? {} : { minimumSnrDb }),
    ...{ method, format, activationType, percentile, bins, quantizedBins },
    activationSymmetric: options.activationSymmetric ?? false,
    calibrationSymmetric: options.calibrationSymmetric ?? method === "percentile",
    movingAverage: options.movingAverage ?? false,
    tidy: options.tidy ?? true,
  };
}

function choice(value: unknown, name: string, values: readonly string[]): void {
  if (!values.includes(value as string))
    throw new PareError("PARE_OPTION", `${name} must be one of ${values.join(", ")}; got ${JSON.stringify(value)}.`);
}

function belongs(options: StaticOptions, name: keyof StaticOptions, method: string, methods: readonly string[]): void {
  if (options[name] !== undefined && !methods.includes(method))
    throw new PareError("PARE_OPTION", `${name} belongs to method ${methods.join(", ")}; the method is "${method}".`);
}
