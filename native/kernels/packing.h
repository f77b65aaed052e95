// Packing four-byte units for the matrix products: `count` rows or columns become [depth][stride], the rest of each
// stride zero.
#pragma once

#include "kernels/simd.h"

namespace pare::PARE_LEVEL {

inline void clearPadding(uint32_t* to, size_t stride, size_t count, size_t depth) {
  if (count == stride) return;
  for (size_t u = 0; u < depth; u++)
    for (size_t i = count; i < stride; i++) to[u * stride + i] = 0;
}

// The next 4 × quads units of vectorLanes rows from unit u on, turned: unit by unit, `stride` apart.
template <int quads, class Units>
PARE_INLINE void transposeQuads(const Units& units, const uint8_t* const* rows, size_t u, uint32_t* to, size_t stride) {
  IntVector x[quads][4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++)
#pragma GCC unroll 2
    for (int q = 0; q < quads; q++)
      x[q][i] = units.finish(
          quadVector([&](int quad) PARE_INLINE_LAMBDA { return units.four(rows[quad * 4 + i], u + q * 4); }));
#pragma GCC unroll 2
  for (int q = 0; q < quads; q++) {
    const IntVector low01 = interleaveLow32(x[q][0], x[q][1]), high01 = interleaveHigh32(x[q][0], x[q][1]);
    const IntVector low23 = interleaveLow32(x[q][2], x[q][3]), high23 = interleaveHigh32(x[q][2], x[q][3]);
    storeInts(to, interleaveLow64(low01, low23));
    storeInts(to + stride, interleaveHigh64(low01, low23));
    storeInts(to + 2 * stride, interleaveLow64(high01, high23));
    storeInts(to + 3 * stride, interleaveHigh64(high01, high23));
    to += 4 * stride;
  }
}

// Rows that run along k: to[u][i] = unit u of row i, at from + i × rowStride. `Units` reads units of a row:
// four(row, u) is a quad of units u … u + 3, one(row, u) a single one; the first wholeDepth units may be read by four.
//
// A vector has a quad of as many rows as fit, four rows apart; the 4 × 4 transposition of four such vectors, quad by
// quad, gives as many consecutive rows of each of four units as a vector has lanes.
template <class Units>
PARE_INLINE void packAlong(const Units& units, const uint8_t* from, size_t rowStride, size_t count, size_t depth,
                           size_t wholeDepth, uint32_t* to, size_t stride) {
  const uint32_t* end = to + depth * stride;
  // Vectors may run past their row of `to`, into what is written afterwards: groups go from the last to the first.
  for (size_t group = (count - 1) / vectorLanes * vectorLanes;; group -= vectorLanes) {
    const size_t here = count - group < vectorLanes ? count - group : vectorLanes;
    const uint8_t* rows[vectorLanes];
    for (size_t i = 0; i < vectorLanes; i++) rows[i] = from + (group + (i < here ? i : here - 1)) * rowStride;
    size_t u = 0;
    // A row's address serves two quads.
    for (; u + 8 <= wholeDepth && to + (u + 7) * stride + group + vectorLanes <= end; u += 8)
      transposeQuads<2>(units, rows, u, to + u * stride + group, stride);
    for (; u + 4 <= wholeDepth; u += 4) {
      uint32_t block[4 * vectorLanes];  // the end is near: nothing may be stored past it
      transposeQuads<1>(units, rows, u, block, vectorLanes);
      for (size_t step = 0; step < 4; step++)
        for (size_t i = 0; i < here; i++) to[(u + step) * stride + group + i] = block[step * vectorLanes + i];
    }
    for (; u < depth; u++)
      for (size_t i = 0; i < here; i++) to[u * stride + group + i] = units.one(rows[i], u);
    if (group == 0) break;
  }
  clearPadding(to, stride, count, depth);
}

}  // namespace pare::PARE_LEVEL
