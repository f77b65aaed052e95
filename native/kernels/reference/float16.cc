// The slow, obvious version of float16.h: every bit pattern by arithmetic on its value.
#include "kernels/float16.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace pare::PARE_LEVEL {
namespace {

// The value of a 16-bit pattern with `exponentBits` of exponent, by the formula of IEEE 754.
double valueOf(uint16_t bits, int exponentBits) {
  const int fractionBits = 15 - exponentBits;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const int exponent = (bits >> fractionBits) & ((1 << exponentBits) - 1);
  const int fraction = bits & ((1 << fractionBits) - 1);
  const double sign = (bits & 0x8000) ? -1.0 : 1.0;
  if (exponent == (1 << exponentBits) - 1)
    return fraction ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fractionBits);
  return sign * std::ldexp((1 << fractionBits) + fraction, exponent - bias - fractionBits);
}

// The nearest 16-bit pattern, found by rounding the value to the spacing of its binade.
uint16_t nearest(float value, int exponentBits) {
  const int fractionBits = 15 - exponentBits;
  const int bias = (1 << (exponentBits - 1)) - 1;
  const uint16_t infinity = static_cast<uint16_t>(((1 << exponentBits) - 1) << fractionBits);
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value))  // quiet, the payload's upper bits kept
    return static_cast<uint16_t>(sign | infinity | (1 << (fractionBits - 1)) |
                                 ((bits & 0x7fffffu) >> (23 - fractionBits)));
  const double magnitude = std::fabs(static_cast<double>(value));
  if (magnitude == 0) return sign;
  if (std::isinf(value)) return sign | infinity;
  const int exponent = std::max(std::ilogb(magnitude), 1 - bias);
  const double steps = std::nearbyint(std::ldexp(magnitude, fractionBits - exponent));
  // `steps` counts units in the last place; patterns of a sign are ordered by value, so a carry needs no care.
  const int64_t pattern = (static_cast<int64_t>(exponent + bias - 1) << fractionBits) + static_cast<int64_t>(steps);
  return static_cast<uint16_t>(sign | std::min<int64_t>(pattern, infinity));
}

template <int exponentBits>
void to(const UnalignedFloat* in, UnalignedUint16* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = nearest(in[i], exponentBits);
}

template <int exponentBits>
void from(const UnalignedUint16* in, UnalignedFloat* out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const double value = valueOf(in[i], exponentBits);
    if (std::isnan(value)) {
      // NaN keeps its sign and payload; a float16 one becomes quiet, a bfloat16 one is only widened.
      const uint32_t fraction = exponentBits == 5 ? ((in[i] & 0x3ffu) << 13) | 0x400000u : (in[i] & 0x7fu) << 16;
      const uint32_t bits = (static_cast<uint32_t>(in[i] & 0x8000u) << 16) | 0x7f800000u | fraction;
      float nan;
      std::memcpy(&nan, &bits, sizeof nan);
      out[i] = nan;
    } else {
      out[i] = static_cast<float>(value);
    }
  }
}

size_t clamp(const UnalignedFloat* in, UnalignedFloat* out, size_t count, float smallest, float largest) {
  size_t moved = 0;
  for (size_t i = 0; i < count; i++) {
    float value = in[i];
    if (value > 0 && value < smallest) value = smallest;
    if (value < 0 && value > -smallest) value = -smallest;
    if (value > largest && std::isfinite(value)) value = largest;
    if (value < -largest && std::isfinite(value)) value = -largest;
    moved += !std::isnan(value) && value != in[i];
    out[i] = value;
  }
  return moved;
}

}  // namespace

extern const Float16Kernels float16Kernels;
const Float16Kernels float16Kernels{to<5>, from<5>, to<8>, from<8>, clamp};

}  // namespace pare::PARE_LEVEL
