// How C is cut (see matmul-blocks.h).
#include "engine/matmul-blocks.h"

namespace pare {

MatmulCut::MatmulCut(const TileKernel& tile, size_t m, size_t n, size_t depth) {
  // A piece of 2^18 multiply-adds of four-byte units takes some microseconds: worth a thread's while. More than 32
  // pieces would only make them small.
  constexpr double leastWork = 1 << 18;
  constexpr size_t mostPieces = 32;
  // Rows that make copying B and packing A cheap beside the arithmetic, and rows that still fit the second cache level.
  const size_t leastRows = 2 * tile.rows, mostRows = 9 * tile.rows;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(depth);
  const auto wanted = static_cast<size_t>(std::clamp(work / leastWork, 1.0, static_cast<double>(mostPieces)));

  const size_t rowLimit = std::max<size_t>(1, m / leastRows);
  rowPieces = std::max(std::min(wanted, rowLimit), ceilDivide(m, mostRows));
  rowsEach = ceilDivide(m, rowPieces);
  rowPieces = ceilDivide(m, rowsEach);

  const size_t strips = ceilDivide(n, tile.stripColumns);
  columnPieces = std::min(strips, ceilDivide(wanted, rowPieces));
  columnsEach = ceilDivide(strips, columnPieces) * tile.stripColumns;
  columnPieces = ceilDivide(n, columnsEach);
}

}  // namespace pare
