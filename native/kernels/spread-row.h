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

// The same in the order that costs least, and what puts such vectors, or sums of them, into their own.
#if defined(__AVX2__) && !defined(__AVX512F__)
PARE_INLINE FloatVector everySecondUnordered(FloatVector a, FloatVector b) { return _mm256_shuffle_ps(a, b, 0x88); }
PARE_INLINE FloatVector inOrder(FloatVector x) {
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
}
#else
PARE_INLINE FloatVector everySecondUnordered(FloatVector a, FloatVector b) {
  return everySecond(a, b, EvenLanesUpTo<vectorLanes>::Type{});
}
PARE_INLINE FloatVector inOrder(FloatVector x) { return x; }
#endif

PARE_INLINE void spreadRow(const UnalignedFloat* row, size_t width, ptrdiff_t first, size_t stride, float* to,
                           size_t count) {
  const auto limit = static_cast<ptrdiff_t>(width);
  // Divisions would take longer than the row, where it is short.
  const auto steps = [stride](ptrdiff_t distance) {
    const auto whole = static_cast<size_t>(distance);
    return stride == 1 ? whole : stride == 2 ? (whole + 1) / 2 : (whole + stride - 1) / stride;
  };
  size_t begin = first < 0 ? steps(-first) : 0, end = first < limit ? steps(limit - first) : 0;
  if (end > count) end = count;
  if (begin > end) begin = end;
  for (size_t j = 0; j < begin; j++) to[j] = 0;
  size_t j = begin;
  const UnalignedFloat* from = row + first;  // never read where it lies outside of the row
  if (stride == 1) {
    for (; j + vectorLanes <= end; j += vectorLanes) storeFloats(to + j, loadFloats(from + j));
    if (j < end) storeSome(to + j, loadSome(from + j, end - j), end - j);
  } else {
    if (stride == 2) {
      const auto second = [&](FloatVector a, FloatVector b) PARE_INLINE_LAMBDA {
        return everySecond(a, b, typename EvenLanesUpTo<vectorLanes>::Type{});
      };
      const auto readable = [&] { return static_cast<size_t>(limit - first) - 2 * j; };
      for (; j + vectorLanes <= end && readable() >= 2 * vectorLanes; j += vectorLanes)
        storeFloats(to + j, second(loadFloats(from + 2 * j), loadFloats(from + 2 * j + vectorLanes)));
      if constexpr (hasLaneMasks)
        for (; j < end; j += vectorLanes) {
          const size_t rest = readable(), beyond = rest > vectorLanes ? rest - vectorLanes : 0;
          storeSome(to + j, second(loadSome(from + 2 * j, rest), loadSome(from + 2 * j + vectorLanes, beyond)),
                    end - j);
        }
    }
    for (; j < end; j++) to[j] = from[j * stride];
  }
  for (j = end; j < count; j++) to[j] = 0;
}

}  // namespace pare::PARE_LEVEL
