// Transposing matrices (see transpose.h).
#include "engine/transpose.h"

namespace pare {

Status transpose(const Execution& execution, const uint8_t* in, uint8_t* out, size_t elementSize, size_t rows,
                 size_t columns) {
  const TransposeKernels& table = *execution.kernels.transpose;
  const auto tile = elementSize == 1   ? table.bytes1
                    : elementSize == 2 ? table.bytes2
                    : elementSize == 4 ? table.bytes4
                                       : table.bytes8;
  // Whole lines on both sides, and both tiles in the first-level cache.
  const size_t side = elementSize == 8 ? 32 : 64;
  const size_t rowTiles = (rows + side - 1) / side, columnTiles = (columns + side - 1) / side;
  execution.forEachChunk(rowTiles * columnTiles, 8, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t row = i / columnTiles * side, column = i % columnTiles * side;
      tile(in + (row * columns + column) * elementSize, columns, out + (column * rows + row) * elementSize, rows,
           std::min(side, rows - row), std::min(side, columns - column));
    }
  });
  return execution.outcome();
}

}  // namespace pare
