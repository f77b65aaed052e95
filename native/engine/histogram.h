// The extent and the histogram of an array of floats over the thread pool; see kernels/histogram.h.
#pragma once

#include <vector>

#include "engine/execution.h"

namespace pare {

// Low and high are +∞ and −∞ where no value is finite.
Status findExtent(const Execution& execution, const UnalignedFloat* in, size_t count, Extent* extent);

// counts[i]: values from edges[i] to edges[i + 1].
Status countBins(const Execution& execution, const UnalignedFloat* in, size_t count, const std::vector<float>& edges,
                 std::vector<uint64_t>& counts);

}  // namespace pare
