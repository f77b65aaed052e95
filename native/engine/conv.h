// Convolution of float32 with up to three spatial dimensions, and its transpose.
//
// x is [batch, inputChannels, spatial…] and y [batch, outputChannels, spatial…]. Which way is fastest is decided when
// the filters are prepared: depthwise windows of 3×3 and 5×5 have kernels of their own, a window that is the whole
// image is a matrix by a vector, and everything else is a correlation (see correlation.h).
#pragma once

#include <memory>

#include "engine/blob.h"
#include "engine/correlation.h"

namespace pare {

struct ConvAxis {
  size_t input = 1, kernel = 1, stride = 1, dilation = 1, padBegin = 0, padEnd = 0;

  size_t window() const { return (kernel - 1) * dilation + 1; }
  // Places that the window has.
  size_t output() const {
    const size_t span = input + padBegin + padEnd;
    return span < window() ? 0 : (span - window()) / stride + 1;
  }
};

struct ConvShape {
  size_t batch = 1, groups = 1, inputChannels = 1, outputChannels = 1;
  size_t rank = 2;   // spatial dimensions, 1 to 3
  ConvAxis axes[3];  // outermost first; the last `rank` of them, the others stay as they are

  size_t kernelSize() const { return axes[0].kernel * axes[1].kernel * axes[2].kernel; }
};

// Filters, laid out once for the kernels of an execution.
class PreparedConv {
 public:
  // `filters` [outputChannels, inputChannels / groups, kernel…], of any alignment, must outlive this. Of the shape,
  // batch and input may be others when it is used.
  Status prepare(const Execution& execution, const ConvShape& shape, const UnalignedFloat* filters);
  size_t byteLength() const { return packed_ ? packed_->byteLength() : 0; }

 private:
  friend Status conv(const Execution&, const PreparedConv&, const ConvShape&, const UnalignedFloat*, UnalignedFloat*,
                     const ConvEpilogue&);
  const UnalignedFloat* filters_ = nullptr;
  bool isDepthwise_ = false;
  std::unique_ptr<Blob> packed_;
};

// y does not overlap x; its spatial dimensions are the axes' output().
Status conv(const Execution& execution, const PreparedConv& prepared, const ConvShape& shape, const UnalignedFloat* x,
            UnalignedFloat* y, const ConvEpilogue& epilogue = {});

}  // namespace pare
