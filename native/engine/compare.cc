// Comparing two arrays of floats (see compare.h).
#include "engine/compare.h"

#include <vector>

namespace pare {

Status compare(const Execution& execution, const UnalignedFloat* a, const UnalignedFloat* b, size_t count,
               Comparison* sums) {
  std::vector<Comparison> parts((count + elementwiseGrain - 1) / elementwiseGrain);
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    execution.kernels.compare->compare(a + begin, b + begin, end - begin, &parts[begin / elementwiseGrain]);
  });
  *sums = {};
  for (const Comparison& part : parts) {
    sums->maxError = std::max(sums->maxError, part.maxError);
    sums->sumError += part.sumError;
    sums->sumSquareA += part.sumSquareA;
    sums->sumSquareB += part.sumSquareB;
    sums->sumSquareError += part.sumSquareError;
    sums->dot += part.dot;
    sums->count += part.count;
    sums->nanCount += part.nanCount;
  }
  return execution.outcome();
}

}  // namespace pare
