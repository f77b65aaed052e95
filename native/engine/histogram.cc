// Extents and histograms, cut into pieces whose results are added up (see kernels/histogram.h).
#include "engine/histogram.h"

#include <limits>

namespace pare {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr Extent nothing{infinity, -infinity, 0, 0};
constexpr size_t maximumPieces = 16;  // each has counts of its own

}  // namespace

Status findExtent(const Execution& execution, const UnalignedFloat* in, size_t count, Extent* extent) {
  std::vector<Extent> parts((count + elementwiseGrain - 1) / elementwiseGrain, nothing);
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    execution.kernels.histogram->extent(in + begin, end - begin, &parts[begin / elementwiseGrain]);
  });
  *extent = nothing;
  for (const Extent& part : parts) {
    extent->low = std::min(extent->low, part.low);
    extent->high = std::max(extent->high, part.high);
    extent->nanCount += part.nanCount;
    extent->infiniteCount += part.infiniteCount;
  }
  return execution.outcome();
}

Status countBins(const Execution& execution, const UnalignedFloat* in, size_t count, const std::vector<float>& edges,
                 std::vector<uint64_t>& counts) {
  const size_t binCount = edges.empty() ? 0 : edges.size() - 1;
  const size_t grain = std::max(elementwiseGrain, (count + maximumPieces - 1) / maximumPieces);
  std::vector<std::vector<uint64_t>> parts((count + grain - 1) / grain, std::vector<uint64_t>(binCount));
  execution.forEachChunk(count, grain, [&](size_t begin, size_t end) {
    execution.kernels.histogram->count(in + begin, end - begin, edges.data(), binCount, parts[begin / grain].data());
  });
  counts.assign(binCount, 0);
  for (const auto& part : parts)
    for (size_t i = 0; i < binCount; i++) counts[i] += part[i];
  return execution.outcome();
}

}  // namespace pare
