// float32 ⇄ float16 and bfloat16 (see float16.h).
#include "engine/float16.h"

#include <vector>

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

Status toHalfMeasured(const Execution& execution, HalfFormat format, const UnalignedFloat* in, UnalignedUint16* out,
                      size_t count, const HalfBounds* bounds, HalfFindings* findings) {
  const Float16Kernels& table = *execution.kernels.float16;
  const bool isFloat16 = format == HalfFormat::float16;
  constexpr size_t scratchCount = 2048;  // three buffers that the first-level cache holds
  constexpr float leastDenormal = 0x1p-149f;
  std::vector<HalfFindings> parts((count + elementwiseGrain - 1) / elementwiseGrain);
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    HalfFindings& part = parts[begin / elementwiseGrain];
    UnalignedFloat fitting[scratchCount], restored[scratchCount];
    for (; begin < end; begin += scratchCount) {
      const size_t length = std::min(scratchCount, end - begin);
      const UnalignedFloat* from = in + begin;
      if (bounds) {
        part.lowered += table.clamp(from, fitting, length, leastDenormal, bounds->largest);
        part.raised += table.clamp(fitting, fitting, length, bounds->smallest, bounds->largest);
        from = fitting;
      }
      (isFloat16 ? table.toFloat16 : table.toBfloat16)(from, out + begin, length);
      (isFloat16 ? table.fromFloat16 : table.fromBfloat16)(out + begin, restored, length);
      execution.kernels.compare->error(from, 0, reinterpret_cast<const float*>(restored), 1, length, &part.error);
    }
  });
  std::vector<QuantizationError> errors;
  *findings = {};
  errors.reserve(parts.size());
  for (const HalfFindings& part : parts) {
    findings->raised += part.raised;
    findings->lowered += part.lowered;
    errors.push_back(part.error);
  }
  findings->error = sumOf(errors);
  return execution.outcome();
}

}  // namespace pare
