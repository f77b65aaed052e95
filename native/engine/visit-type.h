// From an element type that is known when a plan runs to a C++ type.
#pragma once

#include <cstdint>

#include "engine/data-type.h"
#include "engine/status.h"

namespace pare {

// Calls visit(T{}) with the C++ type of an integer; bool is a byte. Anything else is a mistake of the op's prepare.
template <class Visit>
auto visitInteger(DataType type, Visit&& visit) {
  switch (type) {
    case DataType::int8:
      return visit(int8_t{});
    case DataType::int16:
      return visit(int16_t{});
    case DataType::uint16:
      return visit(uint16_t{});
    case DataType::int32:
      return visit(int32_t{});
    case DataType::uint32:
      return visit(uint32_t{});
    case DataType::int64:
      return visit(int64_t{});
    case DataType::uint64:
      return visit(uint64_t{});
    default:
      return visit(uint8_t{});
  }
}

// The same with float64.
template <class Visit>
auto visitOther(DataType type, Visit&& visit) {
  return type == DataType::float64 ? visit(double{}) : visitInteger(type, visit);
}

// The types that visitType knows.
constexpr TypeSet visitedTypes = types::f32 | types::f64 | types::integers | types::boolean;

// Calls visit.operator()<T>() with the C++ type of a number; bool is a byte.
template <class Visit>
Status visitType(DataType type, Visit&& visit) {
  if (type == DataType::float32) return visit.template operator()<float>();
  return visitOther(type, [&]<class T>(T) { return visit.template operator()<T>(); });
}

// The types whose elements are whole bytes, at most 8.
constexpr TypeSet wholeByteTypes = types::numbers | types::boolean | types::float8s | DataType::complex64;

// Calls visit.operator()<T>() with the unsigned type that is as large as an element.
template <class Visit>
Status visitSize(DataType type, Visit&& visit) {
  switch (bitsOf(type)) {
    case 8:
      return visit.template operator()<uint8_t>();
    case 16:
      return visit.template operator()<uint16_t>();
    case 32:
      return visit.template operator()<uint32_t>();
    default:
      return visit.template operator()<uint64_t>();
  }
}

}  // namespace pare
