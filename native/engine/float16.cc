// float32 ⇄ float16 and bfloat16 (see float16.h).
#include "engine/float16.h"

namespace pare {

void toHalf(const Execution& execution, HalfFormat format, const UnalignedFloat* in, UnalignedUint16* out,
            size_t count) {
  const Float16Kernels& table = *execution.kernels.float16;
  const auto convert = format == HalfFormat::float16 ? table.toFloat16 : table.toBfloat16;
  execution.forEachChunk(count, elementwiseGrain,
                         [&](size_t begin, size_t end) { convert(in + begin, out + begin, end - begin); });
}

void fromHalf(const Execution& execution, HalfFormat format, const UnalignedUint16* in, UnalignedFloat* out,
              size_t count) {
  const Float16Kernels& table = *execution.kernels.float16;
  const auto convert = format == HalfFormat::float16 ? table.fromFloat16 : table.fromBfloat16;
  execution.forEachChunk(count, elementwiseGrain,
                         [&](size_t begin, size_t end) { convert(in + begin, out + begin, end - begin); });
}

}  // namespace pare
