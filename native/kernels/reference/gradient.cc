// The slow, obvious version of gradient.h, in double precision.
#include "kernels/gradient.h"

#include <cmath>
#include <vector>

namespace pare::PARE_LEVEL {
namespace {

void gelu(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const double at = x[i], below = std::erfc(-at / std::sqrt(2.0)) / 2;
    dx[i] = static_cast<float>(dy[i] * (below + at * std::exp(-at * at / 2) / std::sqrt(2 * M_PI)));
  }
}

void geluTanh(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count) {
  const double root = std::sqrt(2 / M_PI), cubic = 0.044715;
  for (size_t i = 0; i < count; i++) {
    const double at = x[i], t = std::tanh(root * (at + cubic * at * at * at));
    const double slope = root * (1 + 3 * cubic * at * at);
    dx[i] = static_cast<float>(dy[i] * ((1 + t) / 2 + at / 2 * (1 - t * t) * slope));
  }
}

void softmaxRows(const UnalignedFloat* dy, const UnalignedFloat* y, UnalignedFloat* dx, size_t rowCount,
                 size_t length) {
  for (size_t row = 0; row < rowCount; row++, dy += length, y += length, dx += length) {
    double sum = 0;
    for (size_t i = 0; i < length; i++) sum += double{dy[i]} * y[i];
    for (size_t i = 0; i < length; i++) dx[i] = static_cast<float>(y[i] * (dy[i] - sum));
  }
}

void layerNormRows(const LayerNormGradientRows& rows) {
  const auto count = static_cast<double>(rows.length);
  for (size_t row = 0; row < rows.rowCount; row++) {
    const size_t start = row * rows.length;
    double mean = 0, variance = 0, sum = 0, product = 0;
    for (size_t i = 0; i < rows.length; i++) mean += rows.x[start + i] / count;
    for (size_t i = 0; i < rows.length; i++)
      variance += (rows.x[start + i] - mean) * (rows.x[start + i] - mean) / count;
    const double deviation = std::sqrt(variance + rows.epsilon);
    for (size_t i = 0; i < rows.length; i++) {
      const double normal = (rows.x[start + i] - mean) / deviation, dy = rows.dy[start + i];
      sum += dy * rows.scale[i];
      product += dy * rows.scale[i] * normal;
      rows.dScale[i] = static_cast<float>(rows.dScale[i] + dy * normal);
      rows.dBias[i] = static_cast<float>(rows.dBias[i] + dy);
    }
    for (size_t i = 0; i < rows.length; i++) {
      const double normal = (rows.x[start + i] - mean) / deviation;
      const double scaled = double{rows.dy[start + i]} * rows.scale[i];
      rows.dx[start + i] = static_cast<float>((scaled - sum / count - normal * product / count) / deviation);
    }
  }
}

void maxPoolPairs(const PoolPairRows& rows) {
  for (size_t window = 0; window < rows.count; window++) {
    const size_t left = 2 * window;
    const float values[] = {rows.upper[left], rows.upper[left + 1], rows.lower[left], rows.lower[left + 1]};
    size_t best = 0;
    for (size_t i = 1; i < 4; i++)
      if (values[i] > values[best] || (std::isnan(values[i]) && !std::isnan(values[best]))) best = i;
    rows.dUpper[left] = best == 0 ? float{rows.dy[window]} : 0.0f;
    rows.dUpper[left + 1] = best == 1 ? float{rows.dy[window]} : 0.0f;
    rows.dLower[left] = best == 2 ? float{rows.dy[window]} : 0.0f;
    rows.dLower[left + 1] = best == 3 ? float{rows.dy[window]} : 0.0f;
  }
}

template <bool adds>
void moveRows(const PlaneRows& plane) {
  for (size_t row = 0; row < plane.rows; row++)
    for (size_t i = 0; i < plane.columns; i++) {
      UnalignedFloat& to = plane.to[row * plane.toStride + i];
      to = (adds ? float{to} : 0.0f) + plane.from[row * plane.fromStride + i];
    }
}

}  // namespace

extern const GradientKernels gradientKernels;
const GradientKernels gradientKernels{.gelu = gelu,
                                      .geluTanh = geluTanh,
                                      .softmaxRows = softmaxRows,
                                      .layerNormRows = layerNormRows,
                                      .maxPoolPairs = maxPoolPairs,
                                      .copyRows = moveRows<false>,
                                      .addRows = moveRows<true>};

}  // namespace pare::PARE_LEVEL
