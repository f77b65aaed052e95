// Random numbers that depend on nothing but their key and index: Philox 4×32-10.
//
// Operation: counter block b (four 32-bit words: b, then the stream, both low word first) under the 64-bit key gives
// four words; word i becomes the i-th uniform number (word >> 8) · 2^-24 in [0, 1). Floor: 4 bytes written an element,
// 20 multiplications a block. Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct RandomKernels {
  // Writes the numbers of blocks firstBlock, firstBlock + 1, …; `count` need not be a multiple of four.
  void (*uniform)(uint64_t key, uint64_t stream, uint64_t firstBlock, UnalignedFloat* out, size_t count);
};

// Philox's multipliers, and what the key grows by from round to round.
constexpr uint32_t philoxMultipliers[2] = {0xd2511f53u, 0xcd9e8d57u};
constexpr uint32_t philoxWeyl[2] = {0x9e3779b9u, 0xbb67ae85u};

}  // namespace pare
