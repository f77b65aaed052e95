// The slow, obvious version of math.h: the C library in double precision, rounded once at the end, and in float32 where
// the definition is a few float32 operations.
#include "kernels/math.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pare::PARE_LEVEL {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

float hardSigmoid(float x, float alpha, float beta) { return std::clamp(alpha * x + beta, 0.0f, 1.0f); }

double evaluate(Unary function, float value, float alpha, float beta) {
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
      return value * hardSigmoid(value, 1.0f / 6, 0.5f);
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
      return 1.0f / value;
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
      return value / (1.0f + std::fabs(value));
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

template <size_t function>
void map(const UnalignedFloat* in, UnalignedFloat* out, size_t count, UnaryParameters parameters) {
  for (size_t i = 0; i < count; i++)
    out[i] = static_cast<float>(evaluate(static_cast<Unary>(function), in[i], parameters.alpha, parameters.beta));
}

template <size_t... functions>
constexpr MathKernels kernelsOf(std::index_sequence<functions...>) {
  return {{map<functions>...}};
}

}  // namespace

extern const MathKernels mathKernels;
const MathKernels mathKernels = kernelsOf(std::make_index_sequence<unaryCount>{});

}  // namespace pare::PARE_LEVEL
