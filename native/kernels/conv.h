// What a convolution of float32 needs besides the matrix product's tiles: rows of the image laid out for them, and the
// last step from sums to results.
//
// The image is copied once, with its padding, so that every element of the window finds its pixels side by side
// whatever the stride (see engine/conv.h). Floor of spreadRow and finish: their bytes at the speed of the cache that
// holds them.
#pragma once

#include <cstddef>

#include "kernels/activation.h"
#include "kernels/unaligned.h"

namespace pare {

// Sums become results: y = activation(c + bias + columnBias + residual).
struct FinishBlock {
  const UnalignedFloat* c;
  size_t cStride;  // elements from one row to the next
  size_t rows, columns;
  const UnalignedFloat* bias;        // a number a row, or null
  const UnalignedFloat* columnBias;  // a number a column, or null; with a yStep of 1 only
  const UnalignedFloat* residual;    // null, or laid out as y
  UnalignedFloat* y;                 // may be c; else they do not overlap
  size_t yStride;                    // elements from one row to the next …
  size_t yStep;                      // … and from one column to the next
};

// Columns of a strip that lie side by side: `from` floats behind where a unit of depth begins.
struct StripRun {
  size_t from, count;
};

struct ConvKernels {
  // to[j] = row[first + j × stride] for j < count, and zero where that is outside of the row's `width` elements.
  void (*spreadRow)(const UnalignedFloat* row, size_t width, ptrdiff_t first, size_t stride, float* to, size_t count);
  // For each unit of depth, which begins offsets[unit] bytes behind `image`, its runs side by side, `columns` in all.
  // Vectors are read and written whole: there must be room for one behind what is read, and behind the strip.
  void (*gatherStrip)(const float* image, const size_t* offsets, size_t units, const StripRun* runs, size_t runCount,
                      float* to, size_t columns);
  void (*finish)(const FinishBlock& block, const Activation& activation);
};

}  // namespace pare
