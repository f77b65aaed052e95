// Conversion between number types (see convert.h).
#include "kernels/convert.h"

#include "kernels/simd.h"
#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

template <class Type>
constexpr bool isFloat = Type(0.5f) != Type(0);

// The fraction cut off; the least Integer for what it cannot hold.
template <class Integer, class Real>
PARE_INLINE Integer wholeOf(Real value) {
  constexpr Integer least = Integer(Integer(1) << (sizeof(Integer) * 8 - 1));
  constexpr Real bound = -static_cast<Real>(least);
  return value >= -bound && value < bound ? static_cast<Integer>(value) : least;
}

// The same for unsigned integers of `Integer`'s size: the upper half by way of the lower one.
template <class Unsigned, class Integer, class Real>
PARE_INLINE Unsigned unsignedOf(Real value) {
  constexpr Unsigned half = Unsigned(1) << (sizeof(Unsigned) * 8 - 1);
  constexpr Real bound = static_cast<Real>(half);
  const bool isUpper = value >= bound;
  const auto low = static_cast<Unsigned>(wholeOf<Integer>(isUpper ? value - bound : value));
  return isUpper ? low ^ half : low;
}

template <Number to, class From>
PARE_INLINE typename NumberType<to>::Type convertOne(From value) {
  using To = typename NumberType<to>::Type;
  if constexpr (to == Number::boolean)
    return value != 0;
  else if constexpr (!isFloat<From> || isFloat<To>)
    return static_cast<To>(value);
  else if constexpr (to == Number::uint32)
    return unsignedOf<uint32_t, int32_t>(value);
  else if constexpr (to == Number::uint64)
    return unsignedOf<uint64_t, int64_t>(value);
  else if constexpr (to == Number::int64)
    return wholeOf<int64_t>(value);
  else
    return static_cast<To>(wholeOf<int32_t>(value));
}

template <Number from, Number to>
void convert(const void* in, void* out, size_t count) {
  using From = typename NumberType<from>::Type;
  using To = typename NumberType<to>::Type;
  if constexpr (from == to) {
    __builtin_memcpy(out, in, count * sizeof(From));
  } else {
    const auto* __restrict read = static_cast<const typename Unaligned<From>::Type*>(in);
    auto* __restrict write = static_cast<typename Unaligned<To>::Type*>(out);
    for (size_t i = 0; i < count; i++) write[i] = convertOne<to>(From(read[i]));
  }
}

template <Number from, int... to>
constexpr void setRow(ConvertKernels& kernels, Lanes<to...>) {
  ((kernels.functions[static_cast<size_t>(from)][to] = convert<from, static_cast<Number>(to)>), ...);
}
template <int... from>
constexpr ConvertKernels kernelsOf(Lanes<from...>) {
  ConvertKernels kernels{};
  (setRow<static_cast<Number>(from)>(kernels, LaneNumbers<numberCount>{}), ...);
  return kernels;
}

}  // namespace

extern const ConvertKernels convertKernels;
const ConvertKernels convertKernels = kernelsOf(LaneNumbers<numberCount>{});

}  // namespace pare::PARE_LEVEL
