// Reductions of float32 tensors over any axes, and the indices of extremes, over the thread pool.
#pragma once

#include <span>

#include "engine/execution.h"

namespace pare {

enum class Reduction : uint8_t { sum, mean, max, min, product, sumSquare, l1, l2, logSum, logSumExp };

// `axes` are distinct, ascending and below the rank; none of them leaves every element by itself. Of no elements the
// result is the neutral one (mean: NaN).
Status reduce(const Execution& execution, Reduction reduction, const UnalignedFloat* in, std::span<const int64_t> dims,
              std::span<const size_t> axes, UnalignedFloat* out);

// ArgMax and ArgMin along the middle dimension of [outer, axis, inner]: the first index of equal elements, or the last;
// NaN is more extreme than any other.
Status extremeIndex(const Execution& execution, const UnalignedFloat* in, size_t outer, size_t axis, size_t inner,
                    bool smallest, bool last, Unaligned<int64_t>::Type* out);

}  // namespace pare
