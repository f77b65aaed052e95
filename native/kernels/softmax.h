// Softmax and its logarithm, along rows or down columns.
//
// Operation: y = e^(x − m) / Σ e^(x − m), or x − m − log Σ e^(x − m), m the largest x of the row. A row that holds NaN
// or +∞, or nothing but −∞, becomes NaN. Layout: rows of float32, `stride` elements apart, any alignment; `out` may be
// `in`. Floor: the exponential (see math.h), for a row stays in the first cache level while it is read three times and
// written twice.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct SoftmaxKernels {
  using Function = void (*)(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride,
                            size_t rowCount, size_t columnCount);
  // Each row on its own.
  Function rows, logRows;
  // Each column on its own.
  Function columns, logColumns;
};

}  // namespace pare
