// Resizing along any axes: every axis has a table of the elements and the weights that each of its results is made of.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "engine/execution.h"

namespace pare {

enum class ResizeMode : uint8_t { nearest, linear, cubic };
enum class NearestMode : uint8_t {
  roundPreferFloor,
  roundPreferCeil,
  floor,
  ceil,
  simple,  // of opsets before 11: up when shrinking, down otherwise
};
// Where a result lies in the input.
enum class ResizeCoordinates : uint8_t {
  halfPixel,
  halfPixelSymmetric,
  pytorchHalfPixel,
  alignCorners,
  asymmetric,
  tfHalfPixelForNn,
  tfCropAndResize,
};

struct ResizeOptions {
  ResizeMode mode = ResizeMode::nearest;
  NearestMode nearest = NearestMode::roundPreferFloor;
  ResizeCoordinates coordinates = ResizeCoordinates::halfPixel;
  bool antialias = false, excludeOutside = false;
  float cubicA = -0.75F, extrapolation = 0;
};

struct ResizeAxis {
  size_t input = 1, output = 1;
  float scale = 1;
  float roiBegin = 0, roiEnd = 1;  // of tfCropAndResize

  // Filled in by makeResizeTable: element i is Σ weights[t·output + i] · x[index[t·output + i]] over the taps; nearest
  // has one tap and no weights. isOutside, if it is not empty, marks those that are the extrapolation value instead.
  size_t taps = 1;
  std::vector<int32_t> index = {};
  std::vector<float> weights = {};
  std::vector<uint8_t> isOutside = {};

  bool isIdentity() const;
};
// `hasSizes`: the sizes of the results are given and not the scales.
void makeResizeTable(const ResizeOptions& options, bool hasSizes, ResizeAxis& axis);

// `axes` are all of x's, from the first on, with their tables; neither x nor the result is empty.
Status resize(const Execution& execution, const ResizeOptions& options, std::span<const ResizeAxis> axes,
              const UnalignedFloat* x, UnalignedFloat* y);
// The nearest elements, of any type of 1, 2, 4 or 8 bytes; `fill` is one element, for those outside.
Status resizeNearest(const Execution& execution, std::span<const ResizeAxis> axes, size_t elementSize, const uint8_t* x,
                     uint8_t* y, const uint8_t* fill);

}  // namespace pare
