// Conversion between number types over the thread pool (see kernels/convert.h for the rules).
#pragma once

#include <optional>

#include "engine/data-type.h"
#include "engine/execution.h"

namespace pare {

// A type's place in the kernels' tables; none for those narrower than a byte, halves, complex numbers and strings.
std::optional<Number> numberOf(DataType dtype);
constexpr TypeSet kernelNumbers = types::f32 | types::f64 | types::integers | types::boolean;

// Between any two types but strings and complex numbers. Halves, smaller floats and packed integers go by way of
// float32, packed integers to and from integers by way of int32. Smaller floats saturate where `saturates`; float8e8m0
// rounds to the nearest power of two, up or down. `in` and `out` do not overlap.
struct Conversion {
  DataType from, to;
  bool saturates = true;
  enum class PowerRounding : uint8_t { up, down, nearest } powerRounding = PowerRounding::up;
};
constexpr TypeSet convertibles = types::numbers | types::float8s | types::narrow | types::boolean;
Status convert(const Execution& execution, const Conversion& conversion, const void* in, void* out, size_t count);

}  // namespace pare
