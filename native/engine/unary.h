// Functions of one element of any type: float32 by kernels, float64 by the C library, and integers where ONNX has them.
#pragma once

#include "engine/data-type.h"
#include "engine/execution.h"

namespace pare {

TypeSet typesOf(Unary function);

// out[i] = function(in[i]) for a type of typesOf(function); `out` may be `in`. Integers wrap round: −(−128) is −128.
Status mapUnary(const Execution& execution, Unary function, DataType dtype, const void* in, void* out, size_t count,
                UnaryParameters parameters = {});

}  // namespace pare
