// Elementwise functions of float32 over the thread pool.
#pragma once

#include "engine/execution.h"

namespace pare {

// out[i] = function(in[i]); `out` may be `in`.
Status mapUnary(const Execution& execution, Unary function, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                UnaryParameters parameters = {});

}  // namespace pare
