// How far two arrays are apart: the sums behind signal-to-noise ratio, cosine, mean and maximal error.
//
// Operation: reductions in double precision over pairs; a pair with a NaN is counted and left out; equal infinities
// have no error and are left out of the sums. Layout: contiguous, any alignment. Floor: 8 bytes read an element.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct Comparison {
  double maxError = 0, sumError = 0, sumSquareA = 0, sumSquareB = 0, sumSquareError = 0, dot = 0;
  uint64_t count = 0, nanCount = 0;  // pairs without a NaN, and with one
};

struct CompareKernels {
  // Adds what the pairs contribute to *sums. The order of additions depends on `count` alone.
  void (*compare)(const UnalignedFloat* a, const UnalignedFloat* b, size_t count, Comparison* sums);
};

}  // namespace pare
