// Walks tensors of several shapes beside the result that they broadcast to, as ONNX does it: row by row, where along a
// row each input is an array or one element.
//
// Neighbouring dimensions along which all inputs behave alike are one, so that equal shapes are a single row. Where
// rows would be short because a small tensor is used again and again (a bias of three channels), it is written out
// several times first, and rows are long. Rows are cut at the borders of chunks, which depend on the shapes alone.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "engine/execution.h"
#include "engine/scratch.h"

namespace pare {

// "[2, 3]"
std::string shapeText(std::span<const int64_t> dims);

class BroadcastWalk {
 public:
  static constexpr size_t mostInputs = 4;
  static constexpr size_t mostDims = 16;  // after merging
  struct Input {
    const void* data;
    std::span<const int64_t> dims;
    size_t elementSize;
  };
  using Pointers = std::array<const uint8_t*, mostInputs>;

  // The inputs' bytes must outlive the walk. PARE_SHAPE where the shapes do not fit each other.
  static Status create(std::span<const Input> inputs, BroadcastWalk& walk);

  // Elements of the result.
  size_t count() const { return count_; }
  // Whether an input is an array along the rows; otherwise it is one element.
  bool isArray(size_t input) const { return inner().strides[input] != 0; }

  // Calls row(start, length, pointers) for all rows: the result's elements [start, start + length), and where each
  // input's begin.
  template <class Row>
  void forEachRow(const Execution& execution, size_t grain, Row&& row) const {
    execution.forEachChunk(count_, grain, [&](size_t begin, size_t end) { walkRows(begin, end, row); });
  }

 private:
  struct Dim {
    size_t size = 1;
    std::array<size_t, mostInputs> strides{};  // in bytes; 0 where the input is the same all along
  };
  const Dim& inner() const { return dims_[dimCount_ - 1]; }

  Status spreadSmallInputs(std::span<const Input> inputs);
  size_t repeatedInputs(std::span<const Input> inputs, size_t first) const;
  template <class Row>
  void walkRows(size_t begin, size_t end, Row& row) const;

  size_t inputCount_ = 0, count_ = 1, dimCount_ = 1;
  std::array<Dim, mostDims> dims_;
  Pointers data_{};
  std::unique_ptr<Scratch> spread_;
};

template <class Row>
void BroadcastWalk::walkRows(size_t begin, size_t end, Row& row) const {
  const size_t rowLength = inner().size;
  size_t offset = begin % rowLength, rest = begin / rowLength;
  std::array<size_t, mostDims> index{};
  Pointers at = data_;
  for (size_t d = dimCount_ - 1; d-- > 0; rest /= dims_[d].size) {
    index[d] = rest % dims_[d].size;
    for (size_t i = 0; i < inputCount_; i++) at[i] += index[d] * dims_[d].strides[i];
  }
  while (begin < end) {
    const size_t length = std::min(rowLength - offset, end - begin);
    Pointers from = at;
    if (offset)
      for (size_t i = 0; i < inputCount_; i++) from[i] += offset * inner().strides[i];
    row(begin, length, from);
    begin += length;
    offset = 0;
    // The next row: the last dimension that has not ended goes on, those after it begin again.
    for (size_t d = dimCount_ - 1; d-- > 0;) {
      const Dim& dim = dims_[d];
      const bool goesOn = ++index[d] < dim.size;
      for (size_t i = 0; i < inputCount_; i++)
        at[i] = goesOn ? at[i] + dim.strides[i] : at[i] - (dim.size - 1) * dim.strides[i];
      if (goesOn) break;
      index[d] = 0;
    }
  }
}

}  // namespace pare
