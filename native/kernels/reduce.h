// Rows or columns of float32 reduced to one number each, and where their extremes are.
//
// Operation: the elements of a row (or of a column) are accumulated, divided, and finished. Sums are kept in float64
// after a few additions (see row-sums.h), products always. NaN makes the result NaN. Nothing accumulated is the neutral
// element: 0, 1 for products, ∓∞ for extremes and for logSumExp. Layout: rows `stride` elements apart, any alignment.
// Floor: 4 bytes an element over the memory's bandwidth.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

enum class Accumulation : uint8_t { sum, sumSquare, sumAbsolute, product, maximum, minimum, logSumExp };
constexpr size_t accumulationCount = static_cast<size_t>(Accumulation::logSumExp) + 1;

// What becomes of the accumulated number; extremes and logSumExp are left as they are.
struct ReductionEnd {
  enum class Function : uint8_t { none, squareRoot, logarithm };
  double divisor = 1;
  Function function = Function::none;
};

struct ReduceKernels {
  using Function = void (*)(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount,
                            const ReductionEnd& end, UnalignedFloat* out);
  Function rows[accumulationCount];     // out[rowCount]
  Function columns[accumulationCount];  // out[columnCount]

  // The index of the largest (or smallest) element, the first (or last) of equal ones; NaN counts as more extreme than
  // any other. There is at least one element to choose from, and fewer than 2³¹.
  using IndexFunction = void (*)(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount,
                                 bool smallest, bool last, Unaligned<int64_t>::Type* out);
  IndexFunction rowExtremes, columnExtremes;
};

}  // namespace pare
