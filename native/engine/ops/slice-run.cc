// Running what takes tensors apart and puts them together: Concat, Split, Slice, Compress, ReverseSequence, Trilu.
#include <cstring>

#include "engine/part.h"
#include "engine/run.h"
#include "engine/shape-rules.h"
#include "engine/strided-copy.h"

namespace pare {
namespace {

Status prepareMove(PrepareContext& c) { return c.needType(types::movable); }

// An axis that the rule has checked; of a tensor without dimensions there is none.
size_t axisOf(int64_t given, size_t rank) {
  return static_cast<size_t>(given < 0 ? given + static_cast<int64_t>(rank) : given);
}

// Part of `whole` along an axis, beginning at `start`: to a tensor of its own, or from one.
Status copyPart(const RunContext& c, const TensorView& part, const TensorView& whole, size_t axis, size_t start,
                bool isTaken) {
  const size_t row = part.inner(axis) * part.elementSize(), wholeRow = whole.inner(axis) * part.elementSize();
  uint8_t* place = whole.data + start * part.inner(axis + 1) * part.elementSize();
  StridedCopy copy(part.elementSize());
  const auto near = static_cast<ptrdiff_t>(row), far = static_cast<ptrdiff_t>(wholeRow);
  copy.axis(part.outer(axis), isTaken ? far : near, isTaken ? near : far);
  copy.inner(part.inner(axis));
  return isTaken ? copy.run(*c.execution, place, part.data) : copy.run(*c.execution, part.data, place);
}

Status runConcat(RunContext& c) {
  const TensorView& y = c.out(0);
  const size_t axis = axisOf(c.reader().integer("axis"), y.rank());
  size_t start = 0;
  for (const TensorView* x : c.inputs) start += x ? static_cast<size_t>(x->dims[axis]) : 0;
  if (start != static_cast<size_t>(y.dims[axis])) return c.shapeError("the inputs do not fill the result");
  start = 0;
  for (const TensorView* x : c.inputs) {
    if (!x) continue;
    if (Status status = copyPart(c, *x, y, axis, start, false); !status.ok()) return status;
    start += static_cast<size_t>(x->dims[axis]);
  }
  return Status::success();
}

Status runSplit(RunContext& c) {
  const TensorView& x = c.in(0);
  const NodeReader reader = c.reader();
  const size_t axis = axisOf(reader.integer("axis"), x.rank()), count = c.outputs.size();
  const int64_t whole = x.dims[axis], equal = (whole + static_cast<int64_t>(count) - 1) / static_cast<int64_t>(count);
  const auto list = reader.def().attribute("split") ? reader.integers("split") : std::nullopt;
  const bool isGiven = c.has(1) ? c.in(1).count() > 0 : list && !list->empty();
  if (isGiven && (c.has(1) ? c.in(1).count() : list->size()) != count)
    return c.shapeError("split must have one size an output");
  int64_t start = 0;
  for (size_t i = 0; i < count; i++) {
    const int64_t rest = whole - start;
    const int64_t size = !isGiven ? (i + 1 < count ? equal : rest) : c.has(1) ? c.in(1).integer(i) : (*list)[i];
    if (size < 0 || size > rest || (i + 1 == count && size != rest))
      return c.shapeError("parts do not sum to axis " + std::to_string(axis) + " of " + std::to_string(whole));
    if (c.wants(i)) {
      std::vector<int64_t> dims = x.dims;
      dims[axis] = size;
      if (Status status = c.ensure(i, dims); !status.ok()) return status;
      if (Status status = copyPart(c, c.out(i), x, axis, static_cast<size_t>(start), true); !status.ok()) return status;
    }
    start += size;
  }
  return Status::success();
}

// Lists from inputs, or from attributes before opset 10.
struct SliceState : NodeState {
  std::vector<int64_t> starts, ends, axes;
};

Status prepareSlice(PrepareContext& c) {
  auto& state = c.make<SliceState>();
  if (c.def().attribute("starts")) {
    state.starts = c.integers("starts").value_or(std::vector<int64_t>());
    state.ends = c.integers("ends").value_or(std::vector<int64_t>());
    state.axes = c.integers("axes").value_or(std::vector<int64_t>());
  }
  return prepareMove(c);
}

Status runSlice(RunContext& c) {
  const auto& state = c.state<SliceState>();
  const TensorView &x = c.in(0), &y = c.out(0);
  const size_t rank = x.rank(), elementSize = x.elementSize();
  const bool hasInputs = c.has(1) && c.has(2);
  const size_t count = hasInputs ? c.in(1).count() : state.starts.size();
  const auto listOf = [&](size_t input, const std::vector<int64_t>& list, size_t at) {
    return hasInputs ? c.in(input).integer(at) : list[at];
  };
  const bool hasAxes = hasInputs ? c.has(3) : !state.axes.empty();
  const bool hasSteps = c.has(4);
  if (y.rank() != rank || count > rank || (hasInputs ? c.in(2).count() : state.ends.size()) != count ||
      (hasAxes && (hasInputs ? c.in(3).count() : state.axes.size()) != count) || (hasSteps && c.in(4).count() != count))
    return c.shapeError("starts, ends, axes and steps must be equally long, and not longer than data has dimensions");
  const uint8_t* from = x.data;
  StridedCopy copy(elementSize);
  for (size_t axis = 0; axis < rank; axis++) {
    const int64_t stride = static_cast<int64_t>(x.inner(axis + 1) * elementSize);
    int64_t step = 1;
    rules::Cut cut{0, x.dims[axis]};
    for (size_t i = 0; i < count; i++) {
      if (axisOf(hasAxes ? listOf(3, state.axes, i) : static_cast<int64_t>(i), rank) != axis) continue;
      step = hasSteps ? c.in(4).integer(i) : 1;
      if (step == 0) return c.shapeError("a step is 0");
      cut = rules::cut(x.dims[axis], listOf(1, state.starts, i), listOf(2, state.ends, i), step);
    }
    if (cut.count != y.dims[axis])
      return c.shapeError("axis " + std::to_string(axis) + " leaves " + std::to_string(cut.count) + " elements, not " +
                          std::to_string(y.dims[axis]));
    if (cut.count > 0) from += cut.start * stride;
    copy.axis(static_cast<size_t>(cut.count), cut.count > 1 ? step * stride : 0,
              static_cast<ptrdiff_t>(y.inner(axis + 1) * elementSize));
  }
  return copy.run(*c.execution, from, y.data);
}

// Rows of `bytes` bytes, row i from where from(i) says, cut into pieces of some tens of thousands of bytes.
template <class From>
void copyRows(const Execution& execution, size_t count, size_t bytes, uint8_t* to, From&& from) {
  constexpr size_t pieceBytes = size_t{64} << 10;
  if (bytes == 0) return;
  execution.forEachChunk(count, std::max<size_t>(1, pieceBytes / bytes), [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) std::memcpy(to + i * bytes, from(i), bytes);
  });
}

Status runCompress(RunContext& c) {
  const TensorView &x = c.in(0), &condition = c.in(1);
  const NodeReader reader = c.reader();
  const bool hasAxis = reader.hasAttribute("axis");
  const size_t axis = hasAxis ? axisOf(reader.integer("axis"), x.rank()) : 0;
  const size_t length = hasAxis ? static_cast<size_t>(x.dims[axis]) : x.count();
  std::vector<size_t> kept;
  for (size_t i = 0; i < condition.count(); i++) {
    if (condition.data[i] == 0) continue;
    if (i >= length)
      return c.shapeError("condition keeps element " + std::to_string(i) + " of " + std::to_string(length));
    kept.push_back(i);
  }
  std::vector<int64_t> dims = hasAxis ? x.dims : std::vector<int64_t>{0};
  dims[axis] = static_cast<int64_t>(kept.size());
  if (Status status = c.ensure(0, dims); !status.ok()) return status;
  const size_t bytes = (hasAxis ? x.inner(axis + 1) : 1) * x.elementSize();
  const size_t outer = hasAxis ? x.outer(axis) : 1;
  copyRows(*c.execution, outer * kept.size(), bytes, c.out(0).data,
           [&](size_t i) { return x.data + (i / kept.size() * length + kept[i % kept.size()]) * bytes; });
  return c.execution->outcome();
}

Status runReverseSequence(RunContext& c) {
  const TensorView &x = c.in(0), &lengths = c.in(1);
  const NodeReader reader = c.reader();
  const int64_t batchAxis = reader.integer("batch_axis"), timeAxis = reader.integer("time_axis");
  if (x.rank() < 2 || batchAxis + timeAxis != 1 || batchAxis < 0 || batchAxis > 1)
    return c.shapeError("one of batch_axis and time_axis must be 0, the other 1, of at least two dimensions");
  const auto time = x.dims[static_cast<size_t>(timeAxis)], batch = x.dims[static_cast<size_t>(batchAxis)];
  if (lengths.count() != static_cast<size_t>(batch))
    return c.shapeError("sequence_lens has " + std::to_string(lengths.count()) + " lengths; the batch is " +
                        std::to_string(batch));
  for (size_t i = 0; i < lengths.count(); i++)
    if (lengths.integer(i) < 0 || lengths.integer(i) > time)
      return c.shapeError("a sequence of " + std::to_string(lengths.integer(i)) + " does not fit time, which is " +
                          std::to_string(time));
  const size_t bytes = x.inner(2) * x.elementSize();
  const auto second = static_cast<size_t>(x.dims[1]);
  copyRows(*c.execution, x.outer(2), bytes, c.out(0).data, [&](size_t i) {
    size_t at[2] = {i / second, i % second};
    const auto length = static_cast<size_t>(lengths.integer(at[batchAxis]));
    if (at[timeAxis] < length) at[timeAxis] = length - 1 - at[timeAxis];
    return x.data + (at[0] * second + at[1]) * bytes;
  });
  return c.execution->outcome();
}

// What lies above (or below) the k-th diagonal stays, the rest is zero.
Status runTrilu(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  if (x.rank() < 2) return c.shapeError("input must have at least two dimensions");
  if (c.has(1) && c.in(1).count() != 1) return c.shapeError("k must be one number");
  const bool isUpper = c.reader().integer("upper") != 0;
  const int64_t rows = x.dims[x.rank() - 2], columns = x.dims[x.rank() - 1];
  const int64_t k = c.has(1) ? std::clamp(c.in(1).integer(0), -rows - 1, columns + 1) : 0;
  const size_t elementSize = x.elementSize(), rowBytes = static_cast<size_t>(columns) * elementSize;
  if (rowBytes == 0 || rows == 0) return Status::success();
  const size_t grain = std::max<size_t>(1, (size_t{64} << 10) / rowBytes);
  c.execution->forEachChunk(x.outer(x.rank() - 1), grain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const int64_t diagonal = static_cast<int64_t>(i % static_cast<size_t>(rows)) + k;
      const auto border =
          static_cast<size_t>(std::clamp<int64_t>(isUpper ? diagonal : diagonal + 1, 0, columns)) * elementSize;
      const uint8_t* from = x.data + i * rowBytes;
      uint8_t* to = y.data + i * rowBytes;
      std::memset(isUpper ? to : to + border, 0, isUpper ? border : rowBytes - border);
      if (from == to) continue;
      if (isUpper)
        std::memcpy(to + border, from + border, rowBytes - border);
      else
        std::memcpy(to, from, border);
    }
  });
  return c.execution->outcome();
}

int64_t product(const Dims& dims, size_t begin, size_t end) {
  int64_t count = 1;
  for (size_t axis = begin; axis < end; axis++) count *= dims[axis].number;
  return count;
}

const TensorType* typeOf(std::span<const TensorType> types, const std::vector<ValueId>& ids, size_t at) {
  return at < ids.size() && ids[at] >= 0 ? &types[static_cast<size_t>(ids[at])] : nullptr;
}

// Parts follow one another where nothing but ones stands before the axis.
std::optional<size_t> partOfSplit(const NodeReader& reader, std::span<const TensorType> types, size_t output) {
  const Node& node = reader.node();
  const Dims& x = typeOf(types, node.inputs, 0)->dims;
  const size_t axis = axisOf(reader.integer("axis"), x.size());
  if (product(x, 0, axis) != 1) return std::nullopt;
  int64_t start = 0, end = 0;
  for (size_t i = 0; i <= output; i++) {
    const TensorType* part = typeOf(types, node.outputs, i);
    if (!part || part->dims.size() != x.size() || !part->dims[axis].isNumber()) return std::nullopt;
    start = end;
    end += part->dims[axis].number;
  }
  if (end > x[axis].number) return std::nullopt;
  return static_cast<size_t>(start * product(x, axis + 1, x.size()));
}

// One axis is cut, by steps of one, and nothing but ones stands before it.
std::optional<size_t> partOfSlice(const NodeReader& reader, std::span<const TensorType> types, size_t) {
  const Node& node = reader.node();
  const Dims &x = typeOf(types, node.inputs, 0)->dims, &y = typeOf(types, node.outputs, 0)->dims;
  const auto listFrom = [&](size_t input, const char* name) -> std::optional<std::vector<int64_t>> {
    if (reader.def().attribute(name)) return reader.integers(name);
    const TensorType* list = typeOf(types, node.inputs, input);
    if (!list || !list->elements) return std::nullopt;
    std::vector<int64_t> numbers;
    for (const Element& one : *list->elements) {
      const auto whole = one.whole();
      if (!whole) return std::nullopt;
      numbers.push_back(*whole);
    }
    return numbers;
  };
  const auto starts = listFrom(1, "starts"), ends = listFrom(2, "ends"), axes = listFrom(3, "axes");
  const auto steps = listFrom(4, "steps");
  if (!starts || !ends || starts->size() != ends->size() || (axes && axes->size() != starts->size()))
    return std::nullopt;
  if ((typeOf(types, node.inputs, 3) && !axes) || (typeOf(types, node.inputs, 4) && !steps)) return std::nullopt;
  if (steps && std::any_of(steps->begin(), steps->end(), [](int64_t step) { return step != 1; })) return std::nullopt;
  size_t begin = 0;
  bool isCut = false;
  for (size_t axis = 0; axis < x.size(); axis++) {
    if (y[axis] == x[axis]) continue;
    if (isCut || product(x, 0, axis) != 1 || y[axis].number == 0) return std::nullopt;
    isCut = true;
    for (size_t i = 0; i < starts->size(); i++) {
      if (axisOf(axes ? (*axes)[i] : static_cast<int64_t>(i), x.size()) != axis) continue;
      const rules::Cut cut = rules::cut(x[axis].number, (*starts)[i], (*ends)[i], 1);
      if (cut.count != y[axis].number) return std::nullopt;
      begin = static_cast<size_t>(cut.start * product(x, axis + 1, x.size()));
    }
  }
  return begin;
}

const OpRuns runs({
    {"Concat", runConcat, prepareMove},
    {"Split", runSplit, prepareMove},
    {"Slice", runSlice, prepareSlice},
    {"Compress", runCompress, prepareMove},
    {"ReverseSequence", runReverseSequence, prepareMove},
    {"Trilu", runTrilu, prepareMove},
});
const PartRules parts({{"Split", partOfSplit}, {"Slice", partOfSlice}});

}  // namespace
}  // namespace pare
