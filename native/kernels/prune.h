// Which weights to drop: exact selection by magnitude, and n of every m.
//
// Operation: |x| is ordered by its bit pattern without the sign, in which NaN is the largest; ties go by index.
// Selection reads everything once to count and collect what lies around a sample's quantile, or else is a radix select
// with histograms of the upper 11 bits, the next 11 and the last 9. A pruned element becomes +0, its mask byte 0;
// others stay as they are, their mask byte 1. Layout: contiguous, any alignment; outputs may be the input. Floor: 4
// bytes read an element for a histogram; 4 read and 5 written for pruning with a mask.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct PruneKernels {
  static constexpr size_t bucketCount = 2048, largestGroup = 64;

  // Adds to histogram[(pattern >> shift) % bucketCount] for each pattern with pattern >> prefixShift == prefix; `count`
  // is below 2³².
  void (*histogram)(const UnalignedFloat* in, size_t count, unsigned shift, unsigned prefixShift, uint32_t prefix,
                    uint32_t* histogram);
  // Writes the patterns from `low` to `high`, in their order, and returns how many; adds the number of smaller ones to
  // *below. 16 more elements of `out` may be overwritten; null: only counts. `count` is below 2³².
  size_t (*collect)(const UnalignedFloat* in, size_t count, uint32_t low, uint32_t high, uint32_t* out,
                    uint64_t* below);
  size_t (*countEqual)(const UnalignedFloat* in, size_t count, uint32_t pattern);

  // Prunes where the pattern of `scores` is at most `limit` (−1: nowhere) and returns how many; `mask` may be null.
  size_t (*prune)(const UnalignedFloat* in, const UnalignedFloat* scores, UnalignedFloat* out, uint8_t* mask,
                  size_t count, int32_t limit);

  // Keeps the n largest of every m neighbours in each row, of a last shorter group as well; `mask` may be null.
  void (*pruneGroups)(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t rowLength,
                      size_t n, size_t m);
  // The same down the columns of `rowCount` rows, which lie `stride` elements apart, from one group's first row.
  void (*pruneGroupColumns)(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount,
                            size_t stride, size_t columnCount, size_t n, size_t m);
};

}  // namespace pare
