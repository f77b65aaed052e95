// The slow, obvious version of softmax.h, in double precision.
#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pare::PARE_LEVEL {
namespace {

// One vector whose elements lie `step` apart.
template <bool logarithm>
void along(const UnalignedFloat* in, size_t inStep, UnalignedFloat* out, size_t outStep, size_t count) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  for (size_t i = 0; i < count; i++) most = std::max(most, double{in[i * inStep]});
  for (size_t i = 0; i < count; i++) sum += std::exp(in[i * inStep] - most);
  for (size_t i = 0; i < count; i++) {
    const double x = in[i * inStep] - most;
    out[i * outStep] = static_cast<float>(logarithm ? x - std::log(sum) : std::exp(x) / sum);
  }
}

template <bool logarithm>
void rows(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride, size_t rowCount,
          size_t columnCount) {
  for (size_t row = 0; row < rowCount; row++)
    along<logarithm>(in + row * inStride, 1, out + row * outStride, 1, columnCount);
}

template <bool logarithm>
void columns(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride, size_t rowCount,
             size_t columnCount) {
  for (size_t i = 0; i < columnCount; i++) along<logarithm>(in + i, inStride, out + i, outStride, rowCount);
}

}  // namespace

extern const SoftmaxKernels softmaxKernels;
const SoftmaxKernels softmaxKernels{rows<false>, rows<true>, columns<false>, columns<true>};

}  // namespace pare::PARE_LEVEL
