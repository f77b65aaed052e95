// The slow, obvious version of math.h: the definition, rounded once at the end.
#include "kernels/math.h"

#include <utility>

#include "kernels/unary-definition.h"

namespace pare::PARE_LEVEL {
namespace {

template <size_t function>
void map(const UnalignedFloat* in, UnalignedFloat* out, size_t count, UnaryParameters parameters) {
  for (size_t i = 0; i < count; i++)
    out[i] = static_cast<float>(
        definition::evaluate<float>(static_cast<Unary>(function), in[i], parameters.alpha, parameters.beta));
}

template <size_t... functions>
constexpr MathKernels kernelsOf(std::index_sequence<functions...>) {
  return {{map<functions>...}};
}

}  // namespace

extern const MathKernels mathKernels;
const MathKernels mathKernels = kernelsOf(std::make_index_sequence<unaryCount>{});

}  // namespace pare::PARE_LEVEL
