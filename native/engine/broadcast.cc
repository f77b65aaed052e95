// Broadcasting (see broadcast.h).
#include "engine/broadcast.h"

#include <cstring>

namespace pare {
std::string shapeText(std::span<const int64_t> dims) {
  std::string result = "[";
  for (const int64_t dim : dims) result += (result.size() > 1 ? ", " : "") + std::to_string(dim);
  return result + "]";
}

Status BroadcastWalk::create(std::span<const Input> inputs, BroadcastWalk& walk) {
  walk = {};
  walk.inputCount_ = inputs.size();
  size_t rank = 0;
  std::array<size_t, mostInputs> stride{};  // of each input's dimension at hand, were it not broadcast
  for (size_t i = 0; i < inputs.size(); i++) {
    rank = std::max(rank, inputs[i].dims.size());
    stride[i] = inputs[i].elementSize;
    walk.data_[i] = static_cast<const uint8_t*>(inputs[i].data);
  }
  // From the last dimension on; `dims_` is turned round at the end.
  walk.dimCount_ = 0;
  for (size_t back = 0; back < rank; back++) {
    Dim dim;
    bool isOne = true;
    for (size_t i = 0; i < inputs.size(); i++) {
      const std::span<const int64_t> dims = inputs[i].dims;
      const auto size = back < dims.size() ? static_cast<size_t>(dims[dims.size() - 1 - back]) : 1;
      if (size == 1) continue;
      if (!isOne && size != dim.size) {
        std::string shapes;
        for (const Input& input : inputs) shapes += (shapes.empty() ? "" : ", ") + shapeText(input.dims);
        return Status::shape("the shapes " + shapes + " do not broadcast to each other");
      }
      dim.size = size;
      dim.strides[i] = stride[i];
      stride[i] *= size;
      isOne = false;
    }
    if (isOne) continue;
    walk.count_ *= dim.size;
    Dim& before = walk.dims_[walk.dimCount_ ? walk.dimCount_ - 1 : 0];
    bool merges = walk.dimCount_ > 0;
    for (size_t i = 0; i < inputs.size(); i++) merges = merges && dim.strides[i] == before.strides[i] * before.size;
    if (merges) {
      before.size *= dim.size;
    } else {
      if (walk.dimCount_ == mostDims) return Status::unsupported("broadcasting over so many dimensions");
      walk.dims_[walk.dimCount_++] = dim;
    }
  }
  if (walk.dimCount_ == 0) {
    // One element: arrays of one, which every kernel has.
    walk.dimCount_ = 1;
    for (size_t i = 0; i < inputs.size(); i++) walk.dims_[0].strides[i] = inputs[i].elementSize;
  }
  std::reverse(walk.dims_.begin(), walk.dims_.begin() + static_cast<ptrdiff_t>(walk.dimCount_));
  return walk.count_ ? walk.spreadSmallInputs(inputs) : Status::success();
}

// Elements that the inputs which do not have every element of the result repeat after, if they repeat along all
// dimensions before `first`; 0 if one of them does not.
size_t BroadcastWalk::repeatedInputs(std::span<const Input> inputs, size_t first) const {
  size_t period = 1;
  for (size_t d = first; d < dimCount_; d++) period *= dims_[d].size;
  for (size_t i = 0; i < inputs.size(); i++) {
    bool isWhole = true, repeats = true;
    for (size_t d = 0; d < dimCount_; d++) isWhole = isWhole && dims_[d].strides[i] != 0;
    for (size_t d = 0; d < first; d++) repeats = repeats && dims_[d].strides[i] == 0;
    if (!isWhole && !repeats) return 0;
  }
  return period;
}

Status BroadcastWalk::spreadSmallInputs(std::span<const Input> inputs) {
  constexpr size_t shortRow = 64, longRow = 2048, manyElements = 8192;
  if (dimCount_ < 2 || inner().size >= shortRow || count_ < manyElements) return Status::success();
  // The longest part that repeats and is small.
  size_t period = 0;
  for (size_t first = dimCount_; first-- > 1;) {
    const size_t repeated = repeatedInputs(inputs, first);
    if (repeated == 0 || repeated > longRow) continue;
    period = repeated;
  }
  if (period == 0) return Status::success();
  const size_t rowLength = std::min(count_, (longRow + period - 1) / period * period);
  size_t bytes = 0;
  std::array<bool, mostInputs> isWhole{};
  for (size_t i = 0; i < inputs.size(); i++) {
    isWhole[i] = true;
    for (size_t d = 0; d < dimCount_; d++) isWhole[i] = isWhole[i] && dims_[d].strides[i] != 0;
    if (!isWhole[i]) bytes += rowLength * inputs[i].elementSize;
  }
  spread_ = std::make_unique<Scratch>(bytes);
  if (!spread_->data()) return Status::memory("no memory for a small tensor that is broadcast");
  uint8_t* to = spread_->data();
  std::array<uint8_t*, mostInputs> target{};
  for (size_t i = 0; i < inputs.size(); i++) {
    target[i] = to;
    if (!isWhole[i]) to += rowLength * inputs[i].elementSize;
  }
  // One period element by element, then copies of it.
  auto copyRow = [&](size_t start, size_t length, const Pointers& from) {
    for (size_t i = 0; i < inputs.size(); i++) {
      if (isWhole[i]) continue;
      const size_t size = inputs[i].elementSize, step = inner().strides[i];
      for (size_t e = 0; e < length; e++) std::memcpy(target[i] + (start + e) * size, from[i] + e * step, size);
    }
  };
  walkRows(0, period, copyRow);
  for (size_t i = 0; i < inputs.size(); i++) {
    if (isWhole[i]) continue;
    const size_t size = inputs[i].elementSize;
    for (size_t done = period; done < rowLength; done += period)
      std::memcpy(target[i] + done * size, target[i], std::min(period, rowLength - done) * size);
  }
  // [rows, rowLength]; the last row may be shorter, where the walk ends.
  Dim outer{.size = (count_ + rowLength - 1) / rowLength}, row{.size = rowLength};
  for (size_t i = 0; i < inputs.size(); i++) {
    row.strides[i] = inputs[i].elementSize;
    outer.strides[i] = isWhole[i] ? rowLength * inputs[i].elementSize : 0;
    if (!isWhole[i]) data_[i] = target[i];
  }
  dims_[0] = outer;
  dims_[1] = row;
  dimCount_ = 2;
  return Status::success();
}

}  // namespace pare
