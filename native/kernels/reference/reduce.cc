// The slow, obvious version of reduce.h, in double precision.
#include "kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace pare::PARE_LEVEL {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double finish(double value, const ReductionEnd& end) {
  value /= end.divisor;
  if (end.function == ReductionEnd::Function::squareRoot) return std::sqrt(value);
  if (end.function == ReductionEnd::Function::logarithm) return std::log(value);
  return value;
}

// Elements that lie `step` apart.
double accumulate(Accumulation accumulation, const UnalignedFloat* in, size_t step, size_t count) {
  double sum = 0, product = 1, squares = 0, magnitudes = 0, least = infinity, most = -infinity;
  bool hasNan = false;
  for (size_t i = 0; i < count; i++) {
    const double x = in[i * step];
    sum += x;
    product *= x;
    squares += x * x;
    magnitudes += std::fabs(x);
    least = std::min(least, x);
    most = std::max(most, x);
    hasNan |= std::isnan(x);
  }
  switch (accumulation) {
    case Accumulation::sum:
      return sum;
    case Accumulation::sumSquare:
      return squares;
    case Accumulation::sumAbsolute:
      return magnitudes;
    case Accumulation::product:
      return product;
    case Accumulation::maximum:
      return hasNan ? std::nan("") : most;
    case Accumulation::minimum:
      return hasNan ? std::nan("") : least;
    case Accumulation::logSumExp: {
      const double shift = std::isfinite(most) ? most : 0;
      double powers = 0;
      for (size_t i = 0; i < count; i++) powers += std::exp(in[i * step] - shift);
      return shift + std::log(powers);
    }
  }
  return 0;
}

float reduce(Accumulation accumulation, const UnalignedFloat* in, size_t step, size_t count, const ReductionEnd& end) {
  const double result = accumulate(accumulation, in, step, count);
  const bool isEnded = accumulation < Accumulation::maximum;
  return static_cast<float>(isEnded ? finish(result, end) : result);
}

template <size_t accumulation>
void rows(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, const ReductionEnd& end,
          UnalignedFloat* out) {
  for (size_t row = 0; row < rowCount; row++)
    out[row] = reduce(static_cast<Accumulation>(accumulation), in + row * stride, 1, columnCount, end);
}

template <size_t accumulation>
void columns(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, const ReductionEnd& end,
             UnalignedFloat* out) {
  for (size_t i = 0; i < columnCount; i++)
    out[i] = reduce(static_cast<Accumulation>(accumulation), in + i, stride, rowCount, end);
}

size_t extreme(const UnalignedFloat* in, size_t step, size_t count, bool smallest, bool last) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    const float x = smallest ? -in[i * step] : in[i * step], y = smallest ? -in[best * step] : in[best * step];
    const bool isEqual = x == y || (std::isnan(x) && std::isnan(y));
    const bool isGreater = x > y || (std::isnan(x) && !std::isnan(y));
    if (isGreater || (last && isEqual)) best = i;
  }
  return best;
}

void rowExtremes(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, bool smallest, bool last,
                 Unaligned<int64_t>::Type* out) {
  for (size_t row = 0; row < rowCount; row++)
    out[row] = static_cast<int64_t>(extreme(in + row * stride, 1, columnCount, smallest, last));
}

void columnExtremes(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, bool smallest,
                    bool last, Unaligned<int64_t>::Type* out) {
  for (size_t i = 0; i < columnCount; i++)
    out[i] = static_cast<int64_t>(extreme(in + i, stride, rowCount, smallest, last));
}

template <size_t... accumulations>
constexpr ReduceKernels kernelsOf(std::index_sequence<accumulations...>) {
  return {{rows<accumulations>...}, {columns<accumulations>...}, rowExtremes, columnExtremes};
}

}  // namespace

extern const ReduceKernels reduceKernels;
const ReduceKernels reduceKernels = kernelsOf(std::make_index_sequence<accumulationCount>{});

}  // namespace pare::PARE_LEVEL
