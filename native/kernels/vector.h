// Vectors of the level's own width, as the compiler's vector types: operators work lane by lane, comparisons give −1 or
// 0, `mask ? a : b` selects. For loops that the vectorizer does not take; include it in kernels only.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pare::PARE_LEVEL {

#if defined(__AVX512F__)
constexpr size_t vectorBytes = 64;
#elif defined(__AVX2__)
constexpr size_t vectorBytes = 32;
#else
constexpr size_t vectorBytes = 16;
#endif
constexpr size_t laneCount = vectorBytes / 4;

typedef float Floats __attribute__((vector_size(vectorBytes)));
typedef int32_t Ints __attribute__((vector_size(vectorBytes)));
typedef uint32_t Words __attribute__((vector_size(vectorBytes)));
typedef double Doubles __attribute__((vector_size(vectorBytes)));

// A vector from any address, and to any.
template <class Vector, class Element>
inline Vector load(const Element* from) {
  Vector value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
template <class Vector, class Element>
inline void store(Element* to, Vector value) {
  __builtin_memcpy(to, &value, sizeof value);
}

template <class Vector>
inline Vector larger(Vector a, Vector b) {
  return a > b ? a : b;
}

// The numbers 0 … count − 1 as template arguments, for shuffles, whose lanes must be constants.
template <int... lanes>
struct Lanes {};
template <int count, int... rest>
struct LanesUpTo : LanesUpTo<count - 1, count - 1, rest...> {};
template <int... rest>
struct LanesUpTo<0, rest...> {
  using Type = Lanes<rest...>;
};
template <size_t count>
using LaneNumbers = typename LanesUpTo<static_cast<int>(count)>::Type;

template <int distance, class Vector, int... lanes>
inline Vector swapLanes(Vector value, Lanes<lanes...>) {
  return __builtin_shufflevector(value, value, (lanes ^ distance)...);
}

// The largest lane of Ints or Words.
template <int distance = static_cast<int>(laneCount) / 2, class Vector>
inline auto largestOf(Vector value) {
  if constexpr (distance == 0)
    return value[0];
  else
    return largestOf<distance / 2>(larger(value, swapLanes<distance>(value, LaneNumbers<laneCount>{})));
}

// The low byte of each lane, to any address.
inline void storeBytes(uint8_t* to, Ints lanes) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8((__m512i)lanes));
#elif defined(__AVX2__)
  const __m256i order = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                         0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i bytes = _mm256_shuffle_epi8((__m256i)lanes, order);
  const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), both);
#elif defined(__SSSE3__)
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  store(to, _mm_cvtsi128_si32(_mm_shuffle_epi8((__m128i)lanes, order)));
#else
  typedef uint8_t Bytes __attribute__((vector_size(laneCount)));
  store(to, __builtin_convertvector((Words)lanes, Bytes));
#endif
}

// A byte for each lane of a mask: 1 where it holds.
inline void storeMask(uint8_t* to, Ints mask) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_maskz_set1_epi8(_mm512_movepi32_mask((__m512i)mask), 1));
#else
  storeBytes(to, mask & 1);
#endif
}

// How often a mask held in each lane, added up downwards in `counts`.
inline uint32_t countOf(Ints counts) {
  uint32_t sum = 0;
  for (size_t lane = 0; lane < laneCount; lane++) sum += static_cast<uint32_t>(-counts[lane]);
  return sum;
}

}  // namespace pare::PARE_LEVEL
