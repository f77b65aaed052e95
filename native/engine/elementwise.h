// Elementwise functions of float32 over the thread pool.
#pragma once

#include "engine/broadcast.h"

namespace pare {

// out[i] = function(in[i]); `out` may be `in`.
Status mapUnary(const Execution& execution, Unary function, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                UnaryParameters parameters = {});

// out = function(a, b), of the shape that the two shapes broadcast to. `out` may be one of them that has this shape.
Status mapBinary(const Execution& execution, Binary function, const UnalignedFloat* a, std::span<const int64_t> aDims,
                 const UnalignedFloat* b, std::span<const int64_t> bDims, UnalignedFloat* out);

}  // namespace pare
