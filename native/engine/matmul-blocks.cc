// How C is cut (see matmul-blocks.h).
#include "engine/matmul-blocks.h"

namespace pare {

MatmulCut::MatmulCut(const TileKernel& tile, size_t m, size_t n, size_t depth) {
  // A piece of 2^18 multiply-adds of four-byte units takes some microseconds: worth a thread's while. Four share a
  // product well between two threads and leave each piece large; more threads are had with large products, of which a
  // piece of 2^27 takes milliseconds.
  constexpr double leastWork = 0x1p18, ampleWork = 0x1p27;
  constexpr size_t fewPieces = 4, mostPieces = 64;
  // Rows that make copying or packing B cheap beside the arithmetic, and rows that still fit the second cache level.
  const size_t leastRows = 2 * tile.rows, mostRows = 24 * tile.rows;
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(depth);
  const size_t wanted = std::max(static_cast<size_t>(std::clamp<double>(work / leastWork, 1, fewPieces)),
                                 static_cast<size_t>(std::clamp<double>(work / ampleWork, 1, mostPieces)));
  const size_t strips = ceilDivide(n, tile.stripColumns);

  rowPieces = ceilDivide(m, mostRows);
  if (rowPieces > 1) rowPieces = ceilDivide(rowPieces, fewPieces) * fewPieces;  // shared fairly by two or four threads
  columnPieces = std::clamp<size_t>(wanted / rowPieces, 1, ceilDivide(strips, 2));
  if (m <= tile.rows) {
    // Read once, B comes at the memory's speed, which takes rows of a few kilobytes: two pieces, more when those stay.
    constexpr size_t wideColumns = 768;
    const size_t wide = std::max<size_t>(1, wideColumns / m / tile.stripColumns);
    columnPieces = std::min(columnPieces, std::max<size_t>(2, strips / wide / 2 * 2));
  }
  if (rowPieces * columnPieces < wanted)
    rowPieces = std::max(rowPieces, std::min(ceilDivide(wanted, columnPieces), m / leastRows));
  rowsEach = ceilDivide(m, rowPieces);
  rowPieces = ceilDivide(m, rowsEach);
  columnsEach = ceilDivide(strips, columnPieces) * tile.stripColumns;
  columnPieces = ceilDivide(n, columnsEach);
}

}  // namespace pare
