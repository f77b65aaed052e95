// The definitions of math.h's functions, an element at a time: by the C library in double precision, and in the
// numbers' own where the definition is a few operations of theirs. What kernels are tested against, and how float64
// runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/math.h"

namespace pare::definition {

inline double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

// NaN passes.
template <class Number>
Number hardSigmoid(Number x, Number alpha, Number beta) {
  const Number y = alpha * x + beta;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

template <class Number>
double evaluate(Unary function, Number value, Number alpha, Number beta) {
  const double x = value;
  switch (function) {
    case Unary::abs:
      return std::fabs(x);
    case Unary::acos:
      return std::acos(x);
    case Unary::acosh:
      return std::acosh(x);
    case Unary::asin:
      return std::asin(x);
    case Unary::asinh:
      return std::asinh(x);
    case Unary::atan:
      return std::atan(x);
    case Unary::atanh:
      return std::atanh(x);
    case Unary::ceil:
      return std::ceil(x);
    case Unary::celu:
      return x < 0 ? alpha * std::expm1(x / alpha) : x;
    case Unary::clip:
      return std::isnan(x) ? x : std::min(std::max(value, alpha), beta);
    case Unary::cos:
      return std::cos(x);
    case Unary::cosh:
      return std::cosh(x);
    case Unary::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case Unary::erf:
      return std::erf(x);
    case Unary::exp:
      return std::exp(x);
    case Unary::floor:
      return std::floor(x);
    case Unary::gelu:
      return x * std::erfc(-x / std::numbers::sqrt2) / 2;
    case Unary::geluTanh:
      return x * sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
    case Unary::hardSigmoid:
      return hardSigmoid(value, alpha, beta);
    case Unary::hardSwish:
      return value * hardSigmoid(value, Number{1} / 6, Number{0.5});
    case Unary::leakyRelu:
      return value < 0 ? alpha * value : value;
    case Unary::log:
      return std::log(x);
    case Unary::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Unary::neg:
      return -x;
    case Unary::quickGelu:
      return x * sigmoid(alpha * x);
    case Unary::reciprocal:
      return 1 / value;
    case Unary::relu:
      return std::isnan(x) ? x : std::max(x, 0.0);
    case Unary::round:
      return std::nearbyint(x);
    case Unary::selu:
      return beta * (x < 0 ? alpha * std::expm1(x) : x);
    case Unary::shrink:
      return value < -alpha ? value + beta : value > alpha ? value - beta : std::isnan(x) ? x : 0;
    case Unary::sigmoid:
      return sigmoid(x);
    case Unary::sign:
      return std::isnan(x) ? x : (x > 0) - (x < 0);
    case Unary::silu:
      return x * sigmoid(x);
    case Unary::sin:
      return std::sin(x);
    case Unary::sinh:
      return std::sinh(x);
    case Unary::softplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Unary::softsign:
      return value / (1 + std::fabs(value));
    case Unary::sqrt:
      return std::sqrt(value);
    case Unary::tan:
      return std::tan(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::thresholdedRelu:
      return x > alpha ? x : std::isnan(x) ? x : 0;
  }
  return x;
}

}  // namespace pare::definition
