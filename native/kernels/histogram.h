// The distribution of an array of floats: its extent, and how many of its values fall between edges.
//
// Operation: `extent` widens [low, high] by the finite values and counts the others; `count` adds one to counts[i] for
// each x with edges[i] <= x < edges[i + 1] (the last bin holds its upper edge too); what lies outside, and NaN, goes
// uncounted. Edges ascend and are nearly evenly spaced, as linspace leaves them: a guess from the mean width is
// corrected by looking. Layout: contiguous, any alignment. Floor: 4 bytes read an element. Rules: numpy.histogram,
// whose edges are float32 for float32 data.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct Extent {
  float low, high;  // of the finite values
  uint64_t nanCount, infiniteCount;
};

struct HistogramKernels {
  void (*extent)(const UnalignedFloat* in, size_t count, Extent* extent);  // count below 2³¹
  // `edges` has one more than `counts`; fewer than 2³⁰ bins.
  void (*count)(const UnalignedFloat* in, size_t count, const float* edges, size_t binCount, uint64_t* counts);
};

}  // namespace pare
