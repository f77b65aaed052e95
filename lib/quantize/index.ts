/** Quantization: graph → graph with smaller weights, and a report of what it cost. */
import { PareError } from "../errors.js";
import type { Model } from "../model/index.js";
import { Report } from "../report/index.js";
import { dynamicOps, quantizeDynamic } from "./dynamic.js";
import { fourBitOps, quantizeFourBit } from "./four-bit.js";
import { convertToHalf } from "./half.js";
import { isLoose, quantizeLoose } from "./loose.js";
import { isHalf, resolveOptions, type QuantizeOptions, type Resolved } from "./options.js";
import { quantizeStatic } from "./static/index.js";
import { staticOps } from "./static/plan.js";
import { opsetForWeights, quantizeWeights, weightOps } from "./weights.js";
import { WeightWork, type Moved } from "./work.js";

export type { QuantizeDtype, QuantizeMode, QuantizeOptions } from "./options.js";
export { quantizeDtypes, quantizeModes } from "./options.js";
export { staticFormats, type StaticFormat, type StaticOptions } from "./static/options.js";
export { calibrationMethods, type CalibrationMethod } from "./static/thresholds.js";
export { quantizeForTransformersJs, transformersJsVariants } from "./transformersjs.js";
export type { TransformersJsOptions, TransformersJsVariant } from "./transformersjs.js";

/** A model made by quantize, with what it cost. */
export type QuantizedModel = Model & { report: Report };

/**
 * A smaller model that computes nearly the same; the one that is given stays as it is.
 *
 * The result's `report` lists each tensor (bytes before and after, signal-to-noise ratio, largest error) and what was left
 * alone, with the reason. Work on weights runs off the event loop.
 *
 * @throws PareError PARE_OPTION for options that do not fit, PARE_UNSUPPORTED where the model's opset cannot be raised;
 * the signal's reason where it aborts.
 */
export async function quantize(model: Model, options: QuantizeOptions): Promise<QuantizedModel> {
  const loose = isLoose(model);
  const resolved = resolveOptions(options, loose ? "weights" : undefined);
  resolved.signal?.throwIfAborted();
  const { dtype, mode } = resolved;
  const report = new Report(isHalf(dtype) ? `Conversion to ${dtype}` : `Quantization to ${dtype}, mode "${mode}"`);
  const result = model.clone();
  result.report = report;
  const work = new WeightWork(report, resolved);
  makeConstant(result, report);
  if (!loose) raiseOpset(result, resolved, report);
  let measure: (() => Promise<void>) | undefined;
  if (loose) quantizeLoose(result, resolved, work, report);
  else if (isHalf(dtype)) convertToHalf(result, resolved, work, report);
  else if (mode === "dynamic") quantizeDynamic(result, resolved, work, report);
  else if (mode === "static") measure = await quantizeStatic(result, resolved, work, report);
  else if (mode === "weights") quantizeWeights(result, resolved, work, report);
  else quantizeFourBit(result, resolved, work, report);
  if (!loose) result.graph.removeUnused();
  raiseIrVersion(result, resolved);
  await work.run();
  await measure?.();
  reportMoved(work.moved, resolved, report);
  if (report.rows.length === 0) report.note(nothing(resolved));
  return result as QuantizedModel;
}

/** What had to be listed as an input before IR version 4 is a constant for runtimes, and becomes one. */
function makeConstant(model: Model, report: Report): void {
  const before = Number(model.proto.irVersion);
  if (before < 4 && model.raiseIrVersion(4))
    report.note(`IR version ${before} became 4, which lets a weight be a constant.`);
}

/** Raises the opset to what the rewrite writes; whole weights of integers have another form where that fails. */
function raiseOpset(model: Model, options: Resolved, report: Report): void {
  const now = model.opset() ?? 0;
  const { version, needs, otherwise } = neededOpset(options);
  if (now >= version) return;
  try {
    model.upgradeOpset(version);
    report.note(`Opset ${now} became ${version}, which ${needs} needs.`);
  } catch (error) {
    if (otherwise === undefined || !(error instanceof PareError)) throw error;
    report.note(`Opset ${now} stays, with ${otherwise}: ${error.message}`);
  }
}

function neededOpset(options: Resolved): { version: number; needs: string; otherwise?: string } {
  const { dtype, mode, blockSize } = options;
  if (dtype === "float16") return { version: 7, needs: "Cast" };
  if (dtype === "bfloat16") return { version: 13, needs: "Cast to bfloat16" };
  if (mode === "dynamic") return { version: 11, needs: "DynamicQuantizeLinear" };
  if (mode === "static") return { version: 13, needs: "DequantizeLinear with an axis" };
  if (mode !== "weights") return { version: 7, needs: "MatMul" };
  const needed = { version: opsetForWeights(options), needs: "DequantizeLinear" };
  if (blockSize > 0) return needed;
  const otherwise = "com.microsoft's DequantizeLinear";
  // That one takes int16 at any opset.
  return dtype === "int16" || dtype === "uint16" ? { ...needed, version: 7 } : { ...needed, otherwise };
}

/** Types that came with a version of the format. */
function raiseIrVersion(model: Model, { dtype, mode }: Resolved): void {
  if (mode !== "weights") return;
  if (dtype === "int4" || dtype === "uint4") model.raiseIrVersion(10);
  else if (dtype === "bfloat16") model.raiseIrVersion(4);
}

/** float16 cannot hold everything; what was changed for it. */
function reportMoved(moved: readonly Moved[], { smallest, largest }: Resolved, report: Report): void {
  for (const { name, lowered } of moved)
    if (lowered > 0) report.note(`${name}: ${lowered} of its magnitudes were above ${largest} and became that.`);
  const small = moved.filter(({ raised }) => raised > 0);
  const count = small.reduce((sum, { raised }) => sum + raised, 0);
  if (count > 0) report.note(`${count} magnitudes below ${smallest}, in ${small.length} tensors, became that.`);
}

function nothing({ mode, dtype }: Resolved): string {
  if (isHalf(dtype)) return "Nothing was converted: the model has no float32 weights that an operator reads.";
  const ops = { dynamic: dynamicOps, static: staticOps, weights: weightOps, matmulnbits: fourBitOps, bnb4: fourBitOps }[
    mode
  ];
  return `Nothing was quantized: mode "${mode}" takes ${ops.join(", ")} with constant float32 weights.`;
}
