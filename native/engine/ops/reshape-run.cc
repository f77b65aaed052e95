// Running what moves whole tensors: Transpose, Expand, Tile, DepthToSpace, SpaceToDepth; and what keeps the order of
// elements, which is copied where the plan cannot share the input's memory.
#include "engine/run.h"
#include "engine/strided-copy.h"

namespace pare {
namespace {

Status prepareMove(PrepareContext& c) { return c.needType(types::movable); }

Status runView(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  // Dimensions that the rule does not know are none that fit: a list of more sizes than a tensor can have.
  if (y.byteLength() != x.byteLength())
    return c.shapeError("the elements of " + c.reader().inputName(0) + " do not fit the dimensions that are wanted");
  if (y.data == x.data) return Status::success();
  StridedCopy copy(1);
  copy.inner(x.byteLength());
  return copy.run(*c.execution, x.data, y.data);
}

struct TransposeState : NodeState {
  std::vector<size_t> order;  // empty: reversed
};

Status prepareTranspose(PrepareContext& c) {
  const auto order = c.integers("perm").value_or(std::vector<int64_t>());
  auto& state = c.make<TransposeState>();
  for (const int64_t axis : order)
    state.order.push_back(static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(order.size()) : axis));
  return prepareMove(c);
}

Status runTranspose(RunContext& c) {
  const std::vector<size_t>& order = c.state<TransposeState>().order;
  const TensorView &x = c.in(0), &y = c.out(0);
  const size_t rank = x.rank(), elementSize = x.elementSize();
  StridedCopy copy(elementSize);
  size_t to = y.byteLength();
  if (to == 0) return Status::success();
  for (size_t i = 0; i < rank; i++) {
    const size_t axis = order.empty() ? rank - 1 - i : order[i];
    const auto size = static_cast<size_t>(x.dims[axis]);
    to /= size;
    copy.axis(size, static_cast<ptrdiff_t>(x.inner(axis + 1) * elementSize), static_cast<ptrdiff_t>(to));
  }
  return copy.run(*c.execution, x.data, y.data);
}

// Where the input has one element along an axis, that is repeated.
Status runExpand(RunContext& c) {
  const TensorView &x = c.in(0), &shape = c.in(1);
  const size_t elementSize = x.elementSize(), rank = std::max(x.rank(), shape.count());
  std::vector<int64_t> dims(rank, 1);
  for (size_t axis = 0; axis < rank; axis++) {
    const int64_t size = axis + x.rank() < rank ? 1 : x.dims[axis + x.rank() - rank];
    const int64_t wanted = axis + shape.count() < rank ? 1 : shape.integer(axis + shape.count() - rank);
    if (wanted < 0 || (size != 1 && wanted != 1 && size != wanted))
      return c.shapeError("the input has " + std::to_string(size) + " elements along axis " + std::to_string(axis) +
                          ", which does not broadcast with " + std::to_string(wanted));
    dims[axis] = size == 1 ? wanted : size;
  }
  if (Status status = c.ensure(0, dims); !status.ok()) return status;
  const TensorView& y = c.out(0);
  StridedCopy copy(elementSize);
  for (size_t axis = 0; axis < rank; axis++) {
    const bool repeats = axis + x.rank() < rank || x.dims[axis + x.rank() - rank] == 1;
    const size_t from = repeats ? 0 : x.inner(axis + x.rank() - rank + 1) * elementSize;
    copy.axis(static_cast<size_t>(dims[axis]), static_cast<ptrdiff_t>(from),
              static_cast<ptrdiff_t>(y.inner(axis + 1) * elementSize));
  }
  return copy.run(*c.execution, x.data, y.data);
}

Status runTile(RunContext& c) {
  const TensorView &x = c.in(0), &repeats = c.in(1), &y = c.out(0);
  const size_t elementSize = x.elementSize();
  if (repeats.count() != x.rank() || y.rank() != x.rank())
    return c.shapeError("repeats must have one number a dimension");
  StridedCopy copy(elementSize);
  for (size_t axis = 0; axis < x.rank(); axis++) {
    int64_t whole = 0;
    if (repeats.integer(axis) < 0 || __builtin_mul_overflow(x.dims[axis], repeats.integer(axis), &whole) ||
        whole != y.dims[axis])
      return c.shapeError(std::to_string(repeats.integer(axis)) + " repeats do not make " +
                          std::to_string(y.dims[axis]) + " of " + std::to_string(x.dims[axis]));
    const auto from = static_cast<ptrdiff_t>(x.inner(axis + 1) * elementSize);
    const auto to = static_cast<ptrdiff_t>(y.inner(axis + 1) * elementSize);
    copy.axis(static_cast<size_t>(repeats.integer(axis)), 0, x.dims[axis] * to);
    copy.axis(static_cast<size_t>(x.dims[axis]), from, to);
  }
  return copy.run(*c.execution, x.data, y.data);
}

struct BlockState : NodeState {
  size_t block = 1;
  bool columnsFirst = false;  // CRD: channels are the outermost part of the depth
};

Status prepareBlocks(PrepareContext& c) {
  auto& state = c.make<BlockState>();
  state.block = static_cast<size_t>(std::max<int64_t>(c.integer("blocksize"), 1));
  if (c.def().attribute("mode")) {
    const std::string_view mode = c.text("mode");
    if (mode != "DCR" && mode != "CRD")
      return Status::option(c.label() + ": mode is " + std::string(mode) + "; it must be DCR or CRD");
    state.columnsFirst = mode == "CRD";
  }
  return prepareMove(c);
}

// The image is [batch, channels, height, block, width, block], the depth [batch, block, block, channels, height, width]
// (CRD: channels before blocks). Both ways walk the result's axes in order.
Status moveBlocks(RunContext& c, bool toSpace) {
  const auto& state = c.state<BlockState>();
  const TensorView &x = c.in(0), &y = c.out(0);
  const std::vector<int64_t>&space = toSpace ? y.dims : x.dims, &depth = toSpace ? x.dims : y.dims;
  const size_t block = state.block, elementSize = x.elementSize();
  const auto batch = static_cast<size_t>(space[0]), channels = static_cast<size_t>(space[1]);
  const auto height = static_cast<size_t>(depth[2]), width = static_cast<size_t>(depth[3]);
  if (y.byteLength() != x.byteLength() || static_cast<size_t>(depth[1]) != channels * block * block ||
      static_cast<size_t>(space[2]) != height * block || static_cast<size_t>(space[3]) != width * block)
    return c.shapeError("the dimensions do not divide into blocks of " + std::to_string(block));
  struct Axis {
    size_t size, inSpace, inDepth;  // strides
  };
  const size_t area = height * width, row = width * block;
  const size_t blockStride = state.columnsFirst ? area : channels * area;
  const Axis batches{batch, channels * area * block * block, channels * area * block * block},
      channel{channels, area * block * block, state.columnsFirst ? area * block * block : area},
      down{height, block * row, width}, blockDown{block, row, block * blockStride}, across{width, block, 1},
      blockAcross{block, 1, blockStride};
  StridedCopy copy(elementSize);
  const auto add = [&](const Axis& axis) {
    const auto inSpace = static_cast<ptrdiff_t>(axis.inSpace * elementSize);
    const auto inDepth = static_cast<ptrdiff_t>(axis.inDepth * elementSize);
    copy.axis(axis.size, toSpace ? inDepth : inSpace, toSpace ? inSpace : inDepth);
  };
  if (toSpace)
    for (const Axis& axis : {batches, channel, down, blockDown, across, blockAcross}) add(axis);
  else
    for (const Axis& axis : {batches, blockDown, blockAcross, channel, down, across}) add(axis);
  return copy.run(*c.execution, x.data, y.data);
}
Status runDepthToSpace(RunContext& c) { return moveBlocks(c, true); }
Status runSpaceToDepth(RunContext& c) { return moveBlocks(c, false); }

const OpRuns runs({
    {"Reshape", runView},
    {"Flatten", runView},
    {"Squeeze", runView},
    {"Unsqueeze", runView},
    {"Transpose", runTranspose, prepareTranspose},
    {"Expand", runExpand, prepareMove},
    {"Tile", runTile, prepareMove},
    {"DepthToSpace", runDepthToSpace, prepareBlocks},
    {"SpaceToDepth", runSpaceToDepth, prepareBlocks},
});

}  // namespace
}  // namespace pare
