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

// How far quantized values are from the floats that they stand for: Σ x², Σ (x − x')², max |x − x'|.
struct QuantizationError {
  double signal = 0, noise = 0, maxError = 0;
  uint64_t count = 0;  // finite x
};

struct CompareKernels {
  // Adds what the pairs, fewer than 2³⁰, contribute to *sums. The order of additions depends on `count` alone.
  void (*compare)(const UnalignedFloat* a, const UnalignedFloat* b, size_t count, Comparison* sums);
  // Adds what quantization's error needs, the difference in float32, over rows of x that lie `stride` elements apart
  // and rows of `restored` that follow each other. x that is not finite saturates, so that its error says nothing: left
  // out.
  void (*error)(const UnalignedFloat* x, size_t stride, const float* restored, size_t rowCount, size_t columnCount,
                QuantizationError* sums);
};

}  // namespace pare
