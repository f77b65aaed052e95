// What loops over float32 need besides the operators of vector.h: single instructions that the compiler's vector types
// lack, the first lanes of a vector, and sums across lanes. Include it in kernels only.
#pragma once

#include "kernels/simd.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {

constexpr float infinity = __builtin_inff();
constexpr size_t doubleLanes = laneCount / 2;
#if defined(__AVX512F__)
// For the masked forms of instructions: GCC 12 takes the plain ones' undefined operand for a mistake.
constexpr __mmask16 allLanes = 0xffff;
constexpr __mmask8 allDoubles = 0xff;
#endif

// x − 0 is x for every x, x + 0 is not.
PARE_INLINE Floats broadcast(float x) { return x - Floats{}; }
PARE_INLINE Ints bitsOf(Floats x) { return (Ints)x; }
PARE_INLINE Floats floatsOf(Ints bits) { return (Floats)bits; }
PARE_INLINE Floats absoluteOf(Floats x) { return floatsOf(bitsOf(x) & 0x7fffffff); }
PARE_INLINE Floats withSignOf(Floats magnitude, Floats sign) {
  return floatsOf(bitsOf(magnitude) | (bitsOf(sign) & INT32_MIN));
}
// a·b + c, rounded once where the level has FMA.
PARE_INLINE Floats fused(Floats a, Floats b, Floats c) {
  return (Floats)multiplyAdd((FloatVector)c, (FloatVector)a, (FloatVector)b);
}
PARE_INLINE Floats fused(Floats a, float b, Floats c) { return fused(a, broadcast(b), c); }
PARE_INLINE Floats fused(Floats a, Floats b, float c) { return fused(a, b, broadcast(c)); }

PARE_INLINE Floats atLeast(float bound, Floats x) { return atLeast(broadcast(bound), x); }
PARE_INLINE Floats atMost(float bound, Floats x) { return atMost(broadcast(bound), x); }

// ---- Single instructions
#if defined(__AVX512F__)
template <int mode>
PARE_INLINE Floats roundBy(Floats x) {
  return (Floats)_mm512_maskz_roundscale_ps(allLanes, (__m512)x, mode);
}
PARE_INLINE Floats floorOf(Floats x) { return roundBy<_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC>(x); }
PARE_INLINE Floats ceilOf(Floats x) { return roundBy<_MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC>(x); }
PARE_INLINE Floats roundOf(Floats x) { return roundBy<_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC>(x); }
PARE_INLINE Floats squareRootOf(Floats x) { return (Floats)_mm512_maskz_sqrt_ps(allLanes, (__m512)x); }
#elif defined(__AVX2__)
PARE_INLINE Floats floorOf(Floats x) { return (Floats)_mm256_floor_ps((__m256)x); }
PARE_INLINE Floats ceilOf(Floats x) { return (Floats)_mm256_ceil_ps((__m256)x); }
PARE_INLINE Floats roundOf(Floats x) {
  return (Floats)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
PARE_INLINE Floats squareRootOf(Floats x) { return (Floats)_mm256_sqrt_ps((__m256)x); }
#elif defined(__x86_64__)
PARE_INLINE Floats floorOf(Floats x) { return (Floats)_mm_floor_ps((__m128)x); }
PARE_INLINE Floats ceilOf(Floats x) { return (Floats)_mm_ceil_ps((__m128)x); }
PARE_INLINE Floats roundOf(Floats x) {
  return (Floats)_mm_round_ps((__m128)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
PARE_INLINE Floats squareRootOf(Floats x) { return (Floats)_mm_sqrt_ps((__m128)x); }
#elif defined(__aarch64__)
PARE_INLINE Floats floorOf(Floats x) { return (Floats)vrndmq_f32((float32x4_t)x); }
PARE_INLINE Floats ceilOf(Floats x) { return (Floats)vrndpq_f32((float32x4_t)x); }
PARE_INLINE Floats roundOf(Floats x) { return (Floats)vrndnq_f32((float32x4_t)x); }
PARE_INLINE Floats squareRootOf(Floats x) { return (Floats)vsqrtq_f32((float32x4_t)x); }
#endif

// ---- The first lanes of a vector: `count` is at least 1 and at most laneCount; memory beyond is not touched
PARE_INLINE Floats loadFirst(const UnalignedFloat* from, size_t count) {
  return count == laneCount ? load<Floats>(from) : (Floats)loadSome(from, count);
}
PARE_INLINE void storeFirst(UnalignedFloat* to, Floats value, size_t count) {
  if (count == laneCount)
    store(to, value);
  else
    storeSome(to, (FloatVector)value, count);
}
PARE_INLINE Ints laneNumbers() {
  Ints lane;
  for (size_t i = 0; i < laneCount; i++) lane[i] = static_cast<int32_t>(i);
  return lane;
}
// The other lanes become those of `otherwise`.
PARE_INLINE Floats keepFirst(Floats value, size_t count, Floats otherwise) {
  return count == laneCount ? value : laneNumbers() < static_cast<int32_t>(count) ? value : otherwise;
}

// Calls step(at, count) for the vectors of `length` elements: count is the constant laneCount for all but the last.
template <class Step>
PARE_INLINE void forEachVector(size_t length, Step&& step) {
  size_t i = 0;
  for (; i + laneCount <= length; i += laneCount) step(i, laneCount);
  if (i < length) step(i, length - i);
}

// ---- float32 ⇄ float64: the compiler takes several steps where the machine has one
#if defined(__AVX512F__)
PARE_INLINE Doubles widenLow(Floats x) {
  return (Doubles)_mm512_maskz_cvtps_pd(allDoubles, _mm512_castps512_ps256((__m512)x));
}
PARE_INLINE Doubles widenHigh(Floats x) {
  return (Doubles)_mm512_maskz_cvtps_pd(allDoubles, _mm512_maskz_extractf32x8_ps(allDoubles, (__m512)x, 1));
}
PARE_INLINE Floats narrow(Doubles low, Doubles high) {
  const __m256 first = _mm512_maskz_cvtpd_ps(allDoubles, (__m512d)low);
  const __m256 second = _mm512_maskz_cvtpd_ps(allDoubles, (__m512d)high);
  return (Floats)_mm512_maskz_insertf32x8(allLanes, _mm512_castps256_ps512(first), second, 1);
}
#elif defined(__AVX2__)
PARE_INLINE Doubles widenLow(Floats x) { return (Doubles)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)); }
PARE_INLINE Doubles widenHigh(Floats x) { return (Doubles)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1)); }
PARE_INLINE Floats narrow(Doubles low, Doubles high) {
  return (Floats)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
}
#elif defined(__x86_64__)
PARE_INLINE Doubles widenLow(Floats x) { return (Doubles)_mm_cvtps_pd((__m128)x); }
PARE_INLINE Doubles widenHigh(Floats x) { return (Doubles)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x)); }
PARE_INLINE Floats narrow(Doubles low, Doubles high) {
  return (Floats)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}
#elif defined(__aarch64__)
PARE_INLINE Doubles widenLow(Floats x) { return (Doubles)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
PARE_INLINE Doubles widenHigh(Floats x) { return (Doubles)vcvt_high_f64_f32((float32x4_t)x); }
PARE_INLINE Floats narrow(Doubles low, Doubles high) {
  return (Floats)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}
#endif

// All lanes of a vector by one operation, halves first.
template <int distance = static_cast<int>(laneCount) / 2, class Combine>
PARE_INLINE float foldLanes(Floats value, Combine&& combine) {
  if constexpr (distance == 0)
    return value[0];
  else
    return foldLanes<distance / 2>(combine(value, swapLanes<distance>(value, LaneNumbers<laneCount>{})), combine);
}
template <int distance = static_cast<int>(doubleLanes) / 2, class Combine>
PARE_INLINE double foldLanes(Doubles value, Combine&& combine) {
  if constexpr (distance == 0)
    return value[0];
  else
    return foldLanes<distance / 2>(combine(value, swapLanes<distance>(value, LaneNumbers<doubleLanes>{})), combine);
}
PARE_INLINE double sumOf(Doubles value) {
  return foldLanes(value, [](Doubles a, Doubles b) { return a + b; });
}

}  // namespace pare::PARE_LEVEL
