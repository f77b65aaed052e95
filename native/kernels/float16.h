// Conversion between float32 and the two 16-bit floating-point formats.
//
// Operation: element by element, nearest with ties to even; overflow goes to infinity, NaN stays NaN (quiet), denormals
// are exact. Layout: contiguous, any alignment. Floor: 6 bytes an element over the memory's bandwidth. Formats: IEEE
// 754-2019 binary16; bfloat16 is the upper half of binary32.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct Float16Kernels {
  void (*toFloat16)(const UnalignedFloat* in, UnalignedUint16* out, size_t count);
  void (*fromFloat16)(const UnalignedUint16* in, UnalignedFloat* out, size_t count);
  void (*toBfloat16)(const UnalignedFloat* in, UnalignedUint16* out, size_t count);
  void (*fromBfloat16)(const UnalignedUint16* in, UnalignedFloat* out, size_t count);
  // Moves finite magnitudes other than zero into [smallest, largest], the sign kept, and returns how many moved: what a
  // model needs before it becomes float16. `out` may be `in`; count is below 2³².
  size_t (*clamp)(const UnalignedFloat* in, UnalignedFloat* out, size_t count, float smallest, float largest);
};

}  // namespace pare
