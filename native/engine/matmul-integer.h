// The matrix product of 8-bit integers over the thread pool, and packing its right side ahead.
// https://onnx.ai/onnx/operators/onnx__MatMulInteger.html
#pragma once

#include "engine/execution.h"

namespace pare {

// The sums become floats or bytes while they are near (see kernels/requantize.h), and C is memory for them
// in between; that of floats which lie as C does may be y.
struct MatmulIntegerResult {
  enum class Kind : uint8_t { sums, floats, bytes } kind = Kind::sums;
  bool perRow = false;               // offsets, scales and bias: a number a row of C, not a column
  const int32_t* offsets = nullptr;  // added to the sums; or null
  const float* scales = nullptr;
  const UnalignedFloat* bias = nullptr;  // of floats; or null
  ByteGrid grid = {};
  uint8_t* y = nullptr;
  size_t yStride = 0;  // elements from one row to the next
};

// C [m, n] = (A − aZero)·(B − bZero) in int32, which wraps. A is [m, k], B is [k, n], row-major, or packed by
// packIntegerMatrix for the kernels of `execution`. Zero points are bytes of their side's type: none (zero), one, or
// one for each row of A and each column of B.
struct MatmulIntegerArguments {
  size_t m, n, k;
  bool aSigned = false, bSigned = false;
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  const uint32_t* packedB = nullptr;
  const uint8_t* aZero = nullptr;
  const uint8_t* bZero = nullptr;
  size_t aZeroCount = 0, bZeroCount = 0;
  UnalignedInt32* c = nullptr;
  MatmulIntegerResult result = {};
};
Status matmulInteger(const Execution& execution, const MatmulIntegerArguments& arguments);

// Bytes of a packed [k, n] matrix; 0 when size_t cannot hold them. Packing chooses the kernels that the matrix is for.
size_t packedIntegerByteLength(const KernelTable& kernels, size_t k, size_t n);
void packIntegerMatrix(const Execution& execution, const uint8_t* b, size_t k, size_t n, bool isSigned, bool transposed,
                       uint32_t* to);

}  // namespace pare
