// The slow, obvious version of conv.h.
#include "kernels/conv.h"

#include <algorithm>
#include <cmath>

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

void spreadRow(const UnalignedFloat* row, size_t width, ptrdiff_t first, size_t stride, float* to, size_t count) {
  for (size_t j = 0; j < count; j++) {
    const ptrdiff_t at = first + static_cast<ptrdiff_t>(j * stride);
    to[j] = at >= 0 && at < static_cast<ptrdiff_t>(width) ? row[at] : 0;
  }
}

// NaN stays NaN.
double within(double least, double most, double x) { return std::isnan(x) ? x : std::min(most, std::max(least, x)); }

double activate(const Activation& activation, double x) {
  using enum Activation::Kind;
  const double alpha = activation.alpha, beta = activation.beta;
  switch (activation.kind) {
    case none:
      return x;
    case clip:
      return within(alpha, beta, x);
    case leakyRelu:
      return x < 0 ? alpha * x : x;
    case hardSigmoid:
      return within(0, 1, alpha * x + beta);
    case hardSwish:
      return x * within(0, 1, alpha * x + beta);
    case sigmoid:
      return 1 / (1 + std::exp(-x));
    case silu:
      return x / (1 + std::exp(-x));
    case tanh:
      return std::tanh(x);
    case gelu:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case geluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  return x;
}

void finish(const FinishBlock& block, const Activation& activation) {
  for (size_t i = 0; i < block.rows; i++)
    for (size_t j = 0; j < block.columns; j++) {
      const size_t at = i * block.yStride + j * block.yStep;
      double x = block.c[i * block.cStride + j];
      if (block.bias) x += block.bias[i];
      if (block.columnBias) x += block.columnBias[j];
      if (block.residual) x += block.residual[at];
      block.y[at] = static_cast<float>(activate(activation, x));
    }
}

void gatherStrip(const float* image, const size_t* offsets, size_t units, const StripRun* runs, size_t runCount,
                 float* to, size_t columns) {
  for (size_t unit = 0; unit < units; unit++) {
    float* at = to + unit * columns;
    for (size_t i = 0; i < runCount; i++)
      for (size_t j = 0; j < runs[i].count; j++) *at++ = image[offsets[unit] / sizeof(float) + runs[i].from + j];
  }
}

}  // namespace

extern const ConvKernels convKernels;
const ConvKernels convKernels{.spreadRow = spreadRow, .gatherStrip = gatherStrip, .finish = finish};

}  // namespace pare::PARE_LEVEL
