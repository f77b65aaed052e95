// Functions of one float32 over arrays (see math.h): the vector functions of math-inline.h, the last lanes masked.
#include "kernels/math.h"

#include "kernels/math-inline.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

template <Unary function>
void map(const UnalignedFloat* in, UnalignedFloat* out, size_t count, UnaryParameters parameters) {
  const Floats alpha = broadcast(parameters.alpha), beta = broadcast(parameters.beta);
  forEachVector(count, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
    storeFirst(out + i, unaryOf<function>(loadFirst(in + i, lanes), alpha, beta), lanes);
  });
}

template <int... functions>
constexpr MathKernels kernelsOf(Lanes<functions...>) {
  return {{map<static_cast<Unary>(functions)>...}};
}

}  // namespace

extern const MathKernels mathKernels;
const MathKernels mathKernels = kernelsOf(LaneNumbers<unaryCount>{});

}  // namespace pare::PARE_LEVEL
