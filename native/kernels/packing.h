// Packing four-byte units for the matrix products: `count` rows or columns become [depth][stride], the rest of each
// stride zero.
#pragma once

#include "kernels/simd.h"

namespace pare::PARE_LEVEL {

PARE_INLINE void transpose4(Words4 (&x)[4]) {
  const Words4 a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
  const Words4 b = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const Words4 c = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  const Words4 d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

inline void clearPadding(uint32_t* to, size_t stride, size_t count, size_t depth) {
  if (count == stride) return;
  for (size_t u = 0; u < depth; u++)
    for (size_t i = count; i < stride; i++) to[u * stride + i] = 0;
}

// Rows that run along k: to[u][i] = unit u of row i, at from + i × rowStride. `Units` reads units of a row:
// four(row, u) is a vector of units u … u + 3, one(row, u) a single one; the first wholeDepth units may be read by
// four.
template <class Units>
PARE_INLINE void packAlong(const Units& units, const uint8_t* from, size_t rowStride, size_t count, size_t depth,
                           size_t wholeDepth, uint32_t* to, size_t stride) {
  const size_t lastGroup = (count - 1) / 4 * 4;
  size_t u = 0;
  // Stores of four may run past their row of `to`, into what is written afterwards: groups go from the last to the
  // first, and the loop ends where a store would pass the end.
  for (; u + 4 <= wholeDepth && (u + 3) * stride + lastGroup + 4 <= depth * stride; u += 4) {
    for (size_t group = lastGroup;; group -= 4) {
      Words4 x[4];
      for (size_t i = 0; i < 4; i++) {
        const size_t row = group + i < count ? group + i : count - 1;
        x[i] = units.four(from + row * rowStride, u);
      }
      transpose4(x);
      for (size_t i = 0; i < 4; i++) storeUnaligned(to + (u + i) * stride + group, x[i]);
      if (group == 0) break;
    }
  }
  for (; u < depth; u++)
    for (size_t i = 0; i < count; i++) to[u * stride + i] = units.one(from + i * rowStride, u);
  clearPadding(to, stride, count, depth);
}

}  // namespace pare::PARE_LEVEL
