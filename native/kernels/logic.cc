// Comparisons and choices (see logic.h).
#include "kernels/logic.h"

#include "kernels/simd.h"
#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

template <Relation relation, class Element>
PARE_INLINE uint8_t holds(Element a, Element b) {
  if constexpr (relation == Relation::equal)
    return a == b;
  else if constexpr (relation == Relation::less)
    return a < b;
  else
    return a <= b;
}

template <Relation relation, class Element, bool aIsArray, bool bIsArray>
void compare(const void* a, const void* b, uint8_t* out, size_t count) {
  const auto* __restrict left = static_cast<const typename Unaligned<Element>::Type*>(a);
  const auto* __restrict right = static_cast<const typename Unaligned<Element>::Type*>(b);
  uint8_t* __restrict to = out;
  const Element leftNumber = aIsArray ? Element(0) : Element(*left);
  const Element rightNumber = bIsArray ? Element(0) : Element(*right);
  for (size_t i = 0; i < count; i++)
    to[i] = holds<relation>(aIsArray ? Element(left[i]) : leftNumber, bIsArray ? Element(right[i]) : rightNumber);
}

template <class Element, bool aIsArray, bool bIsArray>
void choose(const uint8_t* condition, const void* a, const void* b, void* out, size_t count) {
  const auto* __restrict left = static_cast<const typename Unaligned<Element>::Type*>(a);
  const auto* __restrict right = static_cast<const typename Unaligned<Element>::Type*>(b);
  auto* __restrict to = static_cast<typename Unaligned<Element>::Type*>(out);
  if (count == 0) return;
  const Element leftNumber = *left, rightNumber = *right;
  for (size_t i = 0; i < count; i++) {
    // Both are read, so that the loop has no branch.
    const Element x = aIsArray ? Element(left[i]) : leftNumber, y = bIsArray ? Element(right[i]) : rightNumber;
    to[i] = condition[i] ? x : y;
  }
}

void isNan(const UnalignedFloat* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[i] != in[i];
}

void isInfinite(const UnalignedFloat* in, uint8_t* out, size_t count, bool negative, bool positive) {
  // NaN, which nothing equals, for the sign that is not wanted.
  const float least = negative ? -__builtin_inff() : __builtin_nanf(""),
              most = positive ? __builtin_inff() : __builtin_nanf("");
  for (size_t i = 0; i < count; i++) out[i] = (in[i] == least) | (in[i] == most);
}

template <Relation relation, int... numbers>
constexpr void setCompare(LogicKernels& kernels, Lanes<numbers...>) {
  LogicKernels::Forms* forms = kernels.compare[static_cast<size_t>(relation)];
  ((forms[numbers] = {compare<relation, typename NumberType<static_cast<Number>(numbers)>::Type, true, true>,
                      compare<relation, typename NumberType<static_cast<Number>(numbers)>::Type, true, false>,
                      compare<relation, typename NumberType<static_cast<Number>(numbers)>::Type, false, true>}),
   ...);
}
template <class Element>
constexpr void setChoose(LogicKernels::Choose (&forms)[2][2]) {
  forms[0][0] = choose<Element, false, false>;
  forms[0][1] = choose<Element, false, true>;
  forms[1][0] = choose<Element, true, false>;
  forms[1][1] = choose<Element, true, true>;
}
constexpr LogicKernels allKernels() {
  LogicKernels kernels{};
  setCompare<Relation::equal>(kernels, LaneNumbers<numberCount>{});
  setCompare<Relation::less>(kernels, LaneNumbers<numberCount>{});
  setCompare<Relation::lessOrEqual>(kernels, LaneNumbers<numberCount>{});
  setChoose<uint8_t>(kernels.choose[0]);
  setChoose<uint16_t>(kernels.choose[1]);
  setChoose<uint32_t>(kernels.choose[2]);
  setChoose<uint64_t>(kernels.choose[3]);
  kernels.isNan = isNan;
  kernels.isInfinite = isInfinite;
  return kernels;
}

}  // namespace

extern const LogicKernels logicKernels;
const LogicKernels logicKernels = allKernels();

}  // namespace pare::PARE_LEVEL
