// float32 ⇄ integers on a grid (see quantize.h): plain loops that the compiler vectorizes at every level.
#include "kernels/quantize.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

inline uint32_t bitsOf(float value) { return __builtin_bit_cast(uint32_t, value); }
inline float floatOf(uint32_t bits) { return __builtin_bit_cast(float, bits); }

constexpr uint32_t signBit = 0x80000000u;
constexpr uint32_t infinityBits = 0x7f800000u;
// Adding 1.5 · 2^23 leaves a float whose last place is one: the float unit rounds to nearest even, and the low bits are
// the integer, for magnitudes below 2^22.
constexpr float roundingOffset = 12582912.0f;
constexpr uint32_t roundingBits = 0x4b400000u;

// Patterns of one sign are ordered as integers, which, unlike floats, may be reduced in any order: the largest signed
// pattern is the largest positive value, the largest unsigned one is the most negative value.
void range(const UnalignedFloat* in, size_t count, float* low, float* high) {
  int32_t largest = static_cast<int32_t>(bitsOf(*high));
  uint32_t lowest = bitsOf(*low);
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = bitsOf(in[i]);
    const uint32_t finite = (bits & ~signBit) < infinityBits ? bits : 0;
    const auto positive = static_cast<int32_t>(finite);
    largest = positive > largest ? positive : largest;
    lowest = finite > lowest ? finite : lowest;
  }
  *high = floatOf(static_cast<uint32_t>(largest));
  *low = lowest >= signBit ? floatOf(lowest) : 0.0f;
}

void columnRanges(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, float* __restrict low,
                  float* __restrict high) {
  for (size_t row = 0; row < rowCount; row++) {
    const UnalignedFloat* values = in + row * stride;
    for (size_t i = 0; i < columnCount; i++) {
      const uint32_t bits = bitsOf(values[i]);
      const float value = floatOf((bits & ~signBit) < infinityBits ? bits : 0);
      low[i] = value < low[i] ? value : low[i];
      high[i] = value > high[i] ? value : high[i];
    }
  }
}

// Clipping before rounding is the same as after, for the bounds are integers.
inline uint32_t roundToGrid(float value, float scale, float lowest, float highest) {
  float ratio = value / scale;
  ratio = ratio > lowest ? ratio : lowest;
  ratio = ratio < highest ? ratio : highest;
  ratio = value == value ? ratio : 0.0f;
  return bitsOf(ratio + roundingOffset) - roundingBits;
}

template <class Integer>
size_t quantizeRuns(const UnalignedFloat* in, void* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints, int32_t low, int32_t high) {
  auto* target = static_cast<typename Unaligned<Integer>::Type*>(out);
  size_t nans = 0;
  for (size_t run = 0; run < runCount; run++, in += runLength, target += runLength) {
    const float scale = scales[run];
    const int32_t zeroPoint = zeroPoints[run];
    const auto lowest = static_cast<float>(low - zeroPoint), highest = static_cast<float>(high - zeroPoint);
    uint32_t nansOfRun = 0;
    for (size_t i = 0; i < runLength; i++) {
      const float value = in[i];
      nansOfRun += value != value;
      target[i] = static_cast<Integer>(roundToGrid(value, scale, lowest, highest) + static_cast<uint32_t>(zeroPoint));
    }
    nans += nansOfRun;
  }
  return nans;
}

template <class Integer>
size_t quantizeColumns(const UnalignedFloat* in, void* out, size_t count, const float* scales,
                       const int32_t* zeroPoints, int32_t low, int32_t high) {
  auto* target = static_cast<typename Unaligned<Integer>::Type*>(out);
  uint32_t nans = 0;
  for (size_t i = 0; i < count; i++) {
    const float value = in[i];
    const auto lowest = static_cast<float>(low - zeroPoints[i]), highest = static_cast<float>(high - zeroPoints[i]);
    nans += value != value;
    target[i] =
        static_cast<Integer>(roundToGrid(value, scales[i], lowest, highest) + static_cast<uint32_t>(zeroPoints[i]));
  }
  return nans;
}

template <class Integer>
void dequantizeRuns(const void* in, UnalignedFloat* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints) {
  const auto* source = static_cast<const typename Unaligned<Integer>::Type*>(in);
  for (size_t run = 0; run < runCount; run++, source += runLength, out += runLength) {
    const float scale = scales[run];
    const int32_t zeroPoint = zeroPoints[run];
    for (size_t i = 0; i < runLength; i++) out[i] = static_cast<float>(source[i] - zeroPoint) * scale;
  }
}

template <class Integer>
void dequantizeColumns(const void* in, UnalignedFloat* out, size_t count, const float* scales,
                       const int32_t* zeroPoints) {
  const auto* source = static_cast<const typename Unaligned<Integer>::Type*>(in);
  for (size_t i = 0; i < count; i++) out[i] = static_cast<float>(source[i] - zeroPoints[i]) * scales[i];
}

void packNibbles(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count / 2; i++)
    out[i] = static_cast<uint8_t>((in[2 * i] & 15u) | (static_cast<uint32_t>(in[2 * i + 1]) << 4));
  if (count % 2) out[count / 2] = in[count - 1] & 15u;
}

void unpackUnsigned(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count / 2; i++) {
    out[2 * i] = in[i] & 15u;
    out[2 * i + 1] = in[i] >> 4;
  }
  if (count % 2) out[count - 1] = in[count / 2] & 15u;
}

void unpackSigned(const uint8_t* in, uint8_t* out, size_t count) {
  // x ^ 8 - 8 carries the sign of a nibble into the byte.
  for (size_t i = 0; i < count / 2; i++) {
    out[2 * i] = static_cast<uint8_t>(((in[i] & 15u) ^ 8u) - 8u);
    out[2 * i + 1] = static_cast<uint8_t>(((in[i] >> 4) ^ 8u) - 8u);
  }
  if (count % 2) out[count - 1] = static_cast<uint8_t>(((in[count / 2] & 15u) ^ 8u) - 8u);
}

// Quantizing keeps the low bits only, hence one function for both signs.
template <class Integer, class Bits>
constexpr QuantizeKernels::Storage storage{quantizeRuns<Bits>, quantizeColumns<Bits>, dequantizeRuns<Integer>,
                                           dequantizeColumns<Integer>};

}  // namespace

extern const QuantizeKernels quantizeKernels;
const QuantizeKernels quantizeKernels{
    .range = range,
    .columnRanges = columnRanges,
    .int8 = storage<int8_t, uint8_t>,
    .uint8 = storage<uint8_t, uint8_t>,
    .int16 = storage<int16_t, uint16_t>,
    .uint16 = storage<uint16_t, uint16_t>,
    .packNibbles = packNibbles,
    .unpackSigned = unpackSigned,
    .unpackUnsigned = unpackUnsigned,
};

}  // namespace pare::PARE_LEVEL
