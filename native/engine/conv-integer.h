// Convolutions of 8-bit integers with up to three spatial dimensions over the thread pool.
//
// A window of one element is a matrix product on the image as it lies. Few channels a group (depthwise) add up row by
// row of the result. For the rest what the window meets is written out, as many positions at a time as the caches hold,
// and multiplied: rows of filters by columns of positions.
#pragma once

#include "engine/conv.h"
#include "engine/matmul-integer.h"

namespace pare {

// x is [batch, inputChannels, spatial…], filters [outputChannels, inputChannels / groups, kernel…], y [batch,
// outputChannels, spatial…]: sums in int32, or what `result` makes of them, with a number an output channel each of
// scales and offsets. Padding is x's zero point. Filters have none, one zero point, or one an output channel.
struct ConvIntegerArguments {
  ConvShape shape;
  bool xSigned = false, filtersSigned = false;
  const uint8_t* x = nullptr;
  const uint8_t* filters = nullptr;
  uint8_t xZero = 0;
  const uint8_t* filterZeros = nullptr;
  size_t filterZeroCount = 0;
  MatmulIntegerResult result = {};  // its y is the whole of it
};
Status convInteger(const Execution& execution, const ConvIntegerArguments& arguments);

}  // namespace pare
