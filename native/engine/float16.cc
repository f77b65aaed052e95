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

uint64_t clampForFloat16(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                         float smallest, float largest) {
  std::atomic<uint64_t> moved{0};
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    moved += execution.kernels.float16->clamp(in + begin, out + begin, end - begin, smallest, largest);
  });
  return moved.load();
}

}  // namespace pare
