// The slow, obvious version of binary.h.
#include "kernels/binary.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pare::PARE_LEVEL {
namespace {

float combine(Binary function, float a, float b) {
  const bool hasNan = std::isnan(a) || std::isnan(b);
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
      return hasNan ? std::nanf("") : std::min(a, b);
    case Binary::max:
      return hasNan ? std::nanf("") : std::max(a, b);
    case Binary::mod:
      return std::fmod(a, b);
    case Binary::pow:
      return static_cast<float>(std::pow(double{a}, double{b}));
    case Binary::prelu:
      return a < 0 ? a * b : a;
    case Binary::reluGrad:
      return b > 0 ? a : 0.0f;
    case Binary::sigmoidGrad:
      return a * b * (1 - b);
    case Binary::tanhGrad:
      return a * (1 - b * b);
  }
  return 0;
}

// A side that is one number has step 0.
template <size_t function, size_t stepA, size_t stepB>
void run(const UnalignedFloat* a, const UnalignedFloat* b, UnalignedFloat* out, size_t count) {
  const float firstA = *a, firstB = *b;
  for (size_t i = 0; i < count; i++)
    out[i] = combine(static_cast<Binary>(function), stepA ? float{a[i]} : firstA, stepB ? float{b[i]} : firstB);
}

template <size_t... functions>
constexpr BinaryKernels kernelsOf(std::index_sequence<functions...>) {
  return {{{run<functions, 1, 1>, run<functions, 1, 0>, run<functions, 0, 1>}...}};
}

}  // namespace

extern const BinaryKernels binaryKernels;
const BinaryKernels binaryKernels = kernelsOf(std::make_index_sequence<binaryCount>{});

}  // namespace pare::PARE_LEVEL
