// How C is cut (see matmul-blocks.h).
#include "engine/matmul-blocks.h"

namespace pare {

MatmulCut::MatmulCut(const TileKernel& tile, size_t m, size_t n, size_t depth, unsigned threads) {
  // Each piece copies or packs the part of B that it passes over, which many rows make cheap; more than fit the second
  // cache level pay again.
  const size_t leastRows = 2 * tile.rows, mostRows = 24 * tile.rows;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(depth);
  const size_t wanted = piecesWorth(work, threads);
  const size_t strips = ceilDivide(n, tile.stripColumns);

  rowPieces = ceilDivide(m, mostRows);
  if (rowPieces > 1) rowPieces = ceilDivide(rowPieces, threads) * threads;
  if (threads > 1) rowPieces = std::max(rowPieces, std::min(wanted, m / leastRows));
  columnPieces = threads == 1 ? 1 : std::clamp<size_t>(ceilDivide(wanted, rowPieces), 1, ceilDivide(strips, 2));
  if (m <= tile.rows && columnPieces > 1) {
    // Read once, B comes at the memory's speed, which takes rows of a few kilobytes: a piece a thread, more when those
    // stay.
    constexpr size_t wideColumns = 768;
    const size_t wide = std::max<size_t>(1, wideColumns / m / tile.stripColumns);
    columnPieces = std::min<size_t>(std::max<size_t>(2 * threads, columnPieces),
                                    std::max<size_t>(threads, strips / wide / threads * threads));
    columnPieces = std::min(columnPieces, ceilDivide(strips, 2));
  }
  rowsEach = ceilDivide(m, rowPieces);
  rowPieces = ceilDivide(m, rowsEach);
  columnsEach = ceilDivide(strips, columnPieces) * tile.stripColumns;
  columnPieces = ceilDivide(n, columnsEach);
}

}  // namespace pare
