// Sums of a product of integers → floats, or bytes on a grid of scale and zero point.
//
// Operation, on each sum of a block: x = float(sum + offset) · scale; then x + bias as a float, or
// clip(rint(x) + zeroPoint, low, high) as a byte, ties to even. The sum wraps; every other step is rounded as float32,
// as where separate nodes do it. Layout: rows that lie `stride` sums apart, any alignment. Floor: 4 bytes read and 4 or
// 1 written a sum, from the cache in which a product has just left them.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct SumBlock {
  const UnalignedInt32* sums;
  size_t stride, rows, columns;
  bool perRow;             // offsets, scales and bias are numbers a row, not a column
  const int32_t* offsets;  // or null
  const float* scales;
};

struct ByteGrid {
  int32_t low, high, zeroPoint;
};

struct RequantizeKernels {
  // `bias` may be null, and y the sums' own memory.
  void (*toFloats)(const SumBlock& block, const UnalignedFloat* bias, UnalignedFloat* y, size_t yStride);
  void (*toBytes)(const SumBlock& block, ByteGrid grid, uint8_t* y, size_t yStride);
};

}  // namespace pare
