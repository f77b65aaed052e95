// Copying boxes (see strided-copy.h): two axes are walked by a loop for their strides, the others around it.
#include "engine/strided-copy.h"

#include <cstring>

#include "kernels/unaligned.h"

namespace pare {
namespace {

// A tile of two axes: `rows` times `columns` elements.
struct Tile {
  const uint8_t* from;
  uint8_t* to;
  size_t elementSize, rows, columns;
  ptrdiff_t fromRow, toRow, fromColumn, toColumn;
};
using TileLoop = void (*)(const Tile& tile, TransposeKernels::Tile transpose);

void copyRows(const Tile& tile, TransposeKernels::Tile) {
  const size_t bytes = tile.columns * tile.elementSize;
  const uint8_t* from = tile.from;
  uint8_t* to = tile.to;
  for (size_t row = 0; row < tile.rows; row++, from += tile.fromRow, to += tile.toRow) std::memcpy(to, from, bytes);
}

// Columns are contiguous in the source, rows in the result.
void transposeTile(const Tile& tile, TransposeKernels::Tile transpose) {
  const auto size = static_cast<ptrdiff_t>(tile.elementSize);
  transpose(tile.from, static_cast<size_t>(tile.fromRow / size), tile.to, static_cast<size_t>(tile.toColumn / size),
            tile.rows, tile.columns);
}

template <class T>
void copyElements(const Tile& tile, TransposeKernels::Tile) {
  using Element = typename Unaligned<T>::Type;
  const auto size = static_cast<ptrdiff_t>(sizeof(T));
  const auto at = [](auto* base, size_t index, ptrdiff_t stride) {
    return base + static_cast<ptrdiff_t>(index) * stride;
  };
  for (size_t row = 0; row < tile.rows; row++) {
    const uint8_t* from = at(tile.from, row, tile.fromRow);
    uint8_t* to = at(tile.to, row, tile.toRow);
    if (tile.toColumn == size && tile.fromColumn == 0) {
      const T value = *reinterpret_cast<const Element*>(from);
      auto* out = reinterpret_cast<Element*>(to);
      for (size_t i = 0; i < tile.columns; i++) out[i] = value;
    } else if (tile.toColumn == size) {
      auto* out = reinterpret_cast<Element*>(to);
      for (size_t i = 0; i < tile.columns; i++)
        out[i] = *reinterpret_cast<const Element*>(at(from, i, tile.fromColumn));
    } else {
      for (size_t i = 0; i < tile.columns; i++)
        *reinterpret_cast<Element*>(at(to, i, tile.toColumn)) =
            *reinterpret_cast<const Element*>(at(from, i, tile.fromColumn));
    }
  }
}

template <class Functions>
auto bySize(size_t elementSize, const Functions& functions) {
  return elementSize == 1   ? functions[0]
         : elementSize == 2 ? functions[1]
         : elementSize == 4 ? functions[2]
                            : functions[3];
}

constexpr size_t pieceBytes = size_t{64} << 10;
constexpr size_t fewColumns = 8;  // transposing tiles of fewer costs more than a loop

}  // namespace

// Which two axes are the tile's, how it is walked, and how large its parts are.
struct StridedCopy::Pass {
  std::array<Axis, mostAxes> outer;
  size_t outerCount = 0, elementSize;
  Axis row{1, 0, 0}, column{1, 0, 0};
  TileLoop loop = nullptr;
  size_t partRows, partColumns;
};

void StridedCopy::axis(size_t size, ptrdiff_t from, ptrdiff_t to) {
  if (size == 0) isEmpty_ = true;
  if (size <= 1 || isTooDeep_) return;
  if (count_ > 0) {
    Axis& last = axes_[count_ - 1];
    const auto length = static_cast<ptrdiff_t>(size);
    if (last.from == from * length && last.to == to * length) {
      last = {last.size * size, from, to};
      return;
    }
  }
  if (count_ == mostAxes)
    isTooDeep_ = true;
  else
    axes_[count_++] = {size, from, to};
}

StridedCopy::Pass StridedCopy::choosePass() const {
  Pass pass;
  pass.elementSize = elementSize_;
  const std::array<Axis, mostAxes>& axes = axes_;
  size_t count = count_;
  const auto isContiguous = [&](const Axis& axis) {
    return axis.from == static_cast<ptrdiff_t>(pass.elementSize) && axis.to == axis.from;
  };
  // Short rows of 2, 4 or 8 bytes are elements of that size.
  if (count > 1 && isContiguous(axes[count - 1])) {
    const size_t bytes = axes[count - 1].size * elementSize_;
    bool fits = bytes <= 8 && (bytes & (bytes - 1)) == 0;
    for (size_t i = 0; i + 1 < count; i++)
      fits =
          fits && axes[i].from % static_cast<ptrdiff_t>(bytes) == 0 && axes[i].to % static_cast<ptrdiff_t>(bytes) == 0;
    if (fits) {
      pass.elementSize = bytes;
      count--;
    }
  }
  const auto size = static_cast<ptrdiff_t>(pass.elementSize);
  if (count > 0) pass.column = axes[count - 1];
  const auto take = [&](size_t at) {
    pass.row = axes[at];
    for (size_t i = 0; i + 1 < count; i++)
      if (i != at) pass.outer[pass.outerCount++] = axes[i];
  };
  if (count == 0 || isContiguous(pass.column)) {
    if (count > 1) take(count - 2);
    pass.loop = copyRows;
    pass.partColumns = std::min(pass.column.size, pieceBytes / pass.elementSize);
    pass.partRows = std::max<size_t>(1, pieceBytes / (pass.partColumns * pass.elementSize));
    return pass;
  }
  for (size_t i = 0; i + 1 < count && pass.column.to == size && pass.column.from > 0; i++) {
    if (axes[i].from != size || axes[i].size < fewColumns || pass.column.size < fewColumns) continue;
    take(i);
    std::swap(pass.row, pass.column);
    pass.loop = transposeTile;
    // Sixteen lines down, four across: few enough for the second-level cache, and long enough to fetch ahead.
    pass.partRows = 1024 / pass.elementSize;
    pass.partColumns = 256 / pass.elementSize;
    return pass;
  }
  if (count > 1) take(count - 2);
  if (pass.row.size > pass.column.size && pass.column.size < fewColumns) std::swap(pass.row, pass.column);
  pass.loop = bySize(pass.elementSize, std::array{copyElements<uint8_t>, copyElements<uint16_t>, copyElements<uint32_t>,
                                                  copyElements<uint64_t>});
  // Lines that several rows share stay in the first-level cache meanwhile.
  pass.partColumns = std::min<size_t>(pass.column.size, 1024);
  pass.partRows = std::max<size_t>(1, pieceBytes / (pass.partColumns * pass.elementSize));
  return pass;
}

Status StridedCopy::run(const Execution& execution, const uint8_t* from, uint8_t* to) const {
  if (isEmpty_) return Status::success();
  if (isTooDeep_) return Status::unsupported("moving elements over more than 16 dimensions");
  const Pass pass = choosePass();
  const size_t down = (pass.row.size + pass.partRows - 1) / pass.partRows;
  const size_t across = (pass.column.size + pass.partColumns - 1) / pass.partColumns;
  const size_t parts = down * across;
  size_t count = parts;
  for (size_t i = 0; i < pass.outerCount; i++) count *= pass.outer[i].size;
  const TransposeKernels& kernels = *execution.kernels.transpose;
  const auto transpose =
      bySize(pass.elementSize, std::array{kernels.bytes1, kernels.bytes2, kernels.bytes4, kernels.bytes8});
  const size_t partBytes =
      std::min(pass.partRows, pass.row.size) * std::min(pass.partColumns, pass.column.size) * pass.elementSize;
  execution.forEachChunk(
      count, std::max<size_t>(1, pieceBytes / std::max<size_t>(partBytes, 1)), [&](size_t begin, size_t end) {
        std::array<size_t, mostAxes> index;
        const uint8_t* source = from;
        uint8_t* target = to;
        size_t part = begin % parts, rest = begin / parts;
        for (size_t i = pass.outerCount; i-- > 0; rest /= pass.outer[i].size) {
          index[i] = rest % pass.outer[i].size;
          source += static_cast<ptrdiff_t>(index[i]) * pass.outer[i].from;
          target += static_cast<ptrdiff_t>(index[i]) * pass.outer[i].to;
        }
        for (size_t at = begin; at < end; at++) {
          const size_t row = part / across * pass.partRows, column = part % across * pass.partColumns;
          const auto signedRow = static_cast<ptrdiff_t>(row), signedColumn = static_cast<ptrdiff_t>(column);
          pass.loop({.from = source + signedRow * pass.row.from + signedColumn * pass.column.from,
                     .to = target + signedRow * pass.row.to + signedColumn * pass.column.to,
                     .elementSize = pass.elementSize,
                     .rows = std::min(pass.partRows, pass.row.size - row),
                     .columns = std::min(pass.partColumns, pass.column.size - column),
                     .fromRow = pass.row.from,
                     .toRow = pass.row.to,
                     .fromColumn = pass.column.from,
                     .toColumn = pass.column.to},
                    transpose);
          if (++part < parts) continue;
          part = 0;
          // The next place: the last axis that has not ended goes on, those after it begin again.
          for (size_t i = pass.outerCount; i-- > 0;) {
            const Axis& axis = pass.outer[i];
            const bool goesOn = ++index[i] < axis.size;
            source = goesOn ? source + axis.from : source - static_cast<ptrdiff_t>(axis.size - 1) * axis.from;
            target = goesOn ? target + axis.to : target - static_cast<ptrdiff_t>(axis.size - 1) * axis.to;
            if (goesOn) break;
            index[i] = 0;
          }
        }
      });
  return execution.outcome();
}

}  // namespace pare
