// Elementwise functions of float32 (see elementwise.h).
#include "engine/elementwise.h"

#include "engine/pairs.h"

namespace pare {

Status mapUnary(const Execution& execution, Unary function, const UnalignedFloat* in, UnalignedFloat* out, size_t count,
                UnaryParameters parameters) {
  const MathKernels::Map map = (*execution.kernels.math)[function];
  execution.forEachChunk(count, elementwiseGrain,
                         [&](size_t begin, size_t end) { map(in + begin, out + begin, end - begin, parameters); });
  return execution.outcome();
}

Status mapBinary(const Execution& execution, Binary function, const UnalignedFloat* a, std::span<const int64_t> aDims,
                 const UnalignedFloat* b, std::span<const int64_t> bDims, UnalignedFloat* out) {
  const BinaryKernels::Forms& forms = (*execution.kernels.binary)[function];
  return forEachPair(execution, {a, aDims}, sizeof(float), {b, bDims}, sizeof(float),
                     [&](PairForm form, const uint8_t* left, const uint8_t* right, size_t start, size_t length) {
                       const BinaryKernels::Function run = kernelFor(forms, form);
                       run(reinterpret_cast<const UnalignedFloat*>(left),
                           reinterpret_cast<const UnalignedFloat*>(right), out + start, length);
                     });
}

}  // namespace pare
