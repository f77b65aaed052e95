/** Products of matrices. */
import { testErrors, testShapes } from "./infer.js";

const microsoft = "com.microsoft";
testShapes({
  "two matrices": { opType: "MatMul", inputs: ["float32[N, 8]", "float32[8, 4]"], outputs: ["float32[N, 4]"] },
  "batches broadcast": {
    opType: "MatMul",
    inputs: ["float32[B, 1, S, 8]", "float32[12, 8, S]"],
    outputs: ["float32[B, 12, S, S]"],
  },
  "a row": { opType: "MatMul", inputs: ["float32[8]", "float32[3, 8, 4]"], outputs: ["float32[3, 4]"] },
  "a column": { opType: "MatMul", inputs: ["float32[3, 5, 8]", "float32[8]"], outputs: ["float32[3, 5]"] },
  "two vectors": { opType: "MatMul", inputs: ["float32[8]", "float32[8]"], outputs: ["float32[]"] },
  "a symbol may be the number": {
    opType: "MatMul",
    inputs: ["float32[2, K]", "float32[8, 4]"],
    outputs: ["float32[2, 4]"],
  },
  "an unknown rank": { opType: "MatMul", inputs: ["float32", "float32[8, 4]"], outputs: ["float32"] },
  Gemm: {
    opType: "Gemm",
    inputs: ["float32[8, N]", "float32[4, 8]", "float32[4]"],
    attributes: { transA: 1, transB: 1 },
    outputs: ["float32[N, 4]"],
  },
  "Gemm without C": {
    opType: "Gemm",
    opset: 11,
    inputs: ["float32[N, 8]", "float32[8, 4]"],
    outputs: ["float32[N, 4]"],
  },
  MatMulInteger: {
    opType: "MatMulInteger",
    inputs: ["uint8[N, 8]", "int8[8, 4]", "uint8[]", "int8[4]"],
    outputs: ["int32[N, 4]"],
  },
  QLinearMatMul: {
    opType: "QLinearMatMul",
    inputs: ["uint8[N, 8]", "float32[]", "uint8[]", "int8[8, 4]", "float32[]", "int8[]", "float32[]", "uint8[]"],
    outputs: ["uint8[N, 4]"],
  },
  FusedMatMul: {
    opType: "FusedMatMul",
    domain: microsoft,
    inputs: ["float32[B, S, 8]", "float32[B, S, 8]"],
    attributes: { transB: 1, alpha: 0.5 },
    outputs: ["float32[B, S, S]"],
  },
  "Einsum of batches": {
    opType: "Einsum",
    inputs: ["float32[B, I, 8]", "float32[B, 8, J]"],
    attributes: { equation: "bij, bjk -> bik" },
    outputs: ["float32[B, I, J]"],
  },
  "Einsum with dots": {
    opType: "Einsum",
    inputs: ["float32[B, 3, I, J]"],
    attributes: { equation: "...ij->...ji" },
    outputs: ["float32[B, 3, J, I]"],
  },
  "Einsum without an arrow": {
    opType: "Einsum",
    inputs: ["float32[I, 4]", "float32[4, K]"],
    attributes: { equation: "ij,jk" },
    outputs: ["float32[I, K]"],
  },
  Det: { opType: "Det", inputs: ["float32[N, 3, 3]"], outputs: ["float32[N]"] },
});
testErrors({
  "inner dimensions that differ": {
    opType: "MatMul",
    inputs: ["float32[8, 512]", "float32[768, 512]"],
    code: "PARE_SHAPE",
    message:
      /^MatMul "it": A is \[8, 512\], B is \[768, 512\]; A's last and B's first dimension must match \(512, 768\)\. B looks transposed\.$/,
  },
  "batches that do not broadcast": {
    opType: "MatMul",
    inputs: ["float32[2, 4, 8]", "float32[3, 8, 4]"],
    code: "PARE_SHAPE",
    message: /before the last two must be equal/,
  },
  "a number": {
    opType: "MatMul",
    inputs: ["float32[]", "float32[8, 4]"],
    code: "PARE_SHAPE",
    message: /A must have 1 or more dimensions/,
  },
  "Gemm of other ranks": {
    opType: "Gemm",
    inputs: ["float32[2, 3, 4]", "float32[4, 5]"],
    code: "PARE_SHAPE",
    message: /A must have 2 dimensions \(a matrix\)/,
  },
  "Gemm whose k differs": {
    opType: "Gemm",
    inputs: ["float32[2, 3]", "float32[4, 5]"],
    attributes: { transB: 1 },
    code: "PARE_SHAPE",
    message: /with transA 0 and transB 1, k is 3 in A and 5 in B/,
  },
  "Gemm whose C does not broadcast": {
    opType: "Gemm",
    inputs: ["float32[2, 3]", "float32[3, 5]", "float32[2]"],
    code: "PARE_SHAPE",
    message: /C must broadcast to \[2, 5\]/,
  },
  "an equation for other ranks": {
    opType: "Einsum",
    inputs: ["float32[2, 3]"],
    attributes: { equation: "ijk->i" },
    code: "PARE_SHAPE",
    message: /"ijk" of the equation names 3 dimensions, its input has 2/,
  },
  "an equation that is none": {
    opType: "Einsum",
    inputs: ["float32[2, 3]"],
    attributes: { equation: "i%->i" },
    code: "PARE_OPTION",
    message: /equation "i%->i"/,
  },
  "an output that no input has": {
    opType: "Einsum",
    inputs: ["float32[2, 3]"],
    attributes: { equation: "ij->iz" },
    code: "PARE_OPTION",
    message: /gives a dimension that no input has/,
  },
});
