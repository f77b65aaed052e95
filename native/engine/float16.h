// float32 ⇄ float16 and bfloat16 over the thread pool. Any alignment; see kernels/float16.h for the rounding.
#pragma once

#include "engine/execution.h"
#include "engine/quantize.h"

namespace pare {

enum class HalfFormat { float16, bfloat16 };

void toHalf(const Execution& execution, HalfFormat format, const UnalignedFloat* in, UnalignedUint16* out,
            size_t count);
void fromHalf(const Execution& execution, HalfFormat format, const UnalignedUint16* in, UnalignedFloat* out,
              size_t count);

// Moves finite magnitudes other than zero into [smallest, largest] and returns how many moved; `out` may be `in`.
uint64_t clampForFloat16(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                         float smallest, float largest);

// What a conversion found on the way: magnitudes that were below and above the bounds, and the rounding of the others.
struct HalfFindings {
  uint64_t raised = 0, lowered = 0;
  QuantizationError error;
};

// toHalf that moves magnitudes into `bounds` first and measures the error in the same pass.
struct HalfBounds {
  float smallest, largest;
};
Status toHalfMeasured(const Execution& execution, HalfFormat format, const UnalignedFloat* in, UnalignedUint16* out,
                      size_t count, const HalfBounds* bounds, HalfFindings* findings);

}  // namespace pare
