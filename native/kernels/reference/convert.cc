// The slow, obvious version of convert.h: by way of long double, which holds every number of every type.
#include "kernels/convert.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

namespace pare::PARE_LEVEL {
namespace {

// On Arm too, long double has 64 bits of fraction at least.
static_assert(std::numeric_limits<long double>::digits >= 64);

template <class To>
To wholeOf(long double value) {
  // What the machine converts to first: 32 bits, unless the result has more.
  constexpr int bits = sizeof(To) > 4 ? 64 : 32;
  const long double half = std::ldexp(1.0L, bits - 1);
  const bool isUpper = std::is_unsigned_v<To> && sizeof(To) >= 4 && value >= half;
  const long double whole = std::trunc(isUpper ? value - half : value);
  const bool fits = whole >= -half && whole < half;
  const auto low = static_cast<uint64_t>(static_cast<int64_t>(fits ? whole : -half));
  return static_cast<To>(isUpper ? low ^ (uint64_t{1} << (bits - 1)) : low);
}

template <size_t from, size_t to>
void convert(const void* in, void* out, size_t count) {
  using From = typename NumberType<static_cast<Number>(from)>::Type;
  using To = typename NumberType<static_cast<Number>(to)>::Type;
  const auto* read = static_cast<const typename Unaligned<From>::Type*>(in);
  auto* write = static_cast<typename Unaligned<To>::Type*>(out);
  for (size_t i = 0; i < count; i++) {
    const From value = read[i];
    if (static_cast<Number>(to) == Number::boolean && from != to)
      write[i] = static_cast<To>(value != 0);
    else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>)
      write[i] = wholeOf<To>(value);
    else
      write[i] = static_cast<To>(value);
  }
}

template <size_t from, size_t... to>
constexpr void setRow(ConvertKernels& kernels, std::index_sequence<to...>) {
  ((kernels.functions[from][to] = convert<from, to>), ...);
}
template <size_t... from>
constexpr ConvertKernels kernelsOf(std::index_sequence<from...>) {
  ConvertKernels kernels{};
  (setRow<from>(kernels, std::make_index_sequence<numberCount>{}), ...);
  return kernels;
}

}  // namespace

extern const ConvertKernels convertKernels;
const ConvertKernels convertKernels = kernelsOf(std::make_index_sequence<numberCount>{});

}  // namespace pare::PARE_LEVEL
