// The slow, obvious version of compare.h.
#include "kernels/compare.h"

#include <algorithm>
#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

void compare(const UnalignedFloat* a, const UnalignedFloat* b, size_t count, Comparison* sums) {
  for (size_t i = 0; i < count; i++) {
    const double x = a[i], y = b[i];
    if (std::isnan(x) || std::isnan(y)) {
      sums->nanCount++;
      continue;
    }
    sums->count++;
    if (std::isinf(x) && x == y) continue;
    const double error = std::fabs(x - y);
    sums->maxError = std::max(sums->maxError, error);
    sums->sumError += error;
    sums->sumSquareA += x * x;
    sums->sumSquareB += y * y;
    sums->sumSquareError += error * error;
    sums->dot += x * y;
  }
}

void error(const UnalignedFloat* x, size_t stride, const float* restored, size_t rowCount, size_t columnCount,
           QuantizationError* sums) {
  for (size_t i = 0; i < rowCount * columnCount; i++) {
    const float value = x[i / columnCount * stride + i % columnCount];
    if (!std::isfinite(value)) continue;
    const double error = std::fabs(value - restored[i]);
    sums->count++;
    sums->maxError = std::max(sums->maxError, error);
    sums->signal += static_cast<double>(value) * value;
    sums->noise += error * error;
  }
}

}  // namespace

extern const CompareKernels compareKernels;
const CompareKernels compareKernels{compare, error};

}  // namespace pare::PARE_LEVEL
