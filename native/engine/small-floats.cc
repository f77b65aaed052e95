// Floating-point numbers of 8 and 4 bits (see small-floats.h).
#include "engine/small-floats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pare {
namespace {

struct Format {
  int exponentBits, fractionBits, bias;
  bool hasInfinity;  // as IEEE's formats: the largest exponent is for infinity and NaN
  bool hasZeroSign;  // otherwise the pattern of −0 is NaN
  uint8_t nan;       // the pattern, without a sign; 0: there is none
  float largest;
};

Format formatOf(DataType dtype) {
  switch (dtype) {
    case DataType::float8e4m3fn:
      return {4, 3, 7, false, true, 0x7f, 448};
    case DataType::float8e4m3fnuz:
      return {4, 3, 8, false, false, 0x80, 240};
    case DataType::float8e5m2:
      return {5, 2, 15, true, true, 0x7f, 57344};
    case DataType::float8e5m2fnuz:
      return {5, 2, 16, false, false, 0x80, 57344};
    default:
      return {2, 1, 1, false, true, 0, 6};  // float4e2m1
  }
}

constexpr uint8_t powerNan = 0xff;

uint8_t toPower(const Conversion& conversion, float value) {
  if (!std::isfinite(value)) return powerNan;
  const float magnitude = std::fabs(value);
  if (magnitude == 0) return 0;
  int exponent = 0;
  const float fraction = std::frexp(magnitude, &exponent);  // in [0.5, 1)
  exponent -= 1;
  const bool isExact = fraction == 0.5f;
  const bool isUp = conversion.powerRounding == Conversion::PowerRounding::up        ? !isExact
                    : conversion.powerRounding == Conversion::PowerRounding::nearest ? fraction >= 0.75f
                                                                                     : false;
  const int code = exponent + 127 + (isUp ? 1 : 0);
  if (code > 254) return conversion.saturates ? uint8_t{254} : powerNan;
  return static_cast<uint8_t>(std::max(code, 0));
}

}  // namespace

float fromSmallFloat(DataType dtype, uint8_t bits) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  if (dtype == DataType::float8e8m0) return bits == powerNan ? nan : std::ldexp(1.0f, int{bits} - 127);
  const Format format = formatOf(dtype);
  const int width = 1 + format.exponentBits + format.fractionBits;
  const int signBit = 1 << (width - 1), magnitude = bits & (signBit - 1);
  const bool isNegative = (bits & signBit) != 0;
  const int exponent = magnitude >> format.fractionBits, fraction = magnitude & ((1 << format.fractionBits) - 1);
  if (format.hasInfinity && exponent == (1 << format.exponentBits) - 1) {
    if (fraction != 0) return nan;
    return isNegative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
  }
  if (format.hasZeroSign ? format.nan != 0 && magnitude == format.nan : bits == format.nan) return nan;
  const float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), 1 - format.bias - format.fractionBits)
                                    : std::ldexp(static_cast<float>((1 << format.fractionBits) + fraction),
                                                 exponent - format.bias - format.fractionBits);
  return isNegative ? -value : value;
}

uint8_t toSmallFloat(const Conversion& conversion, float value) {
  if (conversion.to == DataType::float8e8m0) return toPower(conversion, value);
  const Format format = formatOf(conversion.to);
  const int width = 1 + format.exponentBits + format.fractionBits;
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? 1 << (width - 1) : 0);
  if (std::isnan(value)) return static_cast<uint8_t>(format.hasZeroSign ? format.nan | sign : format.nan);
  const float magnitude = std::fabs(value);
  // Rounded to the spacing of its binade; the quotient and the product are exact.
  const int exponent = magnitude < std::ldexp(1.0f, 1 - format.bias) ? 1 - format.bias : std::ilogb(magnitude);
  const float step = std::ldexp(1.0f, std::min(exponent, 127) - format.fractionBits);
  const float rounded = std::isinf(magnitude) ? magnitude : std::nearbyint(magnitude / step) * step;
  if (rounded > format.largest) {
    if (!conversion.saturates && format.hasInfinity)
      return static_cast<uint8_t>(sign | ((1 << format.exponentBits) - 1) << format.fractionBits);
    if (!conversion.saturates && format.nan != 0)
      return static_cast<uint8_t>(format.hasZeroSign ? format.nan | sign : format.nan);
    return toSmallFloat(conversion, sign ? -format.largest : format.largest);
  }
  if (rounded == 0) return format.hasZeroSign ? sign : uint8_t{0};
  // Denormals have exponent 0 and no hidden bit; one that rounds up to the next binade carries into the exponent.
  const auto steps = static_cast<int>(rounded / step);
  const int code = ((exponent + format.bias - 1) << format.fractionBits) + steps;
  return static_cast<uint8_t>(sign | code);
}

}  // namespace pare
