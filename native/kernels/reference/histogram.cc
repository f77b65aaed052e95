// The slow, obvious version of histogram.h.
#include "kernels/histogram.h"

#include <algorithm>
#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

void extent(const UnalignedFloat* in, size_t count, Extent* extent) {
  for (size_t i = 0; i < count; i++) {
    const float x = in[i];
    if (std::isnan(x)) {
      extent->nanCount++;
    } else if (std::isinf(x)) {
      extent->infiniteCount++;
    } else {
      extent->low = std::min(extent->low, x);
      extent->high = std::max(extent->high, x);
    }
  }
}

void count(const UnalignedFloat* in, size_t count, const float* edges, size_t binCount, uint64_t* counts) {
  for (size_t i = 0; i < count && binCount > 0; i++) {
    const float x = in[i];
    if (!(x >= edges[0] && x <= edges[binCount])) continue;
    const auto bin = static_cast<size_t>(std::upper_bound(edges, edges + binCount + 1, x) - edges - 1);
    counts[std::min(bin, binCount - 1)]++;
  }
}

}  // namespace

extern const HistogramKernels histogramKernels;
const HistogramKernels histogramKernels{extent, count};

}  // namespace pare::PARE_LEVEL
