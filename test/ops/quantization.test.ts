/** Quantization. */
import { testErrors, testShapes } from "./infer.js";

const microsoft = "com.microsoft";
testShapes({
  "QuantizeLinear as its zero point": {
    opType: "QuantizeLinear",
    inputs: ["float32[N, 8]", "float32[]", "int8[]"],
    outputs: ["int8[N, 8]"],
  },
  "QuantizeLinear without one": {
    opType: "QuantizeLinear",
    inputs: ["float32[N, 8]", "float32[]"],
    outputs: ["uint8[N, 8]"],
  },
  "QuantizeLinear to a type": {
    opType: "QuantizeLinear",
    inputs: ["float32[N, 8]", "float32[]"],
    attributes: { output_dtype: 22 },
    outputs: ["int4[N, 8]"],
  },
  "DequantizeLinear an axis": {
    opType: "DequantizeLinear",
    opset: 13,
    inputs: ["int8[16, 8]", "float32[8]", "int8[8]"],
    attributes: { axis: 1 },
    outputs: ["float32[16, 8]"],
  },
  "DequantizeLinear a block": {
    opType: "DequantizeLinear",
    inputs: ["int4[100, 8]", "float16[4, 8]"],
    attributes: { axis: 0, block_size: 32 },
    outputs: ["float16[100, 8]"],
  },
  "DequantizeLinear of ONNX Runtime": {
    opType: "DequantizeLinear",
    domain: microsoft,
    inputs: ["int16[8]", "float32[]"],
    outputs: ["float32[8]"],
  },
  DynamicQuantizeLinear: {
    opType: "DynamicQuantizeLinear",
    inputs: ["float32[N, S]"],
    outputs: ["uint8[N, S]", "float32[]", "uint8[]"],
  },
  MatMulNBits: {
    opType: "MatMulNBits",
    domain: microsoft,
    inputs: ["float32[B, S, 384]", "uint8[128, 12, 16]", "float32[1536]"],
    attributes: { K: 384, N: 128, bits: 4, block_size: 32 },
    outputs: ["float32[B, S, 128]"],
  },
  MatMulBnb4: {
    opType: "MatMulBnb4",
    domain: microsoft,
    inputs: ["float32[B, S, 384]", "uint8[24576]", "float32[768]"],
    attributes: { K: 384, N: 128, quant_type: 1, block_size: 64 },
    outputs: ["float32[B, S, 128]"],
  },
  QLinearAdd: {
    opType: "QLinearAdd",
    domain: microsoft,
    inputs: ["uint8[N, 8]", "float32[]", "uint8[]", "uint8[8]", "float32[]", "uint8[]", "float32[]", "uint8[]"],
    outputs: ["uint8[N, 8]"],
  },
  QLinearConcat: {
    opType: "QLinearConcat",
    domain: microsoft,
    inputs: ["float32[]", "uint8[]", "uint8[N, 3]", "float32[]", "uint8[]", "uint8[N, 4]", "float32[]", "uint8[]"],
    attributes: { axis: 1 },
    outputs: ["uint8[N, 7]"],
  },
});
testErrors({
  "a scale of another length": {
    opType: "DequantizeLinear",
    inputs: ["int8[16, 8]", "float32[16]"],
    code: "PARE_SHAPE",
    message:
      /^DequantizeLinear "it": x is \[16, 8\], x_scale is \[16\]; the scale must be one number, or one along axis 1 \(8, got 16\)\.$/,
  },
  "a zero point of another shape": {
    opType: "DequantizeLinear",
    inputs: ["int8[16, 8]", "float32[8]", "int8[]"],
    code: "PARE_SHAPE",
    message: /the zero point must be as the scale/,
  },
  "blocks that do not fit": {
    opType: "DequantizeLinear",
    inputs: ["int4[100, 8]", "float32[3, 8]"],
    attributes: { axis: 0, block_size: 32 },
    code: "PARE_SHAPE",
    message: /one number a block of 32 \(4, got 3\)/,
  },
  "another K": {
    opType: "MatMulNBits",
    domain: microsoft,
    inputs: ["float32[2, 64]", "uint8[8, 4, 16]", "float32[32]"],
    attributes: { K: 128, N: 8, bits: 4, block_size: 32 },
    code: "PARE_SHAPE",
    message: /A's last dimension must be K \(128, got 64\)/,
  },
});
