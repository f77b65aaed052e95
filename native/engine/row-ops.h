// Softmax and normalization over the thread pool.
#pragma once

#include "engine/execution.h"

namespace pare {

// Softmax, or its logarithm, along the middle dimension of [outer, axis, inner]; `out` may be `in`.
Status softmax(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t outer, size_t axis,
               size_t inner, bool logarithm = false);

// Layer norm or RMS norm of rows (see layer-norm.h). `skip` may have fewer rows than `in`, a divisor of their number,
// and is then used again from its first row on.
Status normalizeRows(const Execution& execution, const LayerNormRows& rows, size_t skipRowCount = 0);

}  // namespace pare
