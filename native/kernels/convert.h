// Conversion between number types, element by element.
//
// Operation: out[i] = in[i] as another type, by the rules that numpy and ONNX Runtime have on x86-64, on every machine.
// Integers keep their low bits. A float loses its fraction; one that int32 cannot hold (int64 for int64), or NaN, is
// the least of these, and narrower types keep the low bits of that; unsigned types of 32 and 64 bits take twice as
// much. bool is whether a number is not zero, as NaN is. Floats round to nearest, ties to even. Layout: contiguous, any
// alignment; `in` and `out` do not overlap. Floor: the bytes of both sides over the memory's bandwidth.
#pragma once

#include "kernels/number.h"

namespace pare {

struct ConvertKernels {
  using Function = void (*)(const void* in, void* out, size_t count);
  Function functions[numberCount][numberCount];  // [from][to]

  Function at(Number from, Number to) const { return functions[static_cast<size_t>(from)][static_cast<size_t>(to)]; }
};

}  // namespace pare
