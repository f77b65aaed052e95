// Running what reads by index: Gather, GatherElements, GatherND.
#include <atomic>
#include <cstring>

#include "engine/run.h"
#include "engine/strided-copy.h"

namespace pare {
namespace {

Status prepareGather(PrepareContext& c) { return c.needType(types::movable); }

// Rows are cut into pieces of so many bytes; small elements cost more than their bytes.
constexpr size_t pieceBytes = size_t{64} << 10;
size_t grainOf(size_t rowBytes) { return std::max<size_t>(1, pieceBytes / std::max<size_t>(rowBytes, 8)); }

// The first index outside of [−size, size), in words; there is one.
Status outside(const RunContext& c, size_t axis, int64_t size) {
  const TensorView& indices = c.in(1);
  for (size_t i = 0; i < indices.count(); i++) {
    const int64_t index = indices.integer(i);
    if (index < -size || index >= size)
      return c.shapeError("index " + std::to_string(index) + " lies outside axis " + std::to_string(axis) + " of " +
                          std::to_string(size));
  }
  return Status::success();
}

// Rows of `Row` bytes at places of their own; Row 0: of any size.
template <size_t Row>
struct RowCopy {
  static void copy(uint8_t* to, const uint8_t* from, size_t bytes) { std::memcpy(to, from, Row ? Row : bytes); }
};

template <class Index, size_t Row>
void gatherRows(const RunContext& c, size_t axis, size_t rowBytes, std::atomic<bool>& isOutside) {
  const TensorView &x = c.in(0), &indices = c.in(1);
  const auto* index = indices.as<Index>();
  const int64_t size = x.dims[axis];
  const size_t count = indices.count(), whole = static_cast<size_t>(size) * rowBytes;
  uint8_t* to = c.out(0).data;
  c.execution->forEachChunk(x.outer(axis) * count, grainOf(rowBytes), [&](size_t begin, size_t end) {
    const uint8_t* source = x.data + begin / count * whole;
    size_t at = begin % count;
    for (size_t i = begin; i < end; i++) {
      int64_t row = index[at];
      row += row < 0 ? size : 0;
      if (static_cast<uint64_t>(row) >= static_cast<uint64_t>(size)) {
        isOutside = true;
        return;
      }
      RowCopy<Row>::copy(to + i * rowBytes, source + static_cast<size_t>(row) * rowBytes, rowBytes);
      if (++at == count) {
        at = 0;
        source += whole;
      }
    }
  });
}

template <class Index>
void gatherAs(const RunContext& c, size_t axis, size_t rowBytes, std::atomic<bool>& isOutside) {
  switch (rowBytes) {
    case 1:
      return gatherRows<Index, 1>(c, axis, rowBytes, isOutside);
    case 2:
      return gatherRows<Index, 2>(c, axis, rowBytes, isOutside);
    case 4:
      return gatherRows<Index, 4>(c, axis, rowBytes, isOutside);
    case 8:
      return gatherRows<Index, 8>(c, axis, rowBytes, isOutside);
    default:
      return gatherRows<Index, 0>(c, axis, rowBytes, isOutside);
  }
}

size_t axisOf(const RunContext& c) {
  const int64_t axis = c.reader().integer("axis");
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(c.in(0).rank()) : axis);
}

Status runGather(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1);
  const size_t axis = axisOf(c), rowBytes = x.inner(axis + 1) * x.elementSize();
  std::atomic<bool> isOutside{false};
  if (rowBytes == 0 || x.outer(axis) == 0) return outside(c, axis, x.dims[axis]);
  if (indices.dtype == DataType::int32)
    gatherAs<int32_t>(c, axis, rowBytes, isOutside);
  else
    gatherAs<int64_t>(c, axis, rowBytes, isOutside);
  return isOutside ? outside(c, axis, x.dims[axis]) : c.execution->outcome();
}

// out[i][j][k] = data[index[i][j][k]][j][k], for axis 0: rows along the last axis of indices.
template <class T>
void gatherElements(const RunContext& c, size_t axis, std::atomic<bool>& isOutside) {
  const TensorView &x = c.in(0), &indices = c.in(1);
  const size_t rank = x.rank(), last = rank - 1, length = static_cast<size_t>(indices.dims[last]);
  const int64_t size = x.dims[axis];
  const size_t stride = x.inner(axis + 1), step = axis == last ? 0 : 1;
  const auto* data = x.as<const T>();
  auto* to = c.out(0).as<T>();
  c.execution->forEachChunk(indices.outer(last), grainOf(length * 8), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      size_t base = 0, rest = row;
      for (size_t d = last; d-- > 0; rest /= static_cast<size_t>(indices.dims[d]))
        if (d != axis) base += rest % static_cast<size_t>(indices.dims[d]) * x.inner(d + 1);
      for (size_t i = 0; i < length; i++) {
        int64_t index = indices.integer(row * length + i);
        index += index < 0 ? size : 0;
        if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(size)) {
          isOutside = true;
          return;
        }
        to[row * length + i] = data[base + static_cast<size_t>(index) * stride + i * step];
      }
    }
  });
}

Status runGatherElements(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1);
  if (x.rank() == 0 || indices.rank() != x.rank()) return c.shapeError("data and indices must have at least one axis");
  const size_t axis = axisOf(c);
  for (size_t d = 0; d < x.rank(); d++)
    if (d != axis && indices.dims[d] > x.dims[d])
      return c.shapeError("indices have " + std::to_string(indices.dims[d]) + " along axis " + std::to_string(d) +
                          ", data has " + std::to_string(x.dims[d]));
  if (indices.count() == 0) return Status::success();
  std::atomic<bool> isOutside{false};
  switch (x.elementSize()) {
    case 1:
      gatherElements<uint8_t>(c, axis, isOutside);
      break;
    case 2:
      gatherElements<uint16_t>(c, axis, isOutside);
      break;
    case 4:
      gatherElements<uint32_t>(c, axis, isOutside);
      break;
    default:
      gatherElements<uint64_t>(c, axis, isOutside);
      break;
  }
  return isOutside ? outside(c, axis, x.dims[axis]) : c.execution->outcome();
}

// Each row of indices names a place in data, after as many axes as batch_dims says.
Status runGatherNd(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1);
  const auto batch = static_cast<size_t>(c.reader().integer("batch_dims"));
  const auto depth = static_cast<size_t>(indices.dims.back());
  for (size_t d = 0; d < batch; d++)
    if (x.dims[d] != indices.dims[d])
      return c.shapeError("data and indices must have the same first " + std::to_string(batch) + " dimensions");
  const size_t rows = indices.outer(indices.rank() - 1), bytes = x.inner(batch + depth) * x.elementSize();
  const size_t perBatch = std::max<size_t>(1, rows / std::max<size_t>(1, x.outer(batch)));
  const size_t batchBytes = x.inner(batch) * x.elementSize();
  std::atomic<int64_t> bad{-1};
  c.execution->forEachChunk(rows, grainOf(bytes), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      size_t place = 0;
      for (size_t d = 0; d < depth; d++) {
        const int64_t size = x.dims[batch + d];
        int64_t index = indices.integer(row * depth + d);
        index += index < 0 ? size : 0;
        if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(size)) {
          bad = static_cast<int64_t>(row * depth + d);
          return;
        }
        place = place * static_cast<size_t>(size) + static_cast<size_t>(index);
      }
      if (bytes > 0)
        std::memcpy(c.out(0).data + row * bytes, x.data + row / perBatch * batchBytes + place * bytes, bytes);
    }
  });
  if (bad >= 0) {
    const auto at = static_cast<size_t>(bad);
    const size_t axis = batch + at % depth;
    return c.shapeError("index " + std::to_string(indices.integer(at)) + " lies outside axis " + std::to_string(axis) +
                        " of " + std::to_string(x.dims[axis]));
  }
  return c.execution->outcome();
}

const OpRuns runs({
    {"Gather", runGather, prepareGather},
    {"GatherElements", runGatherElements, prepareGather},
    {"GatherND", runGatherNd, prepareGather},
});

}  // namespace
}  // namespace pare
