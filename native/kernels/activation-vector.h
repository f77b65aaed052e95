// Activations (see activation.h) on a vector of the level. NaN stays NaN.
#pragma once

#include "kernels/activation.h"
#include "kernels/simd.h"

namespace pare::PARE_LEVEL {

// exp(x), within two units of the last place; what overflows or underflows is clamped to 2^±126. After Cephes: x is
// n·ln 2
// + r with n whole, exp(r) a polynomial, and n goes into the exponent.
PARE_INLINE FloatVector exponential(FloatVector x) {
  const FloatVector bounded = atMost(broadcastFloat(87.33f), atLeast(broadcastFloat(-87.33f), x));
  // Adding 1.5 · 2^23 rounds to a whole number, which then stands in the low bits.
  const FloatVector offset = broadcastFloat(12582912.0f);
  const FloatVector shifted = multiplyAdd(offset, bounded, broadcastFloat(1.44269504f));
  const FloatVector n = shifted - offset;
  const FloatVector r =
      multiplyAdd(multiplyAdd(bounded, n, broadcastFloat(-0.693359375f)), n, broadcastFloat(2.12194440e-4f));
  FloatVector p = broadcastFloat(1.9875691500e-4f);
  p = multiplyAdd(broadcastFloat(1.3981999507e-3f), p, r);
  p = multiplyAdd(broadcastFloat(8.3334519073e-3f), p, r);
  p = multiplyAdd(broadcastFloat(4.1665795894e-2f), p, r);
  p = multiplyAdd(broadcastFloat(1.6666665459e-1f), p, r);
  p = multiplyAdd(broadcastFloat(5.0000001201e-1f), p, r);
  p = multiplyAdd(r + broadcastFloat(1), p, r * r);
  typedef int32_t Lanes __attribute__((vector_size(sizeof(FloatVector))));
  const Lanes scale = ((Lanes)shifted + (127 - 0x4b400000)) << 23;
  return p * (FloatVector)scale;
}

template <Activation::Kind kind>
PARE_INLINE FloatVector activate(FloatVector x, FloatVector alpha, FloatVector beta) {
  using Kind = Activation::Kind;
  const FloatVector zero = broadcastFloat(0), one = broadcastFloat(1);
  if constexpr (kind == Kind::clip) return atMost(beta, atLeast(alpha, x));
  // One of the two is x, and the other zero.
  if constexpr (kind == Kind::leakyRelu) return multiplyAdd(atLeast(zero, x), atMost(zero, x), alpha);
  if constexpr (kind == Kind::hardSigmoid) return atMost(one, atLeast(zero, multiplyAdd(beta, x, alpha)));
  if constexpr (kind == Kind::hardSwish) return x * atMost(one, atLeast(zero, multiplyAdd(beta, x, alpha)));
  if constexpr (kind == Kind::sigmoid) return one / (one + exponential(zero - x));
  if constexpr (kind == Kind::silu) return x / (one + exponential(zero - x));
  return x;
}

// Calls with(kind) with the activation's kind as a constant.
template <class With>
PARE_INLINE void withKind(Activation::Kind kind, With with) {
  using Kind = Activation::Kind;
  switch (kind) {
    case Kind::none:
      return with.template operator()<Kind::none>();
    case Kind::clip:
      return with.template operator()<Kind::clip>();
    case Kind::leakyRelu:
      return with.template operator()<Kind::leakyRelu>();
    case Kind::hardSigmoid:
      return with.template operator()<Kind::hardSigmoid>();
    case Kind::hardSwish:
      return with.template operator()<Kind::hardSwish>();
    case Kind::sigmoid:
      return with.template operator()<Kind::sigmoid>();
    case Kind::silu:
      return with.template operator()<Kind::silu>();
  }
}

}  // namespace pare::PARE_LEVEL
