/** Which operators stay float32 in a half-precision model, and why. */
import type { Node } from "../model/index.js";
import type { HalfDtype } from "./options.js";

/** Broken by float16 in practice: the list that transformers.js converts with. */
const fragile = [
  ...["Cast", "Resize", "Upsample", "TopK", "CumSum", "Min", "Max", "NonMaxSuppression", "RoiAlign"],
  ...["RandomNormalLike", "RandomUniformLike"],
];

/** Types that the operator's schema, or an attribute of its own, fixes to float32, or that hold floats in a sequence. */
const fixed = [
  ...["Range", "EyeLike", "RandomNormal", "RandomUniform", "Multinomial", "Bernoulli", "OneHot", "TfIdfVectorizer"],
  ...["Celu", "IsInf", "MeanVarianceNormalization"],
  ...["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "QAttention"],
  ...["QEmbedLayerNormalization", "QLinearConv", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"],
  ...["GatherBlockQuantized", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "ImageDecoder"],
  ...["SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceMap"],
  ...["SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement"],
];

const standard = new Set(["", "ai.onnx", "com.microsoft"]);

/** Default list for each type; undefined: every operator that computes. ONNX Runtime's CPU has no bfloat16 kernels. */
const defaults: Record<HalfDtype, readonly string[] | undefined> = { float16: fragile, bfloat16: undefined };

/** Whether this operator stays float32. */
export function isBlocked(node: Node, dtype: HalfDtype, listed: readonly string[] | undefined): boolean {
  if (!standard.has(node.domain) || fixed.includes(node.opType)) return true;
  // ONNX Runtime's CPU scatters halves only where nothing is added up.
  if (node.opType.startsWith("Scatter") && (node.attribute("reduction") ?? "none") !== "none") return true;
  const list = listed ?? defaults[dtype];
  return list === undefined || list.includes(node.opType);
}

/** Inputs that are float32 in the schema whatever the others are. */
export function fixedFloatInputs({ opType }: Node, opset: number): readonly number[] {
  if (opType === "Resize") return opset <= 10 ? [1] : [2];
  if (opType === "Upsample") return [1];
  if (opType === "GroupNorm" || opType === "SkipGroupNorm") return [1, 2];
  return [];
}

/** Whether an operator reads its input's shape only, so that the type is all the same to it. */
export function readsShapeOnly({ opType }: Node): boolean {
  return opType === "Shape" || opType === "Size";
}
