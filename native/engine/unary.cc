// Functions of one element of any type (see unary.h).
#include "engine/unary.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "engine/elementwise.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

// NaN passes.
double hardSigmoid(double x, double alpha, double beta) {
  const double y = alpha * x + beta;
  return y < 0 ? 0 : y > 1 ? 1 : y;
}

double evaluate(Unary function, double x, double alpha, double beta) {
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
      return std::isnan(x) ? x : std::min(std::max(x, alpha), beta);
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
      return hardSigmoid(x, alpha, beta);
    case Unary::hardSwish:
      return x * hardSigmoid(x, 1.0 / 6, 0.5);
    case Unary::leakyRelu:
      return x < 0 ? alpha * x : x;
    case Unary::log:
      return std::log(x);
    case Unary::mish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Unary::neg:
      return -x;
    case Unary::quickGelu:
      return x * sigmoid(alpha * x);
    case Unary::reciprocal:
      return 1.0 / x;
    case Unary::relu:
      return std::isnan(x) ? x : std::max(x, 0.0);
    case Unary::round:
      return std::nearbyint(x);
    case Unary::selu:
      return beta * (x < 0 ? alpha * std::expm1(x) : x);
    case Unary::shrink:
      return x < -alpha ? x + beta : x > alpha ? x - beta : std::isnan(x) ? x : 0;
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
      return x / (1.0 + std::fabs(x));
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::tan:
      return std::tan(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::thresholdedRelu:
      return x > alpha ? x : std::isnan(x) ? x : 0;
  }
  return x;
}

using Map = void (*)(const void* in, void* out, size_t count, UnaryParameters parameters);

// A constant function makes a loop of its own.
template <size_t function>
void mapDoubles(const void* in, void* out, size_t count, UnaryParameters parameters) {
  const auto* from = static_cast<const Unaligned<double>::Type*>(in);
  auto* to = static_cast<Unaligned<double>::Type*>(out);
  for (size_t i = 0; i < count; i++)
    to[i] = evaluate(static_cast<Unary>(function), from[i], double{parameters.alpha}, double{parameters.beta});
}
template <size_t... functions>
Map doubleMap(Unary function, std::index_sequence<functions...>) {
  static constexpr Map maps[] = {mapDoubles<functions>...};
  return maps[static_cast<size_t>(function)];
}

template <class T>
T evaluateInteger(Unary function, T x) {
  const auto negative = static_cast<T>(0 - static_cast<uint64_t>(x));
  switch (function) {
    case Unary::abs:
      return x < 0 ? negative : x;
    case Unary::neg:
      return negative;
    case Unary::sign:
      return static_cast<T>((x > 0) - (x < 0));
    default:
      return x < 0 ? T{0} : x;  // relu
  }
}

}  // namespace

TypeSet typesOf(Unary function) {
  using namespace types;
  switch (function) {
    case Unary::abs:
    case Unary::neg:
    case Unary::sign:
    case Unary::relu:
      return f32 | f64 | integers;
    default:
      return f32 | f64;
  }
}

Status mapUnary(const Execution& execution, Unary function, DataType dtype, const void* in, void* out, size_t count,
                UnaryParameters parameters) {
  if (dtype == DataType::float32)
    return mapUnary(execution, function, static_cast<const UnalignedFloat*>(in), static_cast<UnalignedFloat*>(out),
                    count, parameters);
  if (dtype == DataType::float64) {
    const Map map = doubleMap(function, std::make_index_sequence<unaryCount>{});
    execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      map(static_cast<const uint8_t*>(in) + begin * 8, static_cast<uint8_t*>(out) + begin * 8, end - begin, parameters);
    });
    return execution.outcome();
  }
  visitInteger(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto* from = static_cast<const typename Unaligned<T>::Type*>(in);
    auto* to = static_cast<typename Unaligned<T>::Type*>(out);
    execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) to[i] = evaluateInteger<T>(function, from[i]);
    });
  });
  return execution.outcome();
}

}  // namespace pare
