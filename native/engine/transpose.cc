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
  // Sixteen lines down, four across: few enough for the second-level cache, and long enough to fetch ahead.
  const size_t tileRows = 1024 / elementSize, tileColumns = 256 / elementSize;
  const size_t down = (rows + tileRows - 1) / tileRows, across = (columns + tileColumns - 1) / tileColumns;
  execution.forEachPiece(down * across, [&](size_t i) {
    const size_t row = i / across * tileRows, column = i % across * tileColumns;
    tile(in + (row * columns + column) * elementSize, columns, out + (column * rows + row) * elementSize, rows,
         std::min(tileRows, rows - row), std::min(tileColumns, columns - column));
  });
  return execution.outcome();
}

}  // namespace pare
