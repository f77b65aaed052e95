// Depthwise convolution of float32 in two dimensions: each input channel has filters of its own.
//
// A few output rows are computed together, so that a vector of pixels, loaded once, serves all of them. Rows are read
// where they are; where vectors cannot be read in part, they pass through a ring in the first cache level, padded and,
// for strides, apart by phase. Each element of y is one chain of multiply-adds, the window column by column, then the
// bias, whatever is computed together. Floor: x and y once through the memory that holds them.
#pragma once

#include <cstddef>

#include "kernels/activation.h"
#include "kernels/unaligned.h"

namespace pare {

struct DepthwisePlanes {
  const UnalignedFloat* x;  // [planes, height, width]: image after image, channel after channel
  size_t channels;
  size_t height, width;
  size_t kernelHeight, kernelWidth;
  size_t strideHeight, strideWidth, dilationWidth;
  size_t padTop, padLeft;
  size_t filters;                  // of a channel
  const UnalignedFloat* weights;   // [channels, filters, kernelHeight, kernelWidth]
  const UnalignedFloat* bias;      // [channels, filters], or null
  const UnalignedFloat* residual;  // null, or laid out as y
  UnalignedFloat* y;               // [planes, filters, outputHeight, outputWidth]
  size_t outputHeight, outputWidth;
  size_t firstPlane, endPlane, firstRow, endRow;  // what to compute: these planes, and of each these rows of y
  void* scratch;                                  // scratchBytes(…), aligned to 64
};

struct DepthwiseKernels {
  // Whether there is a kernel for a window: no dilation in height.
  bool (*has)(size_t kernelHeight, size_t kernelWidth, size_t strideHeight, size_t strideWidth);
  size_t (*scratchBytes)(const DepthwisePlanes& planes);
  void (*compute)(const DepthwisePlanes& planes, const Activation& activation);
};

}  // namespace pare
