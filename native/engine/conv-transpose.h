// The transpose of a convolution of float32: each element of x adds a window of y.
//
// Elements of y whose places are equal modulo the strides meet the same elements of the window, so y is as many
// ordinary convolutions of x with stride 1 as the strides have phases, and nothing is added up twice.
#pragma once

#include <memory>
#include <vector>

#include "engine/blob.h"
#include "engine/correlation.h"

namespace pare {

struct ConvTransposeAxis {
  size_t input = 1, kernel = 1, stride = 1, dilation = 1, padBegin = 0, padEnd = 0, outputPadding = 0;

  size_t output() const {
    const size_t whole = (input - 1) * stride + (kernel - 1) * dilation + 1 + outputPadding;
    return input == 0 || whole < padBegin + padEnd ? 0 : whole - padBegin - padEnd;
  }
};

struct ConvTransposeShape {
  size_t batch = 1, groups = 1, inputChannels = 1, outputChannels = 1;
  ConvTransposeAxis
      axes[3];  // outermost first; of fewer dimensions the last ones are used, the others stay as they are
};

class PreparedConvTranspose {
 public:
  // `filters` [inputChannels, outputChannels / groups, kernel…], of any alignment. Of the shape, batch, input, the
  // padding at the end and the output's may be others when it is used.
  Status prepare(const Execution& execution, const ConvTransposeShape& shape, const UnalignedFloat* filters);
  size_t byteLength() const { return packed_ ? packed_->byteLength() : 0; }

 private:
  friend Status convTranspose(const Execution&, const PreparedConvTranspose&, const ConvTransposeShape&,
                              const UnalignedFloat*, UnalignedFloat*, const ConvEpilogue&);
  std::unique_ptr<Blob> packed_;
  std::vector<size_t> begins_;  // of each phase's filters, in floats
};

// y does not overlap x; its spatial dimensions are the axes' output().
Status convTranspose(const Execution& execution, const PreparedConvTranspose& prepared, const ConvTransposeShape& shape,
                     const UnalignedFloat* x, UnalignedFloat* y, const ConvEpilogue& epilogue = {});

}  // namespace pare
