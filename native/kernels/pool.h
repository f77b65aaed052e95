// Pools of float32 over windows of up to three dimensions.
//
// A row of results is made in two steps: the rows of the image that its windows meet become one, column by column; then
// each window's columns of that one. A window that is as wide as the image is summed up where it lies. Floor: x once at
// the speed of the memory that holds it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/unaligned.h"

namespace pare {

struct PoolAxis {
  size_t input = 1, kernel = 1, stride = 1, dilation = 1, padBegin = 0, padEnd = 0;
  size_t output = 1;  // places of the window, of which the last may reach beyond the padding

  // Elements of the window at a place that are in the image, or with the padding in both.
  [[gnu::always_inline]] size_t count(size_t place, bool withPadding) const {
    const size_t at = place * stride, first = withPadding ? 0 : padBegin;
    const size_t limit = padBegin + input + (withPadding ? padEnd : 0);
    const size_t begin = at >= first ? 0 : (first - at + dilation - 1) / dilation;
    const size_t whole = at >= limit ? 0 : (limit - at + dilation - 1) / dilation,
                 end = whole < kernel ? whole : kernel;
    return end > begin ? end - begin : 0;
  }
};

enum class PoolKind : uint8_t {
  max,      // NaN where the window has one; −∞ where it has nothing
  average,  // of what the window has, with or without the padding
  lp,       // (Σ |x|^power)^(1/power)
};

struct PoolPlanes {
  PoolKind kind;
  bool countsPadding;
  float power;
  const UnalignedFloat* x;  // [planes, axes' input]
  UnalignedFloat* y;        // [planes, axes' output]
  PoolAxis axes[3];
  size_t firstPlane, endPlane, firstRow, endRow;  // what to compute: these planes, and of each these rows of y
  float* scratch;                                 // scratchFloats(…), aligned to 64 bytes
};

struct PoolKernels {
  size_t (*scratchFloats)(const PoolPlanes& planes);
  void (*compute)(const PoolPlanes& planes);
};

}  // namespace pare
