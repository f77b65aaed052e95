// Loops of gradients that other families do not have: of GELU, softmax, layer norm and max pooling, and rows of planes
// copied or added, of which a convolution's gradients are made.
//
// Layout: contiguous float32 of any alignment, unless strides are given. Floor: the bytes of their arguments at the
// speed of the cache that holds them; GELU's has two exponentials an element.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

// With d = x − μ, g = dy·scale and n the length: dx = (g − Σg/n − d·Σ(g·d)/(n·σ²)) / σ for each row, and its part of
// dScale += dy·d/σ, dBias += dy.
struct LayerNormGradientRows {
  const UnalignedFloat *dy, *x;  // [rowCount, length]
  const UnalignedFloat* scale;   // [length]
  UnalignedFloat* dx;            // [rowCount, length]; may be dy
  float *dScale, *dBias;         // [length], added to
  size_t rowCount, length;
  float epsilon;
};

// One row of windows of 2×2 with strides of 2: its two rows of the image and of the image's gradient.
struct PoolPairRows {
  const UnalignedFloat *upper, *lower, *dy;
  UnalignedFloat *dUpper, *dLower;
  size_t count;  // windows
};

// Rows of a plane, apart by a stride each.
struct PlaneRows {
  const UnalignedFloat* from;
  size_t fromStride;
  UnalignedFloat* to;  // does not overlap `from`
  size_t toStride;
  size_t rows, columns;
};

struct GradientKernels {
  using Elementwise = void (*)(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count);
  Elementwise gelu, geluTanh;  // dx may be dy or x
  // dx = y·(dy − Σ dy·y) of each row; dx may be dy or y.
  void (*softmaxRows)(const UnalignedFloat* dy, const UnalignedFloat* y, UnalignedFloat* dx, size_t rowCount,
                      size_t length);
  void (*layerNormRows)(const LayerNormGradientRows& rows);
  // The first of a window's largest has its gradient, the others zero; where there is a NaN, the first NaN.
  void (*maxPoolPairs)(const PoolPairRows& rows);
  void (*copyRows)(const PlaneRows& plane);
  void (*addRows)(const PlaneRows& plane);  // to += from
};

}  // namespace pare
