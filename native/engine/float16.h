// float32 ⇄ float16 and bfloat16 over the thread pool. Any alignment; see kernels/float16.h for the rounding.
#pragma once

#include "engine/execution.h"

namespace pare {

enum class HalfFormat { float16, bfloat16 };

void toHalf(const Execution& execution, HalfFormat format, const UnalignedFloat* in, UnalignedUint16* out,
            size_t count);
void fromHalf(const Execution& execution, HalfFormat format, const UnalignedUint16* in, UnalignedFloat* out,
              size_t count);

// Moves finite magnitudes other than zero into [smallest, largest] and returns how many moved; `out` may be `in`.
uint64_t clampForFloat16(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                         float smallest, float largest);

}  // namespace pare
