// The slow, obvious version of four-bit.h: one column, one value at a time.
#include "kernels/four-bit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pare::PARE_LEVEL {
namespace {

uint8_t quantizeOne(float value, float scale, uint8_t zeroPoint) {
  if (std::isnan(value)) return zeroPoint;
  const float reciprocal = scale != 0 ? 1.0f / scale : 0.0f;
  const float rounded = std::round(value * reciprocal + static_cast<float>(zeroPoint));
  return std::isnan(rounded) ? 0 : static_cast<uint8_t>(std::clamp(rounded, 0.0f, 15.0f));
}

size_t packMatMulNBits(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, size_t blockSize,
                       bool symmetric, uint8_t* data, size_t dataStride, UnalignedFloat* scales, size_t scaleStride,
                       uint8_t* zeroPoints) {
  size_t nans = 0;
  for (size_t c = 0; c < columnCount; c++) {
    float low = std::numeric_limits<float>::max(), high = -low;
    for (size_t row = 0; row < rowCount; row++) {
      const float value = in[row * stride + c];
      nans += std::isnan(value);
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (low > high) low = high = 0;
    float scale;
    uint8_t zeroPoint = 8;
    if (symmetric) {
      scale = -(std::fabs(high) > std::fabs(low) ? high : low) / 8;
    } else {
      low = std::min(low, 0.0f);
      high = std::max(high, 0.0f);
      scale = (high - low) / 15;
      const float exact = scale != 0 ? -low / scale : low;
      zeroPoint = static_cast<uint8_t>(std::round(std::clamp(exact, 0.0f, 15.0f)));
    }
    scales[c * scaleStride] = scale;
    zeroPoints[c] = zeroPoint;
    for (size_t row = 0; row < blockSize; row++) {
      const uint8_t q = row < rowCount ? quantizeOne(in[row * stride + c], scale, zeroPoint) : uint8_t{0};
      uint8_t& byte = data[c * dataStride + row / 2];
      byte = static_cast<uint8_t>(row % 2 ? byte | q << 4 : q);
    }
  }
  return nans;
}

void unpackMatMulNBits(const uint8_t* data, size_t dataStride, size_t rowCount, size_t columnCount, const float* scales,
                       const uint8_t* zeroPoints, float* out) {
  for (size_t row = 0; row < rowCount; row++)
    for (size_t c = 0; c < columnCount; c++) {
      const int code = data[c * dataStride + row / 2] >> (row % 2 * 4) & 15;
      out[row * columnCount + c] = static_cast<float>(code - zeroPoints[c]) * scales[c];
    }
}

uint8_t codeNf4(float value) {
  return static_cast<uint8_t>(std::count_if(nf4Pivots, nf4Pivots + 15, [=](float pivot) { return value > pivot; }));
}

uint8_t codeFp4(float value) {
  static constexpr uint8_t codes[8] = {0, 1, 6, 7, 4, 5, 2, 3};
  const auto rank = std::count_if(fp4Pivots, fp4Pivots + 7, [=](float pivot) { return std::fabs(value) > pivot; });
  return static_cast<uint8_t>(codes[rank] + (value < 0 ? 8 : 0));
}

template <uint8_t code(float)>
size_t packBnb4(const float* in, size_t count, uint8_t* out, UnalignedFloat* absmax) {
  float magnitude = 0;
  size_t nans = 0;
  for (size_t i = 0; i < count; i++) {
    nans += std::isnan(in[i]);
    if (std::isfinite(in[i])) magnitude = std::max(magnitude, std::fabs(in[i]));
  }
  *absmax = magnitude;
  const float reciprocal = magnitude != 0 ? 1.0f / magnitude : 0.0f;
  const auto codeAt = [&](size_t i) -> uint8_t {
    return code(i < count && !std::isnan(in[i]) ? in[i] * reciprocal : 0.0f);
  };
  for (size_t i = 0; i < count; i += 2) out[i / 2] = static_cast<uint8_t>(codeAt(i) << 4 | codeAt(i + 1));
  return nans;
}

template <const float (&values)[16]>
void unpackBnb4(const uint8_t* data, size_t count, float absmax, float* out) {
  for (size_t i = 0; i < count; i++) out[i] = values[i % 2 ? data[i / 2] & 15 : data[i / 2] >> 4] * absmax;
}

}  // namespace

extern const FourBitKernels fourBitKernels;
const FourBitKernels fourBitKernels{.packMatMulNBits = packMatMulNBits,
                                    .unpackMatMulNBits = unpackMatMulNBits,
                                    .packNf4 = packBnb4<codeNf4>,
                                    .packFp4 = packBnb4<codeFp4>,
                                    .unpackNf4 = unpackBnb4<nf4Values>,
                                    .unpackFp4 = unpackBnb4<fp4Values>};

}  // namespace pare::PARE_LEVEL
