// Comparing two arrays of floats over the thread pool; see kernels/compare.h for what is summed.
#pragma once

#include "engine/execution.h"

namespace pare {

Status compare(const Execution& execution, const UnalignedFloat* a, const UnalignedFloat* b, size_t count,
               Comparison* sums);

}  // namespace pare
