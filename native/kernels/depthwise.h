// Depthwise convolution of float32 in two dimensions: each input channel has filters of its own.
//
// A few output rows are computed together, so that a row of the image, loaded once, serves all of them. The image's
// rows pass through a ring in the first cache level, padded and, for strides, apart by phase: every element of the
// window then finds its pixels side by side. Each element of y is one chain of multiply-adds in the order of the
// window, without the bias, whatever rows are computed together. Floor: x and y once through the memory that holds
// them.
#pragma once

#include <cstddef>

#include "kernels/activation.h"
#include "kernels/unaligned.h"

namespace pare {

struct DepthwisePlane {
  const UnalignedFloat* x;  // [height, width]: one channel
  size_t height, width;
  size_t kernelHeight, kernelWidth;
  size_t strideHeight, strideWidth, dilationWidth;
  size_t padTop, padLeft;
  size_t filters;                  // of this channel
  const UnalignedFloat* weights;   // [filters, kernelHeight, kernelWidth]
  const UnalignedFloat* bias;      // [filters], or null
  const UnalignedFloat* residual;  // null, or laid out as y
  UnalignedFloat* y;               // [filters, outputHeight, outputWidth]
  size_t outputHeight, outputWidth;
  size_t firstRow, endRow;  // the rows of y to compute
  float* scratch;           // scratchFloats(…), aligned to 64 bytes
};

struct DepthwiseKernels {
  // Whether there is a kernel for a window: no dilation in height.
  bool (*has)(size_t kernelHeight, size_t kernelWidth, size_t strideHeight);
  size_t (*scratchFloats)(const DepthwisePlane& plane);
  void (*compute)(const DepthwisePlane& plane, const Activation& activation);
};

}  // namespace pare
