// Sums over a window that slides over an image, as a matrix product whose right side is never made.
//
// The product is C [outputs, positions] = W [outputs, depth] · X [depth, positions], where a row of X is what one
// element of the window meets at every position. The image is copied once, padded and, for strides, apart by phase, so
// that such a row is the image itself from some offset on, row after row, with a few columns between the rows that are
// computed and dropped. A window of one element needs no copy. Convolutions and, phase by phase, their transposes are
// both this.
#pragma once

#include <vector>

#include "engine/execution.h"
#include "kernels/activation.h"
#include "kernels/unaligned.h"

namespace pare {

// y = activation(sums + bias + residual).
struct ConvEpilogue {
  const UnalignedFloat* bias = nullptr;      // a number an output channel
  const UnalignedFloat* residual = nullptr;  // of the result's shape, apart from it
  Activation activation;
};

struct CorrelationAxis {
  size_t input = 1;
  size_t stride = 1;
  std::vector<ptrdiff_t> taps{0};  // where each element of the window lies for position 0
  size_t positions = 1;
  size_t output = 1, outputBase = 0, outputStep = 1;  // position p is the result's element outputBase + p × outputStep
};

struct Correlation {
  size_t batch = 1, groups = 1;
  size_t inputs = 1, outputs = 1;  // channels of a group
  CorrelationAxis axes[3];
  const float* filters = nullptr;  // as packFilters lays them out
  const UnalignedFloat* x = nullptr;
  UnalignedFloat* y = nullptr;
  ConvEpilogue epilogue;

  size_t depth() const { return inputs * axes[0].taps.size() * axes[1].taps.size() * axes[2].taps.size(); }
};

// Filters [groups, outputs, depth] to as many floats: tiles of rows, each [depth][rows].
void packFilters(const Execution& execution, const UnalignedFloat* from, size_t groups, size_t outputs, size_t depth,
                 float* to);

Status correlate(const Execution& execution, const Correlation& correlation);

}  // namespace pare
