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
PARE_INLINE IntVector loadInts(const void* from) { return _mm512_loadu_si512(from); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm512_storeu_si512(to, x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm512_set1_epi32(x); }
#elif defined(__AVX2__)
constexpr int vectorLanes = 8, vectorRegisters = 16;
using FloatVector = __m256;
using IntVector = __m256i;
PARE_INLINE FloatVector loadFloats(const void* from) { return _mm256_loadu_ps(static_cast<const float*>(from)); }
PARE_INLINE void storeFloats(void* to, FloatVector x) { _mm256_storeu_ps(static_cast<float*>(to), x); }
PARE_INLINE FloatVector broadcastFloat(float x) { return _mm256_set1_ps(x); }
PARE_INLINE FloatVector multiplyAdd(FloatVector c, FloatVector a, FloatVector b) { return _mm256_fmadd_ps(a, b, c); }
PARE_INLINE IntVector loadInts(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm256_set1_epi32(x); }
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
PARE_INLINE IntVector loadInts(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
PARE_INLINE void storeInts(void* to, IntVector x) { _mm_storeu_si128(static_cast<__m128i*>(to), x); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return _mm_set1_epi32(x); }
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
PARE_INLINE IntVector loadInts(const void* from) {
  return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(from)));
}
PARE_INLINE void storeInts(void* to, IntVector x) { vst1q_u8(static_cast<uint8_t*>(to), vreinterpretq_u8_s32(x)); }
PARE_INLINE IntVector broadcastInt(int32_t x) { return vdupq_n_s32(x); }
#endif

// ---- Sixteen bytes, for rearranging
// ---------------------------------------------------------------------------------------
using Bytes16 = uint8_t __attribute__((vector_size(16)));
using Shorts8 = uint16_t __attribute__((vector_size(16)));
using Words4 = uint32_t __attribute__((vector_size(16)));
using Doublewords2 = uint64_t __attribute__((vector_size(16)));

template <class Vector>
PARE_INLINE Vector loadUnaligned(const void* from) {
  Vector x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
template <class Vector>
PARE_INLINE void storeUnaligned(void* to, Vector x) {
  __builtin_memcpy(to, &x, sizeof x);
}

}  // namespace pare::PARE_LEVEL
