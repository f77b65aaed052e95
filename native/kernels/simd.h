// The widest vectors of a level, as far as micro-kernels need them: what the compiler finds by itself is not here.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define PARE_INLINE [[gnu::always_inline]] inline
#define PARE_INLINE_LAMBDA __attribute__((always_inline))

namespace pare::PARE_LEVEL {

// ---- float32 and int32 lanes
// ---------------------------------------------------------------------------------------------- multiplyAdd(c, a, b)
// is a·b + c, rounded once where the level has FMA. Loads and stores take any address.
#if defined(__AVX512F__)
constexpr int vectorLanes = 16, vectorRegisters = 32;
using FloatVector = __m512;
using IntVector = __m512i;
PARE_INLINE FloatVector loadFloats(const void* from) { return _mm512_loadu_ps(from); }
PARE_INLINE void storeFloats(void* to, FloatVector x) { _mm512_storeu_ps(to, x); }
PARE_INLINE FloatVector broadcastFloat(float x) { return _mm512_set1_ps(x); }
PARE_INLINE FloatVector multiplyAdd(FloatVector c, FloatVector a, FloatVector b) { return _mm512_fmadd_ps(a, b, c); }
// The larger and the smaller of a bound and x, which stays where it is NaN. All lanes are chosen: GCC 12 complains
// about an operand that its unmasked intrinsics leave undefined.
PARE_INLINE FloatVector atLeast(FloatVector bound, FloatVector x) { return _mm512_maskz_max_ps(0xffff, bound, x); }
PARE_INLINE FloatVector atMost(FloatVector bound, FloatVector x) { return _mm512_maskz_min_ps(0xffff, bound, x); }
PARE_INLINE IntVector loadInts(const void* from) { return _mm512_loadu_si512(from); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm512_storeu_si512(to, x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm512_set1_epi32(x); }
PARE_INLINE IntVector addInts(IntVector a, IntVector b) { return _mm512_add_epi32(a, b); }
#elif defined(__AVX2__)
constexpr int vectorLanes = 8, vectorRegisters = 16;
using FloatVector = __m256;
using IntVector = __m256i;
PARE_INLINE FloatVector loadFloats(const void* from) { return _mm256_loadu_ps(static_cast<const float*>(from)); }
PARE_INLINE void storeFloats(void* to, FloatVector x) { _mm256_storeu_ps(static_cast<float*>(to), x); }
PARE_INLINE FloatVector broadcastFloat(float x) { return _mm256_set1_ps(x); }
PARE_INLINE FloatVector multiplyAdd(FloatVector c, FloatVector a, FloatVector b) { return _mm256_fmadd_ps(a, b, c); }
PARE_INLINE FloatVector atLeast(FloatVector bound, FloatVector x) { return _mm256_max_ps(bound, x); }
PARE_INLINE FloatVector atMost(FloatVector bound, FloatVector x) { return _mm256_min_ps(bound, x); }
PARE_INLINE IntVector loadInts(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm256_set1_epi32(x); }
PARE_INLINE IntVector addInts(IntVector a, IntVector b) { return _mm256_add_epi32(a, b); }
#elif defined(__x86_64__)
constexpr int vectorLanes = 4, vectorRegisters = 16;
using FloatVector = __m128;
using IntVector = __m128i;
PARE_INLINE FloatVector loadFloats(const void* from) { return _mm_loadu_ps(static_cast<const float*>(from)); }
PARE_INLINE void storeFloats(void* to, FloatVector x) { _mm_storeu_ps(static_cast<float*>(to), x); }
PARE_INLINE FloatVector broadcastFloat(float x) { return _mm_set1_ps(x); }
PARE_INLINE FloatVector multiplyAdd(FloatVector c, FloatVector a, FloatVector b) {
  return _mm_add_ps(_mm_mul_ps(a, b), c);
}
PARE_INLINE FloatVector atLeast(FloatVector bound, FloatVector x) { return _mm_max_ps(bound, x); }
PARE_INLINE FloatVector atMost(FloatVector bound, FloatVector x) { return _mm_min_ps(bound, x); }
PARE_INLINE IntVector loadInts(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm_storeu_si128(static_cast<__m128i*>(to), x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm_set1_epi32(x); }
PARE_INLINE IntVector addInts(IntVector a, IntVector b) { return _mm_add_epi32(a, b); }
#elif defined(__aarch64__)
constexpr int vectorLanes = 4, vectorRegisters = 32;
using FloatVector = float32x4_t;
using IntVector = int32x4_t;
PARE_INLINE FloatVector loadFloats(const void* from) {
  return vreinterpretq_f32_u8(vld1q_u8(static_cast<const uint8_t*>(from)));
}
PARE_INLINE void storeFloats(void* to, FloatVector x) { vst1q_u8(static_cast<uint8_t*>(to), vreinterpretq_u8_f32(x)); }
PARE_INLINE FloatVector broadcastFloat(float x) { return vdupq_n_f32(x); }
PARE_INLINE FloatVector multiplyAdd(FloatVector c, FloatVector a, FloatVector b) { return vfmaq_f32(c, a, b); }
PARE_INLINE FloatVector atLeast(FloatVector bound, FloatVector x) { return vmaxq_f32(bound, x); }
PARE_INLINE FloatVector atMost(FloatVector bound, FloatVector x) { return vminq_f32(bound, x); }
PARE_INLINE IntVector loadInts(const void* from) {
  return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(from)));
}
PARE_INLINE void storeInts(void* to, IntVector x) { vst1q_u8(static_cast<uint8_t*>(to), vreinterpretq_u8_s32(x)); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return vdupq_n_s32(x); }
PARE_INLINE IntVector addInts(IntVector a, IntVector b) { return vaddq_s32(a, b); }
#endif

// Some lanes; nothing else is touched, and lanes that are not read are zero.
#if defined(__AVX512F__)
constexpr bool hasLaneMasks = true;
using LaneMask = __mmask16;
// The lanes from `begin` to before `end`, of which either may lie outside of the vector.
PARE_INLINE LaneMask lanesBetween(ptrdiff_t begin, ptrdiff_t end) {
  const ptrdiff_t from = begin < 0 ? 0 : begin > 16 ? 16 : begin, to = end < 0 ? 0 : end > 16 ? 16 : end;
  return static_cast<__mmask16>(((1u << to) - 1) & ~((1u << from) - 1));
}
PARE_INLINE FloatVector loadLanes(const void* from, LaneMask mask) { return _mm512_maskz_loadu_ps(mask, from); }
PARE_INLINE void storeLanes(void* to, FloatVector x, LaneMask mask) { _mm512_mask_storeu_ps(to, mask, x); }
PARE_INLINE FloatVector chooseLanes(LaneMask mask, FloatVector x, FloatVector otherwise) {
  return _mm512_mask_blend_ps(mask, otherwise, x);
}
#elif defined(__AVX2__)
constexpr bool hasLaneMasks = true;
using LaneMask = __m256i;
PARE_INLINE LaneMask lanesBetween(ptrdiff_t begin, ptrdiff_t end) {
  const ptrdiff_t from = begin < 0 ? 0 : begin > 8 ? 8 : begin, to = end < 0 ? 0 : end > 8 ? 8 : end;
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(from)), lanes),
                             _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(to)), lanes));
}
PARE_INLINE FloatVector loadLanes(const void* from, LaneMask mask) {
  return _mm256_maskload_ps(static_cast<const float*>(from), mask);
}
PARE_INLINE void storeLanes(void* to, FloatVector x, LaneMask mask) {
  _mm256_maskstore_ps(static_cast<float*>(to), mask, x);
}
PARE_INLINE FloatVector chooseLanes(LaneMask mask, FloatVector x, FloatVector otherwise) {
  return _mm256_blendv_ps(otherwise, x, _mm256_castsi256_ps(mask));
}
#else
constexpr bool hasLaneMasks = false;  // lane by lane
struct LaneMask {
  ptrdiff_t begin, end;
};
PARE_INLINE LaneMask lanesBetween(ptrdiff_t begin, ptrdiff_t end) {
  return {begin < 0 ? 0 : begin, end > vectorLanes ? vectorLanes : end};
}
PARE_INLINE FloatVector loadLanes(const void* from, LaneMask mask) {
  float lanes[vectorLanes] = {};
  for (ptrdiff_t i = mask.begin; i < mask.end; i++)
    __builtin_memcpy(lanes + i, static_cast<const char*>(from) + i * 4, sizeof(float));
  return loadFloats(lanes);
}
PARE_INLINE void storeLanes(void* to, FloatVector x, LaneMask mask) {
  float lanes[vectorLanes];
  storeFloats(lanes, x);
  for (ptrdiff_t i = mask.begin; i < mask.end; i++)
    __builtin_memcpy(static_cast<char*>(to) + i * 4, lanes + i, sizeof(float));
}
PARE_INLINE FloatVector chooseLanes(LaneMask mask, FloatVector x, FloatVector otherwise) {
  float lanes[vectorLanes];
  storeFloats(lanes, otherwise);
  storeLanes(lanes, x, mask);
  return loadFloats(lanes);
}
#endif
// The first `count` lanes, fewer than a vector has.
PARE_INLINE FloatVector loadSome(const void* from, size_t count) {
  return loadLanes(from, lanesBetween(0, static_cast<ptrdiff_t>(count)));
}
PARE_INLINE void storeSome(void* to, FloatVector x, size_t count) {
  storeLanes(to, x, lanesBetween(0, static_cast<ptrdiff_t>(count)));
}

// ---- Rearranging: vectors of quads, 16 bytes each
// ------------------------------------------------------------------------- quadVector(quad) puts quad(0), quad(1), …
// side by side; the interleavings stay within a quad.
using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Shorts8 = uint16_t __attribute__((vector_size(16)));
constexpr int vectorQuads = vectorLanes / 4;
#if defined(__AVX512F__)
template <class Quad>
PARE_INLINE IntVector quadVector(Quad quad) {
  __m512i x = _mm512_castsi128_si512((__m128i)quad(0));
  x = _mm512_inserti32x4(x, (__m128i)quad(1), 1);
  x = _mm512_inserti32x4(x, (__m128i)quad(2), 2);
  return _mm512_inserti32x4(x, (__m128i)quad(3), 3);
}
PARE_INLINE IntVector interleaveLow32(IntVector a, IntVector b) { return _mm512_unpacklo_epi32(a, b); }
PARE_INLINE IntVector interleaveHigh32(IntVector a, IntVector b) { return _mm512_unpackhi_epi32(a, b); }
PARE_INLINE IntVector interleaveLow64(IntVector a, IntVector b) { return _mm512_unpacklo_epi64(a, b); }
PARE_INLINE IntVector interleaveHigh64(IntVector a, IntVector b) { return _mm512_unpackhi_epi64(a, b); }
#elif defined(__AVX2__)
template <class Quad>
PARE_INLINE IntVector quadVector(Quad quad) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256((__m128i)quad(0)), (__m128i)quad(1), 1);
}
PARE_INLINE IntVector interleaveLow32(IntVector a, IntVector b) { return _mm256_unpacklo_epi32(a, b); }
PARE_INLINE IntVector interleaveHigh32(IntVector a, IntVector b) { return _mm256_unpackhi_epi32(a, b); }
PARE_INLINE IntVector interleaveLow64(IntVector a, IntVector b) { return _mm256_unpacklo_epi64(a, b); }
PARE_INLINE IntVector interleaveHigh64(IntVector a, IntVector b) { return _mm256_unpackhi_epi64(a, b); }
#elif defined(__x86_64__)
template <class Quad>
PARE_INLINE IntVector quadVector(Quad quad) {
  return (__m128i)quad(0);
}
PARE_INLINE IntVector interleaveLow32(IntVector a, IntVector b) { return _mm_unpacklo_epi32(a, b); }
PARE_INLINE IntVector interleaveHigh32(IntVector a, IntVector b) { return _mm_unpackhi_epi32(a, b); }
PARE_INLINE IntVector interleaveLow64(IntVector a, IntVector b) { return _mm_unpacklo_epi64(a, b); }
PARE_INLINE IntVector interleaveHigh64(IntVector a, IntVector b) { return _mm_unpackhi_epi64(a, b); }
#elif defined(__aarch64__)
template <class Quad>
PARE_INLINE IntVector quadVector(Quad quad) {
  return (int32x4_t)quad(0);
}
PARE_INLINE IntVector interleaveLow32(IntVector a, IntVector b) { return vzip1q_s32(a, b); }
PARE_INLINE IntVector interleaveHigh32(IntVector a, IntVector b) { return vzip2q_s32(a, b); }
PARE_INLINE IntVector interleaveLow64(IntVector a, IntVector b) {
  return (int32x4_t)vzip1q_s64((int64x2_t)a, (int64x2_t)b);
}
PARE_INLINE IntVector interleaveHigh64(IntVector a, IntVector b) {
  return (int32x4_t)vzip2q_s64((int64x2_t)a, (int64x2_t)b);
}
#endif

template <class Value>
PARE_INLINE Value loadUnaligned(const void* from) {
  Value x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
template <class Value>
PARE_INLINE void storeUnaligned(void* to, Value x) {
  __builtin_memcpy(to, &x, sizeof x);
}

}  // namespace pare::PARE_LEVEL
