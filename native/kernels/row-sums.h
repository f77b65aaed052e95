// Sums of float32 whose error does not grow with their number: lanes add up a few values in float32, and what they
// have goes on in float64. The order depends on the length alone. Include it in kernels only.
#pragma once

#include "kernels/float-vector.h"

namespace pare::PARE_LEVEL {

// Additions of a lane in float32 before its sum is widened: its error is then below 32 half last places.
constexpr size_t narrowAdditions = 32;
// Chains of additions that do not wait for each other.
constexpr size_t sumChains = 4;
constexpr size_t sumBlock = narrowAdditions * sumChains * laneCount;

struct WideSum {
  Doubles low = Doubles{}, high = Doubles{};

  PARE_INLINE void add(Floats x) {
    low += widenLow(x);
    high += widenHigh(x);
  }
  PARE_INLINE double total() const { return sumOf(low + high); }
};

// Calls step(at, count, totals) for the vectors of a row, as forEachVector does; it adds to each of the `sums` totals,
// zero for lanes from `count` on. The totals of the row go to `results`.
template <int sums, class Step>
PARE_INLINE void sumRow(size_t length, double* results, Step&& step) {
  WideSum wide[sums];
  for (size_t i = 0; i < length;) {
    const size_t end = length - i < sumBlock ? length : i + sumBlock;
    Floats totals[sumChains][sums] = {};
    for (; i + sumChains * laneCount <= end; i += sumChains * laneCount) {
#pragma GCC unroll 4
      for (size_t chain = 0; chain < sumChains; chain++) step(i + chain * laneCount, laneCount, totals[chain]);
    }
    for (; i + laneCount <= end; i += laneCount) step(i, laneCount, totals[0]);
    if (i < end) step(i, end - i, totals[0]);
    i = end;
#pragma GCC unroll 4
    for (int sum = 0; sum < sums; sum++)
      wide[sum].add((totals[0][sum] + totals[1][sum]) + (totals[2][sum] + totals[3][sum]));
  }
#pragma GCC unroll 4
  for (int sum = 0; sum < sums; sum++) results[sum] = wide[sum].total();
}

// The largest element; −∞ of none. Where there is a NaN it may be any.
PARE_INLINE float largestElement(const UnalignedFloat* in, size_t length) {
  Floats most[sumChains];
  for (Floats& chain : most) chain = broadcast(-infinity);
  size_t i = 0;
  for (; i + sumChains * laneCount <= length; i += sumChains * laneCount) {
#pragma GCC unroll 4
    for (size_t chain = 0; chain < sumChains; chain++)
      most[chain] = atLeast(most[chain], load<Floats>(in + i + chain * laneCount));
  }
  for (; i + laneCount <= length; i += laneCount) most[0] = atLeast(most[0], load<Floats>(in + i));
  if (i < length) most[1] = atLeast(most[1], keepFirst(loadFirst(in + i, length - i), length - i, most[1]));
  return foldLanes(atLeast(atLeast(most[0], most[1]), atLeast(most[2], most[3])),
                   [](Floats a, Floats b) PARE_INLINE_LAMBDA { return (Floats)atLeast(a, b); });
}

}  // namespace pare::PARE_LEVEL
