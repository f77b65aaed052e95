// What the float and the integer matrix product share: a tile of C, computed from packed rows of A and strips of B.
//
// Both operands are sequences of four-byte units along k, a "depth" of them: a float, or as many integers as the
// level's dot product takes (four bytes, two 16-bit values). A tile's A is packed as [depth][rows], a strip of B as
// [depth][stripColumns], so that one step of the inner loop reads both forward. C is row-major, of four-byte elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/unaligned.h"

namespace pare {

struct MatmulTile {
  const uint32_t* a;  // [depth][rows]
  const uint8_t* b;   // the first strip; any alignment
  size_t bStride;     // bytes from one unit of depth to the next
  // Not null: where each unit of depth lies instead, in bytes from `b`. Floats only. Vectors are read and C's are
  // written whole, so there must be room for them behind the last column of either.
  const size_t* bOffsets;
  size_t bStripStride;   // bytes from one strip to the next
  bool streams;          // B lies where the caller has it, row after row: see streamsB
  size_t bRowStride;     // streams: bytes from one row of B to the next, of which a unit may take several
  size_t bFetch;         // streams: bytes from what is read to what is fetched ahead
  uint32_t bFlip;        // streams, integers: 0x80 in each byte when packing would turn over the values' top bits …
  uint32_t bBias;        // … and what to subtract afterwards, in both halves, where packing widens signed values
  uint32_t* bCopy;       // not null: the strips, whole ones, are packed to here while they are read
  uint8_t* c;            // any alignment
  size_t cStride;        // bytes from one row to the next
  const uint8_t* cNext;  // where the next tile's C begins, to be fetched meanwhile; or null
  // What else will be needed soon: from `fetch` on a line for each unit of depth, fetchStride bytes apart, and the same
  // for each strip, fetchStripStride bytes further.
  const uint8_t* fetch;
  size_t fetchStride, fetchStripStride;
  size_t rows;     // 1 … TileKernel::rows
  size_t columns;  // any number; B's strips are whole all the same, their last columns padded
  size_t depth;
  bool accumulate;  // adds to C instead of overwriting it
  // Floats: C is most(least(sums + bias)) instead, with a number of `bias` a row; where NaN, it stays.
  bool finishes;
  const UnalignedFloat* bias;  // or null
  float least, most;
};

struct TileKernel {
  bool streamsB;         // takes B in place, whole strips and whole units of it
  size_t rows;           // the most rows of a tile
  size_t stripColumns;   // columns of a strip of B
  size_t vectorColumns;  // and of a vector
  void (*multiply)(const MatmulTile& tile);
};

}  // namespace pare
