// The number types that kernels for any type have, and how each lies in memory.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

enum class Number : uint8_t { float32, float64, int8, uint8, int16, uint16, int32, uint32, int64, uint64, boolean };
constexpr size_t numberCount = static_cast<size_t>(Number::boolean) + 1;

template <Number>
struct NumberType {
  using Type = uint8_t;  // of uint8 and of bool, a byte that is not 0 where it holds
};
template <>
struct NumberType<Number::float32> {
  using Type = float;
};
template <>
struct NumberType<Number::float64> {
  using Type = double;
};
template <>
struct NumberType<Number::int8> {
  using Type = int8_t;
};
template <>
struct NumberType<Number::int16> {
  using Type = int16_t;
};
template <>
struct NumberType<Number::uint16> {
  using Type = uint16_t;
};
template <>
struct NumberType<Number::int32> {
  using Type = int32_t;
};
template <>
struct NumberType<Number::uint32> {
  using Type = uint32_t;
};
template <>
struct NumberType<Number::int64> {
  using Type = int64_t;
};
template <>
struct NumberType<Number::uint64> {
  using Type = uint64_t;
};

}  // namespace pare
