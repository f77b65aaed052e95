// The attributes of windows that slide over spatial dimensions, as convolutions and pools run with them.
#pragma once

#include <span>

#include "engine/run.h"

namespace pare {

constexpr size_t mostSpatialDims = 3;

struct WindowAttributes {
  enum class Padding : uint8_t { given, valid, sameUpper, sameLower } padding = Padding::given;
  std::vector<int64_t> kernel, strides, dilations, pads;  // empty: left out; pads: all begins, then all ends

  explicit WindowAttributes(const NodeReader& node);

  bool isSame() const { return padding == Padding::sameUpper || padding == Padding::sameLower; }
  size_t stride(size_t axis) const { return strides.empty() ? 1 : static_cast<size_t>(strides[axis]); }
  size_t dilation(size_t axis) const { return dilations.empty() ? 1 : static_cast<size_t>(dilations[axis]); }

  // What a run does not do whatever its inputs are: pads that crop.
  Status check(const PrepareContext& context) const;

  // Splits what is padded along an axis into begin and end.
  void split(size_t total, size_t& begin, size_t& end) const {
    const size_t half = total / 2;
    begin = padding == Padding::sameUpper ? half : total - half;
    end = total - begin;
  }

  // Fills in the last of three axes from the spatial dimensions of x and y, and of the kernel.
  template <class Axis>
  void place(std::span<const int64_t> x, std::span<const int64_t> y, std::span<const int64_t> window,
             Axis (&axes)[mostSpatialDims]) const {
    const size_t rank = x.size();
    for (size_t i = 0; i < rank; i++) {
      Axis& axis = axes[mostSpatialDims - rank + i];
      axis.input = static_cast<size_t>(x[i]);
      axis.kernel = static_cast<size_t>(window[i]);
      axis.stride = stride(i);
      axis.dilation = dilation(i);
      if (padding == Padding::given && !pads.empty()) {
        axis.padBegin = static_cast<size_t>(pads[i]);
        axis.padEnd = static_cast<size_t>(pads[rank + i]);
      } else if (isSame()) {
        const size_t covered = (static_cast<size_t>(y[i]) - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
        split(y[i] > 0 && covered > axis.input ? covered - axis.input : 0, axis.padBegin, axis.padEnd);
      }
    }
  }
};

// Spatial dimensions that kernels take; the rank is checked before a run where it is known, and in it.
Status checkSpatialRank(const NodeReader& node, size_t rank);

}  // namespace pare
