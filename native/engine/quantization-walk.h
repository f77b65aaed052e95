// Which scale each element of a tensor has: cuts any range of elements into runs that share one scale, or into columns
// that have one each, as the kernels want them.
#pragma once

#include "engine/quantize.h"

namespace pare {

// A tensor is a list of rows of equal length. In runs mode a row is cut into runs of `runLength` elements (the last may
// be shorter), a scale each; in columns mode each element of a row has its own scale.
class QuantizationWalk {
 public:
  explicit QuantizationWalk(const QuantizationLayout& layout) : layout_(layout) {
    const bool blocked = layout.blockSize != 0;
    columns_ = blocked ? layout.inner > 1 : layout.inner == 1 && layout.axis > 1;
    rowLength_ = blocked && layout.inner > 1 ? layout.inner : layout.axis * layout.inner;
    runLength_ = blocked ? std::min(layout.blockSize, layout.axis) : layout.inner;
    runsPerRow_ = layout.blocks();
    if (blocked && layout.inner == 1 && layout.axis > 0 && layout.axis % layout.blockSize == 0) {
      // No run ends early: all rows are one.
      rowLength_ *= layout.outer;
      runsPerRow_ *= layout.outer;
    }
  }

  bool hasColumns() const { return columns_; }

  // Calls runs(start, runLength, runCount, firstScale) or columns(start, count, firstScale) for consecutive pieces of
  // [begin, end); `start` is the piece's first element.
  template <class Runs, class Columns>
  void forEach(size_t begin, size_t end, Runs&& runs, Columns&& columns) const {
    while (begin < end) {
      const size_t row = begin / rowLength_, offset = begin % rowLength_;
      const size_t stop = std::min(end, begin + rowLength_ - offset);
      const size_t scale = firstScale(row);
      if (columns_)
        columns(begin, stop - begin, scale + offset);
      else
        forEachRun(begin, stop, offset, scale, runs);
      begin = stop;
    }
  }

 private:
  size_t firstScale(size_t row) const {
    if (!layout_.blockSize) return 0;
    if (!columns_) return row * runsPerRow_;
    const size_t outer = row / layout_.axis, index = row % layout_.axis;
    return (outer * runsPerRow_ + index / layout_.blockSize) * layout_.inner;
  }

  // Within one row: what is left of a run, whole runs together, and the begin of the next.
  template <class Runs>
  void forEachRun(size_t begin, size_t stop, size_t offset, size_t scale, Runs&& runs) const {
    size_t run = offset / runLength_;
    if (const size_t inside = offset % runLength_) {
      const size_t length = std::min(stop - begin, runLength_ - inside);
      runs(begin, length, size_t{1}, scale + run);
      begin += length;
      run++;
    }
    if (const size_t whole = (stop - begin) / runLength_) {
      runs(begin, runLength_, whole, scale + run);
      begin += whole * runLength_;
      run += whole;
    }
    if (begin < stop) runs(begin, stop - begin, size_t{1}, scale + run);
  }

  QuantizationLayout layout_;
  bool columns_;
  size_t rowLength_, runLength_, runsPerRow_;
};

// The smallest and the largest finite value that share each scale, zero included. `low` and `high` hold zeros before.
void findRanges(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout, float* low,
                float* high);

}  // namespace pare
