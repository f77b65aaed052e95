// From an element type that is known when a plan runs to a C++ type.
#pragma once

#include <cstdint>

#include "engine/data-type.h"

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

}  // namespace pare
