// Activations (see activation.h) on a vector of the level. NaN stays NaN.
#pragma once

#include "kernels/activation.h"
#include "kernels/math-inline.h"

namespace pare::PARE_LEVEL {

template <Activation::Kind kind>
PARE_INLINE FloatVector activate(FloatVector x, FloatVector alpha, FloatVector beta) {
  using Kind = Activation::Kind;
  const FloatVector zero = broadcastFloat(0), one = broadcastFloat(1);
  if constexpr (kind == Kind::clip) return atMost(beta, atLeast(alpha, x));
  // One of the two is x, and the other zero.
  if constexpr (kind == Kind::leakyRelu) return multiplyAdd(atLeast(zero, x), atMost(zero, x), alpha);
  if constexpr (kind == Kind::hardSigmoid) return atMost(one, atLeast(zero, multiplyAdd(beta, x, alpha)));
  if constexpr (kind == Kind::hardSwish) return x * atMost(one, atLeast(zero, multiplyAdd(beta, x, alpha)));
  if constexpr (kind == Kind::sigmoid) return (FloatVector)sigmoidOf((Floats)x);
  if constexpr (kind == Kind::silu) return (FloatVector)siluOf((Floats)x);
  if constexpr (kind == Kind::tanh) return (FloatVector)tanhOf((Floats)x);
  if constexpr (kind == Kind::gelu) return (FloatVector)geluOf((Floats)x);
  if constexpr (kind == Kind::geluTanh) return (FloatVector)geluTanhOf((Floats)x);
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
    case Kind::tanh:
      return with.template operator()<Kind::tanh>();
    case Kind::gelu:
      return with.template operator()<Kind::gelu>();
    case Kind::geluTanh:
      return with.template operator()<Kind::geluTanh>();
  }
}

}  // namespace pare::PARE_LEVEL
