// Gradients of a convolution of float32, as matrix products over columns.
//
// A column is what the window meets at one of its places; the columns of some images side by side are a matrix
// [window, places]. The filters' gradient is dY [outputs, places] times that matrix turned. The image's is the filters
// turned times dY, whose columns are added up where they came from; or the transposed convolution of dY, where that
// takes fewer products: it meets padding in the place of what lies beyond dY.
#pragma once

#include "engine/execution.h"
#include "engine/pool.h"

namespace pare {

struct ConvGradient {
  size_t batch = 1, groups = 1;
  size_t inputs = 1, outputs = 1;  // channels of a group
  PoolAxis axes[3];                // outermost first
  const UnalignedFloat* dy = nullptr;
  const UnalignedFloat* x = nullptr;
  const UnalignedFloat* filters = nullptr;  // [groups × outputs, inputs, kernel…]

  size_t image() const { return axes[0].input * axes[1].input * axes[2].input; }
  size_t places() const { return axes[0].output * axes[1].output * axes[2].output; }
  size_t window() const { return inputs * axes[0].kernel * axes[1].kernel * axes[2].kernel; }
};

// No axis may be empty. The sums' order depends on the shape alone.
Status filterGradient(const Execution& execution, const ConvGradient& of, UnalignedFloat* dFilters);
Status inputGradient(const Execution& execution, const ConvGradient& of, UnalignedFloat* dx);

}  // namespace pare
