// The product of float32 by weights that stay packed: four-bit codes, or bytes, with a scale a block. Few rows go
// straight by the codes; for more, a panel of them is made floats while the tiles' strips are packed.
#pragma once

#include "engine/execution.h"

namespace pare {

// Column j of W has the codes from j · stride on, block after block; code i belongs to block i / blockSize of all.
struct CodedWeights {
  const uint8_t* codes = nullptr;
  bool hasBytes = false;      // bytes instead of four-bit codes
  bool isUpperFirst = false;  // four-bit codes begin in the upper halves of bytes
  size_t k = 0, n = 0, stride = 0, blockSize = 0;
  const UnalignedFloat* scales = nullptr;
  const float* values = nullptr;      // what four-bit codes stand for, 16
  const float* zeroScales = nullptr;  // what is taken from a block's values, scale included; or null

  size_t blocks() const { return stride / blockSize; }  // of a column, where they are whole
  // Elements [begin, begin + count) of column j.
  void decode(const KernelTable& kernels, size_t column, size_t begin, size_t count, float* to) const;
};

// y [m, n] = A [m, k] · W + bias, which is null or has a number a column.
Status multiplyCoded(const Execution& execution, const CodedWeights& weights, const UnalignedFloat* a, size_t m,
                     const UnalignedFloat* bias, UnalignedFloat* y);

}  // namespace pare
