// The slow, obvious version of logic.h.
#include "kernels/logic.h"

#include <cmath>
#include <cstring>
#include <utility>

namespace pare::PARE_LEVEL {
namespace {

template <size_t relation, size_t number, size_t stepA, size_t stepB>
void compare(const void* a, const void* b, uint8_t* out, size_t count) {
  using Element = typename NumberType<static_cast<Number>(number)>::Type;
  const auto* left = static_cast<const typename Unaligned<Element>::Type*>(a);
  const auto* right = static_cast<const typename Unaligned<Element>::Type*>(b);
  for (size_t i = 0; i < count; i++) {
    const Element x = left[i * stepA], y = right[i * stepB];
    out[i] = static_cast<Relation>(relation) == Relation::equal  ? x == y
             : static_cast<Relation>(relation) == Relation::less ? x < y
                                                                 : x <= y;
  }
}

template <size_t size, size_t stepA, size_t stepB>
void choose(const uint8_t* condition, const void* a, const void* b, void* out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const auto* from = condition[i] ? static_cast<const uint8_t*>(a) + i * stepA * size
                                    : static_cast<const uint8_t*>(b) + i * stepB * size;
    std::memcpy(static_cast<uint8_t*>(out) + i * size, from, size);
  }
}

void isNan(const UnalignedFloat* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = std::isnan(in[i]);
}
void isInfinite(const UnalignedFloat* in, uint8_t* out, size_t count, bool negative, bool positive) {
  for (size_t i = 0; i < count; i++) out[i] = std::isinf(in[i]) && (in[i] < 0 ? negative : positive);
}

template <size_t relation, size_t... numbers>
constexpr void setCompare(LogicKernels& kernels, std::index_sequence<numbers...>) {
  ((kernels.compare[relation][numbers] = {compare<relation, numbers, 1, 1>, compare<relation, numbers, 1, 0>,
                                          compare<relation, numbers, 0, 1>}),
   ...);
}
template <size_t size>
constexpr void setChoose(LogicKernels::Choose (&forms)[2][2]) {
  forms[0][0] = choose<size, 0, 0>;
  forms[0][1] = choose<size, 0, 1>;
  forms[1][0] = choose<size, 1, 0>;
  forms[1][1] = choose<size, 1, 1>;
}
constexpr LogicKernels allKernels() {
  LogicKernels kernels{};
  setCompare<0>(kernels, std::make_index_sequence<numberCount>{});
  setCompare<1>(kernels, std::make_index_sequence<numberCount>{});
  setCompare<2>(kernels, std::make_index_sequence<numberCount>{});
  setChoose<1>(kernels.choose[0]);
  setChoose<2>(kernels.choose[1]);
  setChoose<4>(kernels.choose[2]);
  setChoose<8>(kernels.choose[3]);
  kernels.isNan = isNan;
  kernels.isInfinite = isInfinite;
  return kernels;
}

}  // namespace

extern const LogicKernels logicKernels;
const LogicKernels logicKernels = allKernels();

}  // namespace pare::PARE_LEVEL
