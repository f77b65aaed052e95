// NaN, for templates that take integers as well.
#pragma once

#include <cmath>
#include <type_traits>

namespace pare {

template <class T>
bool isNan([[maybe_unused]] T value) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
  return false;
}

}  // namespace pare
