// Functions of one float32, element by element.
//
// Operation: out[i] = f(in[i]), with up to two parameters. Layout: contiguous, any alignment; `out` may be `in`. Floor:
// 8 bytes an element over the memory's bandwidth, or from 13 (exp) to 30 vector operations. Within 2 last places of
// the exact value for exp, log, tanh, erf and sigmoid, denormal results included; NaN gives NaN. The definitions are
// ONNX's (opset 22), those of com.microsoft for quickGelu.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

enum class Unary : uint8_t {
  abs,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  ceil,
  celu,  // alpha, above zero
  clip,  // alpha ≤ x ≤ beta; beta where alpha is above it
  cos,
  cosh,
  elu,  // alpha
  erf,
  exp,
  floor,
  gelu,         // with erf
  geluTanh,     // with tanh, an approximation
  hardSigmoid,  // clip(alpha · x + beta, 0, 1)
  hardSwish,    // x · hardSigmoid(x) with 1/6 and 1/2
  leakyRelu,    // alpha
  log,
  mish,
  neg,
  quickGelu,  // x · sigmoid(alpha · x)
  reciprocal,
  relu,
  round,   // ties to even
  selu,    // alpha, gamma as beta
  shrink,  // lambda as alpha, bias as beta
  sigmoid,
  sign,
  silu,
  sin,
  sinh,
  softplus,
  softsign,
  sqrt,
  tan,
  tanh,
  thresholdedRelu,  // alpha
};
constexpr size_t unaryCount = static_cast<size_t>(Unary::thresholdedRelu) + 1;

struct UnaryParameters {
  float alpha = 0, beta = 0;
};

struct MathKernels {
  using Map = void (*)(const UnalignedFloat* in, UnalignedFloat* out, size_t count, UnaryParameters parameters);
  Map maps[unaryCount];

  Map operator[](Unary function) const { return maps[static_cast<size_t>(function)]; }
};

}  // namespace pare
