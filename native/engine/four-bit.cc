// Packing four-bit weights (see four-bit.h).
#include "engine/four-bit.h"

#include <vector>

namespace pare {

Status packMatMulNBits(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize,
                       uint8_t* data, UnalignedFloat* scales, uint8_t* zeroPoints, uint64_t* nanCount,
                       QuantizationError* error) {
  constexpr size_t tile = FourBitKernels::tileColumns;
  const FourBitKernels& table = *execution.kernels.fourBit;
  const size_t blocks = (k + blockSize - 1) / blockSize, pairs = (blocks + 1) / 2;
  const size_t columnTiles = (n + tile - 1) / tile;
  std::atomic<uint64_t> nans{0};
  std::vector<QuantizationError> parts(error ? columnTiles * pairs : 0);
  // A piece takes two blocks of rows, for their zero points share a byte.
  execution.forEachPiece(columnTiles * pairs, [&](size_t piece) {
    const size_t pair = piece / columnTiles, column = piece % columnTiles * tile;
    const size_t columns = std::min(tile, n - column);
    uint8_t points[2][tile];
    for (uint8_t& point : points[1]) point = 8;  // a missing block's
    size_t found = 0;
    for (size_t half = 0; half < 2 && 2 * pair + half < blocks; half++) {
      const size_t block = 2 * pair + half, row = block * blockSize;
      const size_t rows = std::min(blockSize, k - row), stride = blocks * (blockSize / 2);
      uint8_t* codes = data + column * stride + block * (blockSize / 2);
      UnalignedFloat* scale = scales + column * blocks + block;
      found += table.packMatMulNBits(x + row * n + column, rows, n, columns, blockSize, zeroPoints == nullptr, codes,
                                     stride, scale, blocks, points[half]);
      if (!error) continue;
      float near[tile], restored[FourBitKernels::maximumBlock * tile];
      for (size_t i = 0; i < columns; i++) near[i] = scale[i * blocks];
      table.unpackMatMulNBits(codes, stride, rows, columns, near, points[half], restored);
      execution.kernels.compare->error(x + row * n + column, n, restored, rows, columns, &parts[piece]);
    }
    // An odd last row shares its byte with none. ONNX Runtime's packer leaves the value of the row before there, unless
    // the pair of blocks begins with this row; nobody reads it, but equal files are easier to compare.
    if (k % 2 && pair + 1 == pairs && (k - 1) % (2 * blockSize) != 0)
      for (size_t i = 0; i < columns; i++) {
        uint8_t* last = data + (column + i) * blocks * (blockSize / 2) + k / 2;
        *last = static_cast<uint8_t>(*last | (last[-1] & 0xf0));
      }
    if (zeroPoints)
      for (size_t i = 0; i < columns; i++)
        zeroPoints[(column + i) * pairs + pair] = static_cast<uint8_t>(points[0][i] | points[1][i] << 4);
    if (found) nans.fetch_add(found, std::memory_order_relaxed);
  });
  *nanCount = nans.load();
  if (error) *error = sumOf(parts);
  return execution.outcome();
}

namespace {

// The blocks of the transpose of x [k, n], flattened. A piece transposes some rows of some columns and visits the
// blocks that begin in them. Columns are taken by cache lines, for rows lie far apart; all rows, unless blocks end with
// columns.
struct TransposedBlocks {
  static constexpr size_t columnsPerPiece = 64, someRows = 512;

  const UnalignedFloat* x;
  size_t k, n, blockSize;

  size_t rowsPerPiece() const { return k % blockSize == 0 ? std::max(someRows, blockSize) : std::max<size_t>(1, k); }
  size_t rowPieces() const { return (k + rowsPerPiece() - 1) / rowsPerPiece(); }
  size_t pieces() const { return rowPieces() * ((n + columnsPerPiece - 1) / columnsPerPiece); }

  // Calls visit(piece, values, count, block).
  template <class Visit>
  Status forEach(const Execution& execution, Visit&& visit) const {
    std::atomic<bool> failed{false};
    execution.forEachPiece(pieces(), [&](size_t piece) {
      const size_t column = piece / rowPieces() * columnsPerPiece, columns = std::min(columnsPerPiece, n - column);
      const size_t row = piece % rowPieces() * rowsPerPiece(), rows = std::min(rowsPerPiece(), k - row);
      std::vector<float> values;
      try {
        values.resize(columns * rows + blockSize);
      } catch (const std::bad_alloc&) {
        failed = true;
        return;
      }
      execution.kernels.transpose->bytes4(x + row * n + column, n, values.data(), rows, rows, columns);
      // `begin` and `end` count elements of the transpose; `from` is where the first of them lies.
      const auto visitBlocks = [&](size_t begin, size_t end, const float* from) {
        const size_t stop = (end + blockSize - 1) / blockSize;
        for (size_t block = (begin + blockSize - 1) / blockSize; block < stop; block++) {
          const size_t start = block * blockSize;
          visit(piece, from + (start - begin), std::min(blockSize, k * n - start), block);
        }
      };
      if (rows == k) {
        const size_t begin = column * k, end = (column + columns) * k;
        // The last block may reach into the next columns.
        const size_t stop = std::min(k * n, (end + blockSize - 1) / blockSize * blockSize);
        for (size_t i = end; i < stop; i++) values[i - begin] = x[i % k * n + i / k];
        visitBlocks(begin, end, values.data());
        return;
      }
      for (size_t c = 0; c < columns; c++) {
        const size_t begin = (column + c) * k + row;
        visitBlocks(begin, begin + rows, values.data() + c * rows);
      }
    });
    return failed ? Status::memory("no memory for a temporary buffer") : execution.outcome();
  }
};

}  // namespace

Status packBnb4(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize, bool isNf4,
                uint8_t* data, UnalignedFloat* absmax, uint64_t* nanCount, QuantizationError* error) {
  const FourBitKernels& table = *execution.kernels.fourBit;
  const auto pack = isNf4 ? table.packNf4 : table.packFp4;
  const auto unpack = isNf4 ? table.unpackNf4 : table.unpackFp4;
  const TransposedBlocks blocks{x, k, n, blockSize};
  std::vector<QuantizationError> parts(error ? blocks.pieces() : 0);
  std::atomic<uint64_t> nans{0};
  constexpr size_t longestBlock = 4096;
  Status status = blocks.forEach(execution, [&](size_t piece, const float* values, size_t count, size_t block) {
    uint8_t* codes = data + block * (blockSize / 2);
    const size_t found = pack(values, count, codes, absmax + block);
    if (found) nans.fetch_add(found, std::memory_order_relaxed);
    if (!error) return;
    float restored[longestBlock];
    unpack(codes, count, absmax[block], restored);
    execution.kernels.compare->error(reinterpret_cast<const UnalignedFloat*>(values), 0, restored, 1, count,
                                     &parts[piece]);
  });
  *nanCount = nans.load();
  if (error) *error = sumOf(parts);
  return status;
}

}  // namespace pare
