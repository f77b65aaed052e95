// Sums over pairs (see compare.h), in eight lanes at every level, so that the order of additions is the same.
#include "kernels/compare.h"

#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t sumLanes = 8, doubleLanes = vectorBytes / 8, vectorCount = sumLanes / doubleLanes;
typedef float HalfFloats __attribute__((vector_size(vectorBytes / 2)));
typedef int32_t HalfInts __attribute__((vector_size(vectorBytes / 2)));

inline Doubles magnitudeOf(Doubles value) {
  typedef int64_t Longs __attribute__((vector_size(vectorBytes)));
  return (Doubles)((Longs)value & 0x7fffffffffffffff);
}

// The compiler takes several steps where the machine has one.
inline Doubles widen(HalfFloats value) {
#if defined(__AVX512F__)
  return (Doubles)_mm512_cvtps_pd((__m256)value);
#elif defined(__AVX2__)
  return (Doubles)_mm256_cvtps_pd((__m128)value);
#else
  return __builtin_convertvector(value, Doubles);
#endif
}
inline Doubles largerOf(Doubles a, Doubles b) {
#if defined(__AVX512F__)
  return (Doubles)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (Doubles)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif defined(__x86_64__)
  return (Doubles)_mm_max_pd((__m128d)a, (__m128d)b);
#else
  return larger(a, b);
#endif
}

struct Lanes {
  Doubles maxError[vectorCount] = {}, sumError[vectorCount] = {}, sumSquareA[vectorCount] = {},
          sumSquareB[vectorCount] = {}, sumSquareError[vectorCount] = {}, dot[vectorCount] = {};
  HalfInts nans = {};  // counted downwards

  // Pairs that are left out of the sums become zeros.
  void add(size_t which, HalfFloats a, HalfFloats b) {
    const HalfInts magnitude = (HalfInts)a & 0x7fffffff;
    const HalfInts isInfinite = magnitude >= 0x7f800000;  // or NaN
    const HalfInts isNan = (a != a) | (b != b);
    // Equal infinities: their difference would be NaN.
    const HalfInts out = isNan | (isInfinite & (a == b));
    nans += isNan;
    const Doubles x = widen((HalfFloats)((HalfInts)a & ~out));
    const Doubles y = widen((HalfFloats)((HalfInts)b & ~out));
    const Doubles error = magnitudeOf(x - y);
    maxError[which] = largerOf(maxError[which], error);
    sumError[which] += error;
    sumSquareA[which] += x * x;
    sumSquareB[which] += y * y;
    sumSquareError[which] += error * error;
    dot[which] += x * y;
  }
};

void compare(const UnalignedFloat* a, const UnalignedFloat* b, size_t count, Comparison* sums) {
  Lanes lanes;
  float rest[2][sumLanes] = {};  // zeros add nothing
  for (size_t i = 0; i < count; i += sumLanes) {
    const UnalignedFloat *x = a + i, *y = b + i;
    if (count - i < sumLanes) {
      for (size_t lane = 0; lane < count - i; lane++) {
        rest[0][lane] = x[lane];
        rest[1][lane] = y[lane];
      }
      x = rest[0];
      y = rest[1];
    }
    for (size_t which = 0; which < vectorCount; which++)
      lanes.add(which, load<HalfFloats>(x + which * doubleLanes), load<HalfFloats>(y + which * doubleLanes));
  }
  for (size_t lane = 0; lane < sumLanes; lane++) {
    const size_t which = lane / doubleLanes, at = lane % doubleLanes;
    const double error = lanes.maxError[which][at];
    sums->maxError = error > sums->maxError ? error : sums->maxError;
    sums->sumError += lanes.sumError[which][at];
    sums->sumSquareA += lanes.sumSquareA[which][at];
    sums->sumSquareB += lanes.sumSquareB[which][at];
    sums->sumSquareError += lanes.sumSquareError[which][at];
    sums->dot += lanes.dot[which][at];
  }
  uint64_t nans = 0;
  for (size_t lane = 0; lane < doubleLanes; lane++) nans += static_cast<uint64_t>(-lanes.nans[lane]);
  sums->nanCount += nans;
  sums->count += count - nans;
}

constexpr size_t errorLaneCount = 16;

struct ErrorLanes {
  double signal[errorLaneCount] = {}, noise[errorLaneCount] = {};
  float maxError[errorLaneCount] = {};
  uint32_t counts[errorLaneCount] = {};

  void add(size_t lane, float x, float restored) {
    const bool finite = __builtin_fabsf(x) <= 0x1.fffffep127f;
    const float difference = __builtin_fabsf(x - restored);
    const float value = finite ? x : 0.0f, error = finite ? difference : 0.0f;
    const double wideValue = value, wideError = error;
    counts[lane] += finite;
    maxError[lane] = error > maxError[lane] ? error : maxError[lane];
    signal[lane] += wideValue * wideValue;
    noise[lane] += wideError * wideError;
  }
};

void error(const UnalignedFloat* x, size_t stride, const float* restored, size_t rowCount, size_t columnCount,
           QuantizationError* sums) {
  ErrorLanes lanes;
  for (size_t row = 0; row < rowCount; row++, x += stride, restored += columnCount) {
    size_t i = 0;
    for (; i + errorLaneCount <= columnCount; i += errorLaneCount)
      for (size_t lane = 0; lane < errorLaneCount; lane++) lanes.add(lane, x[i + lane], restored[i + lane]);
    for (size_t lane = 0; i + lane < columnCount; lane++) lanes.add(lane, x[i + lane], restored[i + lane]);
  }
  for (size_t lane = 0; lane < errorLaneCount; lane++) {
    const double largest = lanes.maxError[lane];
    sums->maxError = largest > sums->maxError ? largest : sums->maxError;
    sums->signal += lanes.signal[lane];
    sums->noise += lanes.noise[lane];
    sums->count += lanes.counts[lane];
  }
}

}  // namespace

extern const CompareKernels compareKernels;
const CompareKernels compareKernels{compare, error};

}  // namespace pare::PARE_LEVEL
