// Packing four-bit weights (see four-bit.h).
#include "engine/four-bit.h"

#include <vector>

namespace pare {

Status packMatMulNBits(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize,
                       uint8_t* data, UnalignedFloat* scales, uint8_t* zeroPoints, uint64_t* nanCount) {
  constexpr size_t tile = FourBitKernels::tileColumns;
  const size_t blocks = (k + blockSize - 1) / blockSize, pairs = (blocks + 1) / 2;
  const size_t columnTiles = (n + tile - 1) / tile;
  std::atomic<uint64_t> nans{0};
  // A piece takes two blocks of rows, for their zero points share a byte.
  execution.forEachPiece(columnTiles * pairs, [&](size_t piece) {
    const size_t pair = piece / columnTiles, column = piece % columnTiles * tile;
    const size_t columns = std::min(tile, n - column);
    uint8_t points[2][tile];
    for (uint8_t& point : points[1]) point = 8;  // a missing block's
    size_t found = 0;
    for (size_t half = 0; half < 2 && 2 * pair + half < blocks; half++) {
      const size_t block = 2 * pair + half, row = block * blockSize;
      found += execution.kernels.fourBit->packMatMulNBits(
          x + row * n + column, std::min(blockSize, k - row), n, columns, blockSize, zeroPoints == nullptr,
          data + (column * blocks + block) * (blockSize / 2), blocks * (blockSize / 2),
          scales + column * blocks + block, blocks, points[half]);
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
  return execution.outcome();
}

Status packBnb4(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize, bool isNf4,
                uint8_t* data, UnalignedFloat* absmax, uint64_t* nanCount) {
  const FourBitKernels& table = *execution.kernels.fourBit;
  const auto pack = isNf4 ? table.packNf4 : table.packFp4;
  const size_t count = k * n;
  std::atomic<uint64_t> nans{0}, failed{0};
  // A piece transposes some columns and packs the blocks that begin in them; the last block may reach into the next.
  constexpr size_t columnsPerPiece = 16;
  execution.forEachChunk(n, columnsPerPiece, [&](size_t begin, size_t end) {
    std::vector<float> values;
    try {
      values.resize((end - begin) * k + blockSize);
    } catch (const std::bad_alloc&) {
      failed = 1;
      return;
    }
    execution.kernels.transpose->bytes4(x + begin, n, values.data(), k, k, end - begin);
    const size_t first = begin * k, firstBlock = (first + blockSize - 1) / blockSize;
    const size_t stopBlock = (end * k + blockSize - 1) / blockSize;
    const size_t stop = std::min(count, stopBlock * blockSize);
    for (size_t i = end * k; i < stop; i++) values[i - first] = x[i % k * n + i / k];
    size_t found = 0;
    for (size_t block = firstBlock; block < stopBlock; block++) {
      const size_t start = block * blockSize;
      found +=
          pack(values.data() + (start - first), std::min(blockSize, count - start), data + start / 2, absmax + block);
    }
    if (found) nans.fetch_add(found, std::memory_order_relaxed);
  });
  *nanCount = nans.load();
  if (failed.load()) return Status::memory("no memory for a temporary buffer");
  return execution.outcome();
}

}  // namespace pare
