// Functions of two float32, element by element.
//
// Operation: out[i] = f(a[i], b[i]), each side an array or one number. Layout: contiguous, any alignment; `out` may be
// `a` or `b`. Floor: 12 bytes an element over the memory's bandwidth, 8 where one side is a number. Rules: ONNX's; min
// and max are NaN where either side is (as numpy's). pow is exact for the exponents 1, 2, ½, 0 and −1, where b is one
// number, off by a last place for 3, and otherwise the C library's, an element at a time, as mod (C's fmod) always is.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

enum class Binary : uint8_t {
  add,
  sub,
  mul,
  div,
  min,
  max,
  mod,  // the sign is a's
  pow,
  prelu,  // a, or a·b where a is negative
  // Gradients: a is that of the result, b the result.
  reluGrad,     // a where b > 0, else 0
  sigmoidGrad,  // a·b·(1 − b)
  tanhGrad,     // a·(1 − b²)
};
constexpr size_t binaryCount = static_cast<size_t>(Binary::tanhGrad) + 1;

struct BinaryKernels {
  using Function = void (*)(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count);
  struct Forms {
    Function arrays, numberRight, numberLeft;  // one of both numbers is any of them
  };
  Forms forms[binaryCount];

  const Forms& operator[](Binary function) const { return forms[static_cast<size_t>(function)]; }
};

}  // namespace pare
