// Elementwise functions of float32 (see elementwise.h).
#include "engine/elementwise.h"

namespace pare {

Status mapUnary(const Execution& execution, Unary function, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                UnaryParameters parameters) {
  const MathKernels::Map map = (*execution.kernels.math)[function];
  execution.forEachChunk(count, elementwiseGrain,
                         [&](size_t begin, size_t end) { map(in + begin, out + begin, end - begin, parameters); });
  return execution.outcome();
}

}  // namespace pare
