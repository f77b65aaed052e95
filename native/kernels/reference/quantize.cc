// The slow, obvious version of quantize.h: one element at a time, in numpy's order of operations.
#include "kernels/quantize.h"

#include <algorithm>
#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

void range(const UnalignedFloat* in, size_t count, float* low, float* high) {
  for (size_t i = 0; i < count; i++) {
    const float value = in[i];  // a reference to it would claim to be aligned
    if (!std::isfinite(value)) continue;
    *low = std::min(*low, value);
    *high = std::max(*high, value);
  }
}

void rangeRuns(const UnalignedFloat* in, size_t runLength, size_t runCount, float* low, float* high) {
  for (size_t run = 0; run < runCount; run++) range(in + run * runLength, runLength, low + run, high + run);
}

void columnRanges(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, float* low,
                  float* high) {
  for (size_t row = 0; row < rowCount; row++)
    for (size_t i = 0; i < columnCount; i++) range(in + row * stride + i, 1, low + i, high + i);
}

// In numpy's order of operations and precisions.
void findGrids(const float* low, const float* high, size_t count, GridRule rule, float* scales, int32_t* zeroPoints) {
  for (size_t i = 0; i < count; i++) {
    float least = low[i], most = high[i];
    if (rule.symmetric) {
      most = std::max(-least, most);
      least = -most;
    }
    double width = static_cast<double>(most) - static_cast<double>(least);
    if (rule.blocked && std::isfinite(most - least)) width = most - least;
    double scale = width / (static_cast<double>(rule.high) - rule.low);
    if (rule.blocked) scale = static_cast<float>(scale);
    const bool vanishes = scale < 0x1p-126;  // the smallest normal float32
    scales[i] = vanishes ? 1.0f : static_cast<float>(scale);
    if (rule.symmetric)
      zeroPoints[i] = vanishes && !rule.blocked ? 0 : static_cast<int32_t>(std::rint((rule.low + rule.high) / 2.0));
    else
      zeroPoints[i] =
          vanishes ? 0 : std::clamp(static_cast<int32_t>(std::rint(rule.low - least / scale)), rule.low, rule.high);
  }
}

int32_t quantizeOne(float value, float scale, int32_t zeroPoint, int32_t low, int32_t high) {
  if (std::isnan(value)) return zeroPoint;
  const float rounded = std::rint(value / scale) + static_cast<float>(zeroPoint);
  return static_cast<int32_t>(std::clamp(rounded, static_cast<float>(low), static_cast<float>(high)));
}

template <class Integer>
size_t quantizeColumns(const UnalignedFloat* in, void* out, size_t count, const float* scales,
                       const int32_t* zeroPoints, int32_t low, int32_t high, const QuickScales&) {
  size_t nans = 0;
  for (size_t i = 0; i < count; i++) {
    nans += std::isnan(in[i]);
    static_cast<typename Unaligned<Integer>::Type*>(out)[i] =
        static_cast<Integer>(quantizeOne(in[i], scales[i], zeroPoints[i], low, high));
  }
  return nans;
}

template <class Integer>
size_t quantizeRuns(const UnalignedFloat* in, void* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints, int32_t low, int32_t high) {
  size_t nans = 0;
  for (size_t run = 0; run < runCount; run++)
    for (size_t i = run * runLength; i < (run + 1) * runLength; i++)
      nans += quantizeColumns<Integer>(in + i, static_cast<typename Unaligned<Integer>::Type*>(out) + i, 1,
                                       scales + run, zeroPoints + run, low, high, {});
  return nans;
}

template <class Integer>
void dequantizeColumns(const void* in, UnalignedFloat* out, size_t count, const float* scales,
                       const int32_t* zeroPoints) {
  for (size_t i = 0; i < count; i++)
    out[i] =
        static_cast<float>(static_cast<const typename Unaligned<Integer>::Type*>(in)[i] - zeroPoints[i]) * scales[i];
}

template <class Integer>
void dequantizeRuns(const void* in, UnalignedFloat* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints) {
  for (size_t run = 0; run < runCount; run++)
    for (size_t i = run * runLength; i < (run + 1) * runLength; i++)
      dequantizeColumns<Integer>(static_cast<const typename Unaligned<Integer>::Type*>(in) + i, out + i, 1,
                                 scales + run, zeroPoints + run);
}

void packNibbles(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count; i += 2)
    out[i / 2] = static_cast<uint8_t>((in[i] % 16) + 16 * (i + 1 < count ? in[i + 1] % 16 : 0));
}

void unpackUnsigned(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = i % 2 ? in[i / 2] / 16 : in[i / 2] % 16;
}

void unpackSigned(const uint8_t* in, uint8_t* out, size_t count) {
  unpackUnsigned(in, out, count);
  for (size_t i = 0; i < count; i++)
    if (out[i] >= 8) out[i] = static_cast<uint8_t>(out[i] - 16);
}

template <class Integer>
constexpr QuantizeKernels::Storage storage{quantizeRuns<Integer>, quantizeColumns<Integer>, dequantizeRuns<Integer>,
                                           dequantizeColumns<Integer>};

}  // namespace

extern const QuantizeKernels quantizeKernels;
const QuantizeKernels quantizeKernels{
    .rangeRuns = rangeRuns,
    .columnRanges = columnRanges,
    .findGrids = findGrids,
    .prepareScales = nullptr,
    .int8 = storage<int8_t>,
    .uint8 = storage<uint8_t>,
    .int16 = storage<int16_t>,
    .uint16 = storage<uint16_t>,
    .packNibbles = packNibbles,
    .unpackSigned = unpackSigned,
    .unpackUnsigned = unpackUnsigned,
};

}  // namespace pare::PARE_LEVEL
