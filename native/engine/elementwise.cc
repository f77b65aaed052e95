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

Status mapBinary(const Execution& execution, Binary function, const UnalignedFloat* a, std::span<const int64_t> aDims,
                 const UnalignedFloat* b, std::span<const int64_t> bDims, UnalignedFloat* out) {
  const BroadcastWalk::Input inputs[] = {{a, aDims, sizeof(float)}, {b, bDims, sizeof(float)}};
  BroadcastWalk walk;
  if (Status status = BroadcastWalk::create(inputs, walk); !status.ok()) return status;
  const BinaryKernels::Forms& forms = (*execution.kernels.binary)[function];
  const BinaryKernels::Function run = !walk.isArray(0)   ? forms.numberLeft
                                      : !walk.isArray(1) ? forms.numberRight
                                                         : forms.arrays;
  walk.forEachRow(execution, elementwiseGrain, [&](size_t start, size_t length, const BroadcastWalk::Pointers& from) {
    run(reinterpret_cast<const UnalignedFloat*>(from[0]), reinterpret_cast<const UnalignedFloat*>(from[1]), out + start,
        length);
  });
  return execution.outcome();
}

}  // namespace pare
