// Transposes a square of 16-byte rows in registers; include it in kernels only.
#pragma once

#include "kernels/vector.h"

namespace pare::PARE_LEVEL {

constexpr size_t blockBytes = 16;

template <class Element>
struct Block {
  static constexpr size_t side = blockBytes / sizeof(Element);
  typedef Element Vector __attribute__((vector_size(blockBytes)));
  Vector rows[side];

  void load(const typename Unaligned<Element>::Type* in, size_t stride) {
    for (size_t i = 0; i < side; i++) __builtin_memcpy(&rows[i], in + i * stride, blockBytes);
  }
  void store(typename Unaligned<Element>::Type* out, size_t stride) const {
    for (size_t i = 0; i < side; i++) __builtin_memcpy(out + i * stride, &rows[i], blockBytes);
  }

  // Zipping row r with row r + n/2 moves one bit of the row number into the column number; after log2(n) rounds the two
  // have changed places.
  void transpose() {
    constexpr LaneNumbers<side> lanes;
    for (size_t round = 1; round < side; round *= 2) {
      Vector zipped[side];
      for (size_t row = 0; row < side / 2; row++) {
        zipped[2 * row] = zip<0>(rows[row], rows[row + side / 2], lanes);
        zipped[2 * row + 1] = zip<static_cast<int>(side) / 2>(rows[row], rows[row + side / 2], lanes);
      }
      for (size_t row = 0; row < side; row++) rows[row] = zipped[row];
    }
  }

 private:
  // Alternates lanes of two vectors, from lane `start` on.
  template <int start, int... lanes>
  static Vector zip(Vector first, Vector second, Lanes<lanes...>) {
    return __builtin_shufflevector(first, second, (start + lanes / 2 + lanes % 2 * static_cast<int>(side))...);
  }
};

}  // namespace pare::PARE_LEVEL
