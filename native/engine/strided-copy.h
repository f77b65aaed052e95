// Copies a box of elements into a box of other strides: Transpose, Slice, Concat, Tile, Expand, Pad and kin are this.
#pragma once

#include <array>

#include "engine/execution.h"

namespace pare {

class StridedCopy {
 public:
  static constexpr size_t mostAxes = 16;  // after merging

  // Elements of 1, 2, 4 or 8 bytes.
  explicit StridedCopy(size_t elementSize) : elementSize_(elementSize) {}

  // The next axis, in the order of the result's memory, the outermost first. Strides are in bytes; the source's may be
  // 0 (the same again) or negative, the result's are positive. Neighbours that go on alike are one.
  void axis(size_t size, ptrdiff_t from, ptrdiff_t to);
  // The innermost axis, where both sides are contiguous.
  void inner(size_t count) { axis(count, static_cast<ptrdiff_t>(elementSize_), static_cast<ptrdiff_t>(elementSize_)); }

  // Source and result must not overlap. PARE_UNSUPPORTED where more axes are left than it takes.
  Status run(const Execution& execution, const uint8_t* from, uint8_t* to) const;

 private:
  struct Axis {
    size_t size;
    ptrdiff_t from, to;
  };
  struct Pass;
  Pass choosePass() const;

  size_t elementSize_, count_ = 0;
  bool isEmpty_ = false, isTooDeep_ = false;
  std::array<Axis, mostAxes> axes_;  // the first count_
};

}  // namespace pare
