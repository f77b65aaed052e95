// Functions of two float32 (see binary.h).
#include "kernels/binary.h"

#include "kernels/math-inline.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

template <class Function>
PARE_INLINE Floats eachPair(Floats a, Floats b, Function&& function) {
  for (size_t lane = 0; lane < laneCount; lane++) a[lane] = function(a[lane], b[lane]);
  return a;
}

template <Binary function>
PARE_INLINE Floats combine(Floats a, Floats b) {
  switch (function) {
    case Binary::add:
      return a + b;
    case Binary::sub:
      return a - b;
    case Binary::mul:
      return a * b;
    case Binary::div:
      return a / b;
    case Binary::min:
      return a == a ? (Floats)atMost(a, b) : a;
    case Binary::max:
      return a == a ? (Floats)atLeast(a, b) : a;
    case Binary::mod:
      return eachPair(a, b, [](float x, float y) { return __builtin_fmodf(x, y); });
    case Binary::pow:
      return eachPair(a, b, [](float x, float y) { return __builtin_powf(x, y); });
    case Binary::prelu:
      return a < 0.0f ? a * b : a;
    case Binary::reluGrad:
      return b > 0.0f ? a : Floats{};
    case Binary::sigmoidGrad:
      return a * b * (1.0f - b);
    case Binary::tanhGrad:
      return a * (1.0f - b * b);
  }
  return a;
}

template <class Combine>
PARE_INLINE void mapArray(const UnalignedFloat* in, UnalignedFloat* out, size_t count, Combine&& combine) {
  forEachVector(count, [&](size_t i, size_t lanes)
                           PARE_INLINE_LAMBDA { storeFirst(out + i, combine(loadFirst(in + i, lanes)), lanes); });
}

template <Binary function>
void arrays(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count) {
  forEachVector(count, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
    storeFirst(out + i, combine<function>(loadFirst(a + i, lanes), loadFirst(b + i, lanes)), lanes);
  });
}

template <Binary function>
void numberRight(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count) {
  const Floats right = broadcast(*b);
  mapArray(a, out, count, [&](Floats x) PARE_INLINE_LAMBDA { return combine<function>(x, right); });
}

template <Binary function>
void numberLeft(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count) {
  const Floats left = broadcast(*a);
  mapArray(b, out, count, [&](Floats x) PARE_INLINE_LAMBDA { return combine<function>(left, x); });
}

template <>
void numberRight<Binary::pow>(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count) {
  const float exponent = *b;
  if (exponent == 0) return mapArray(a, out, count, [](Floats) PARE_INLINE_LAMBDA { return broadcast(1); });
  if (exponent == 1) return mapArray(a, out, count, [](Floats x) PARE_INLINE_LAMBDA { return x; });
  if (exponent == 2) return mapArray(a, out, count, [](Floats x) PARE_INLINE_LAMBDA { return x * x; });
  if (exponent == 3) return mapArray(a, out, count, [](Floats x) PARE_INLINE_LAMBDA { return x * x * x; });
  if (exponent == -1) return mapArray(a, out, count, [](Floats x) PARE_INLINE_LAMBDA { return 1.0f / x; });
  if (exponent == 0.5f)
    // pow(−0) is +0, and pow(−∞) is +∞.
    return mapArray(a, out, count, [](Floats x) PARE_INLINE_LAMBDA {
      return x == -infinity ? broadcast(infinity) : squareRootOf(x + 0.0f);
    });
  const Floats right = broadcast(exponent);
  mapArray(a, out, count, [&](Floats x) PARE_INLINE_LAMBDA { return combine<Binary::pow>(x, right); });
}

template <int... functions>
constexpr BinaryKernels kernelsOf(Lanes<functions...>) {
  return {{{arrays<static_cast<Binary>(functions)>, numberRight<static_cast<Binary>(functions)>,
            numberLeft<static_cast<Binary>(functions)>}...}};
}

}  // namespace

extern const BinaryKernels binaryKernels;
const BinaryKernels binaryKernels = kernelsOf(LaneNumbers<binaryCount>{});

}  // namespace pare::PARE_LEVEL
