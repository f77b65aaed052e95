// Vectors of the level's own width, as the compiler's vector types: operators work lane by lane, comparisons give −1 or
// 0, `mask ? a : b` selects. For loops that the vectorizer does not take; include it in kernels only.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

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

}  // namespace pare::PARE_LEVEL
