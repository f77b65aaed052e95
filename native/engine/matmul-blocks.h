// The blocking around a tile kernel: how C is cut into pieces for the threads, and each piece into blocks for the
// caches.
//
// A piece is some rows by some columns of C, over the whole depth; pieces depend on the shape alone, and share nothing
// but what they read. Within a piece a block of depth is one strip of B, which the first cache level holds while every
// tile of A passes over it, and those tiles, which the second holds while every strip passes over them. B in row-major
// order needs no packing of its own: the first tile's pass copies the strip while it computes. Few rows (one tile)
// never copy: B is read once.
#pragma once

#include <atomic>

#include "engine/execution.h"
#include "engine/scratch.h"
#include "kernels/matmul-tile.h"

namespace pare {

// Where B lies: packed strips over the whole depth, rows that a tile can read in place, or neither.
struct MatmulRight {
  const uint32_t* packed = nullptr;
  const uint8_t* rows = nullptr;
  size_t rowStride = 0;  // bytes
};

struct MatmulCut {
  size_t rowPieces, rowsEach, columnPieces, columnsEach;

  MatmulCut(const TileKernel& tile, size_t m, size_t n, size_t depth);
  size_t pieces() const { return rowPieces * columnPieces; }
};

// A strip of B in the first cache level: 256 × 128 bytes leave a third of its 48 KB (32 KB on older machines: the strip
// then streams from the second level, which it is read from forward).
constexpr size_t depthBlock = 256;
// Strips packed side by side for a single tile, in blocks of depth that many times shorter.
constexpr size_t stripGroup = 8;
// Packed units of A made at a time when pieces share them.
constexpr size_t sharedUnits = size_t{4} << 20;

inline size_t ceilDivide(size_t a, size_t b) { return (a + b - 1) / b; }

// Operands:
//   void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const;
//   void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const;   one strip
//   static constexpr bool sumsColumns; void sumColumns(const uint32_t* strip, size_t units, int32_t* sums) const;
//   void finish(size_t row, size_t rows, size_t column, size_t columns, int32_t* sums) const;   C's piece is there
template <class Operands>
class MatmulBlocks {
 public:
  MatmulBlocks(const Execution& execution, const TileKernel& tile, const Operands& operands, const MatmulRight& right,
               size_t m, size_t n, size_t depth, void* c)
      : execution_(execution),
        tile_(tile),
        operands_(operands),
        right_(right),
        m_(m),
        n_(n),
        depth_(depth),
        c_(static_cast<uint8_t*>(c)),
        cut_(tile, m, n, depth) {}

  Status run() {
    // Pieces that share rows of A share its packing too; other pieces pack their rows themselves, cache-sized.
    const bool shared = cut_.columnPieces > 1 || m_ <= tile_.rows;
    const size_t superRows = shared ? std::max<size_t>(1, sharedUnits / depth_ / cut_.rowsEach) * cut_.rowsEach : m_;
    const Scratch sharedA(shared ? std::min(superRows, m_) * depth_ * 4 : 0);
    if (!sharedA.data()) return Status::memory("no memory to pack a matrix");
    for (size_t begin = 0; begin < m_; begin += superRows) {
      const size_t rows = std::min(superRows, m_ - begin);
      if (shared) packShared(begin, rows, sharedA.as<uint32_t>());
      const size_t rowPieces = ceilDivide(rows, cut_.rowsEach);
      execution_.forEachPiece(rowPieces * cut_.columnPieces, [&](size_t i) {
        const size_t row = begin + i / cut_.columnPieces * cut_.rowsEach;
        const size_t column = i % cut_.columnPieces * cut_.columnsEach;
        piece(row, std::min(cut_.rowsEach, m_ - row), column, std::min(cut_.columnsEach, n_ - column),
              shared ? sharedA.as<uint32_t>() + (row - begin) * depth_ : nullptr);
      });
    }
    return noMemory_ ? Status::memory("no memory for a block of a matrix") : execution_.outcome();
  }

 private:
  // Tiles of as equal heights as can be.
  struct Tiles {
    size_t rows, count;
    size_t begin(size_t i) const { return i * (rows / count) + std::min(i, rows % count); }
    size_t height(size_t i) const { return rows / count + (i < rows % count ? 1 : 0); }
  };
  Tiles tilesOf(size_t rows) const { return {rows, ceilDivide(rows, tile_.rows)}; }

  // Packed as [piece][tile][depth][rows of the tile].
  void packShared(size_t begin, size_t rows, uint32_t* to) const {
    const size_t tilesEach = tilesOf(cut_.rowsEach).count;
    const size_t pieces = ceilDivide(rows, cut_.rowsEach);
    constexpr size_t unitsEach = 512;  // a few thousand units: enough to be worth taking
    const size_t depthPieces = ceilDivide(depth_, unitsEach);
    const size_t count = pieces * tilesEach * depthPieces;
    const auto pack = [&](size_t i) {
      const size_t unit = i % depthPieces * unitsEach, t = i / depthPieces % tilesEach;
      const size_t row = begin + i / depthPieces / tilesEach * cut_.rowsEach;
      const Tiles tiles = tilesOf(std::min(cut_.rowsEach, begin + rows - row));
      if (t >= tiles.count) return;
      const size_t height = tiles.height(t), first = row + tiles.begin(t);
      operands_.packA(first, height, unit, std::min(unitsEach, depth_ - unit),
                      to + (first - begin) * depth_ + unit * height);
    };
    if (rows * depth_ < 16384)
      for (size_t i = 0; i < count; i++) pack(i);
    else
      execution_.forEachPiece(count, pack);
  }

  void piece(size_t row, size_t rows, size_t column, size_t columns, const uint32_t* sharedA) {
    const Tiles tiles = tilesOf(rows);
    const size_t strips = ceilDivide(columns, tile_.stripColumns);
    const size_t groupUnits = depthBlock * tile_.stripColumns, blockUnits = sharedA ? 0 : rows * depthBlock;
    const size_t sumCount = Operands::sumsColumns ? strips * tile_.stripColumns : 0;
    const Scratch scratch((groupUnits + blockUnits + sumCount) * 4);
    if (!scratch.data()) {
      noMemory_ = true;
      return;
    }
    auto* strip = scratch.as<uint32_t>();
    uint32_t* block = strip + groupUnits;
    auto* sums = reinterpret_cast<int32_t*>(block + blockUnits);
    std::fill_n(sums, sumCount, 0);
    if (tiles.count == 1 && sharedA)
      fewRows(row, rows, column, columns, sharedA, strip, sums);
    else
      manyRows(row, tiles, column, columns, sharedA, block, strip, sums);
    operands_.finish(row, rows, column, columns, sums);
  }

  void manyRows(size_t row, const Tiles& tiles, size_t column, size_t columns, const uint32_t* sharedA, uint32_t* block,
                uint32_t* strip, int32_t* sums) const {
    for (size_t unit = 0; unit < depth_ && !execution_.isCancelled(); unit += depthBlock) {
      const size_t units = std::min(depthBlock, depth_ - unit);
      if (!sharedA)
        for (size_t t = 0; t < tiles.count; t++)
          operands_.packA(row + tiles.begin(t), tiles.height(t), unit, units, block + tiles.begin(t) * units);
      for (size_t j = 0; j < columns; j += tile_.stripColumns) {
        MatmulTile tile = tileAt(row, column + j, std::min(tile_.stripColumns, columns - j), unit, units);
        if (right_.packed) {
          placePacked(tile, column + j, unit);
        } else if (right_.rows && tile.columns == tile_.stripColumns) {
          placeRows(tile, column + j, unit);
          tile.bCopy = strip;
        } else {
          operands_.packB(column + j, tile.columns, unit, units, strip);
          placeStrip(tile, strip, units);
          if (Operands::sumsColumns) operands_.sumColumns(strip, units, sums + j);
        }
        for (size_t t = 0; t < tiles.count; t++) {
          tile.rows = tiles.height(t);
          tile.a = sharedA ? sharedA + tiles.begin(t) * depth_ + unit * tile.rows : block + tiles.begin(t) * units;
          tile_.multiply(tile);
          tile.c += tile.rows * tile.cStride;
          if (tile.bCopy) placeStrip(tile, strip, units);
        }
      }
    }
  }

  void fewRows(size_t row, size_t rows, size_t column, size_t columns, const uint32_t* a, uint32_t* strip,
               int32_t* sums) const {
    size_t done = 0;
    if (right_.packed || right_.rows) {
      done = right_.packed ? columns : columns / tile_.stripColumns * tile_.stripColumns;
      MatmulTile tile = tileAt(row, column, done, 0, depth_);
      tile.rows = rows;
      tile.a = a;
      if (right_.packed)
        placePacked(tile, column, 0);
      else
        placeRows(tile, column, 0);
      if (done > 0) tile_.multiply(tile);
    }
    const size_t blockUnits = depthBlock / stripGroup, width = stripGroup * tile_.stripColumns;
    for (size_t j = done; j < columns; j += width)
      for (size_t unit = 0; unit < depth_; unit += blockUnits) {
        const size_t units = std::min(blockUnits, depth_ - unit);
        MatmulTile tile = tileAt(row, column + j, std::min(width, columns - j), unit, units);
        for (size_t s = 0; s < tile.columns; s += tile_.stripColumns) {
          uint32_t* to = strip + s * units;
          operands_.packB(column + j + s, std::min(tile_.stripColumns, tile.columns - s), unit, units, to);
          if (Operands::sumsColumns) operands_.sumColumns(to, units, sums + j + s);
        }
        placeStrip(tile, strip, units);
        tile.rows = rows;
        tile.a = a + unit * rows;
        tile_.multiply(tile);
      }
  }

  MatmulTile tileAt(size_t row, size_t column, size_t columns, size_t unit, size_t units) const {
    return {.a = nullptr,
            .b = nullptr,
            .bStride = 0,
            .bStripStride = 0,
            .streams = false,
            .bCopy = nullptr,
            .c = c_ + (row * n_ + column) * 4,
            .cStride = n_ * 4,
            .rows = 0,
            .columns = columns,
            .depth = units,
            .accumulate = unit > 0};
  }
  void placePacked(MatmulTile& tile, size_t column, size_t unit) const {
    tile.b = reinterpret_cast<const uint8_t*>(right_.packed + column * depth_ + unit * tile_.stripColumns);
    tile.bStride = tile_.stripColumns * 4;
    tile.bStripStride = depth_ * tile_.stripColumns * 4;
  }
  void placeRows(MatmulTile& tile, size_t column, size_t unit) const {
    tile.b = right_.rows + unit * right_.rowStride + column * 4;
    tile.bStride = right_.rowStride;
    tile.bStripStride = tile_.stripColumns * 4;
    tile.streams = true;
  }
  void placeStrip(MatmulTile& tile, const uint32_t* strip, size_t units) const {
    tile.b = reinterpret_cast<const uint8_t*>(strip);
    tile.bStride = tile_.stripColumns * 4;
    tile.bStripStride = units * tile_.stripColumns * 4;
    tile.streams = false;
    tile.bCopy = nullptr;
  }

  const Execution& execution_;
  const TileKernel& tile_;
  const Operands& operands_;
  const MatmulRight right_;
  const size_t m_, n_, depth_;
  uint8_t* const c_;
  const MatmulCut cut_;
  std::atomic<bool> noMemory_{false};
};

}  // namespace pare
