/** The forms in which the demo writes each model. */
import type { QuantizeOptions } from "../../quantize/index.js";

export interface Variant {
  /** As the table and the file name it. */
  name: string;
  /** What quantize() is asked for; undefined for the model as it is. */
  options?: QuantizeOptions;
}

export const variants: readonly Variant[] = [
  { name: "float32" },
  { name: "float16", options: { dtype: "float16" } },
  { name: "bfloat16", options: { dtype: "bfloat16" } },
  { name: "int16 weights", options: { dtype: "int16", mode: "weights" } },
  { name: "int8 weights", options: { dtype: "int8", mode: "weights" } },
  { name: "int4 weights", options: { dtype: "int4", mode: "weights", blockSize: 32 } },
  { name: "int4 MatMulNBits", options: { dtype: "int4", mode: "matmulnbits" } },
  { name: "uint8 dynamic", options: { dtype: "uint8", mode: "dynamic" } },
  { name: "int8 dynamic", options: { dtype: "int8", mode: "dynamic" } },
  {
    name: "int8 MatMul only",
    options: { dtype: "int8", mode: "dynamic", opTypes: { include: ["MatMul", "Gemm"] } },
  },
];

/** "ppocr-rec.int8-matmul-only.onnx" for the third row of recognition. */
export function fileNameOf(model: string, { name }: Variant): string {
  return `ppocr-${model}.${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.onnx`;
}
