// The slow, obvious version of layer-norm.h, in double precision.
#include "kernels/layer-norm.h"

#include <cmath>
#include <vector>

namespace pare::PARE_LEVEL {
namespace {

void normalize(const LayerNormRows& rows) {
  std::vector<double> s(rows.length);
  const auto count = static_cast<double>(rows.length);
  for (size_t row = 0; row < rows.rowCount; row++) {
    const size_t start = row * rows.length;
    double mean = 0, variance = 0;
    for (size_t i = 0; i < rows.length; i++) {
      float sum = rows.in[start + i];
      if (rows.skip) sum += rows.skip[start + i];
      if (rows.addend) sum += rows.addend[i];
      if (rows.sum && (rows.skip || rows.addend)) rows.sum[start + i] = sum;
      s[i] = sum;
    }
    if (rows.centered) {
      for (const double x : s) mean += x / count;
    }
    for (const double x : s) variance += (x - mean) * (x - mean) / count;
    const double inverse = 1 / std::sqrt(variance + double{rows.epsilon});
    if (rows.centered && rows.mean) rows.mean[row] = static_cast<float>(mean);
    if (rows.inverseDeviation) rows.inverseDeviation[row] = static_cast<float>(inverse);
    for (size_t i = 0; i < rows.length; i++)
      rows.out[start + i] = static_cast<float>((s[i] - mean) * inverse * (rows.scale ? double{rows.scale[i]} : 1) +
                                               (rows.bias ? double{rows.bias[i]} : 0));
  }
}

}  // namespace

extern const LayerNormKernels layerNormKernels;
const LayerNormKernels layerNormKernels{normalize};

}  // namespace pare::PARE_LEVEL
