// A row of an image with its padding, every stride-th element of it (see conv.h).
#pragma once

#include "kernels/simd.h"
#include "kernels/unaligned.h"

namespace pare::PARE_LEVEL {

template <int... lanes>
struct EvenLanes {};
template <int count, int... rest>
struct EvenLanesUpTo : EvenLanesUpTo<count - 1, 2 * (count - 1), rest...> {};
template <int... rest>
struct EvenLanesUpTo<0, rest...> {
  using Type = EvenLanes<rest...>;
};

template <int... lanes>
PARE_INLINE FloatVector everySecond(FloatVector a, FloatVector b, EvenLanes<lanes...>) {
  return __builtin_shufflevector(a, b, lanes...);
}

PARE_INLINE void spreadRow(const UnalignedFloat* row, size_t width, ptrdiff_t first, size_t stride, float* to,
                           size_t count) {
  const auto limit = static_cast<ptrdiff_t>(width), step = static_cast<ptrdiff_t>(stride);
  size_t begin = first < 0 ? static_cast<size_t>((-first + step - 1) / step) : 0;
  size_t end = first < limit ? static_cast<size_t>((limit - first + step - 1) / step) : 0;
  if (end > count) end = count;
  if (begin > end) begin = end;
  for (size_t j = 0; j < begin; j++) to[j] = 0;
  size_t j = begin;
  const UnalignedFloat* from = row + first;  // never read where it lies outside of the row
  if (stride == 1) {
    for (; j + vectorLanes <= end; j += vectorLanes) storeFloats(to + j, loadFloats(from + j));
    if (j < end) storeSome(to + j, loadSome(from + j, end - j), end - j);
  } else {
    if (stride == 2)
      for (; j + vectorLanes <= end && first + static_cast<ptrdiff_t>(2 * (j + vectorLanes)) <= limit; j += vectorLanes)
        storeFloats(to + j, everySecond(loadFloats(from + 2 * j), loadFloats(from + 2 * j + vectorLanes),
                                        typename EvenLanesUpTo<vectorLanes>::Type{}));
    for (; j < end; j++) to[j] = from[j * stride];
  }
  for (j = end; j < count; j++) to[j] = 0;
}

}  // namespace pare::PARE_LEVEL
