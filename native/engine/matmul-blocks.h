// The blocking around a tile kernel: how C is cut into pieces for the threads, and each piece into blocks for the
// caches.
//
// A piece is some rows by some columns of C, over the whole depth; pieces share nothing but what they read. How C is
// cut depends on the threads, and its bits do not: an element's sum is made in the same order wherever it lies. Within
// a piece a block of depth is a few strips of B, which stay near while every tile of A passes over them, and those
// tiles, which the second cache level holds while all strips go by. B in row-major order needs no packing of its own:
// the first tile's pass copies the strips while it computes. Few rows (one tile) never copy: B is read once.
//
// One row by floats that lie row after row is cut along the depth instead, so that each thread reads one part of
// memory from end to end; the parts, of which the shape alone decides, are added in their order.
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
  size_t elementSize = 4;
  size_t unitRows = 1;          // rows of a unit of depth
  size_t wholeDepth = 0;        // units whose rows are all there
  uint32_t flip = 0, bias = 0;  // see MatmulTile
};

// Pieces that so many multiply-adds of four-byte units are worth: one of 2^18 takes some microseconds and is worth a
// thread's while; of those of 2^25, a millisecond, a thread gets several, so that a busy processor delays the others by
// less.
inline size_t piecesWorth(double work, size_t threads) {
  constexpr double leastWork = 0x1p18, ampleWork = 0x1p25, mostPieces = 4;  // of a thread
  const auto each =
      static_cast<double>(threads) * std::clamp(work / ampleWork / static_cast<double>(threads), 1.0, mostPieces);
  return threads == 1 ? 1 : static_cast<size_t>(std::clamp(work / leastWork, 1.0, each));
}

struct MatmulCut {
  size_t rowPieces, rowsEach, columnPieces, columnsEach;

  MatmulCut(const TileKernel& tile, size_t m, size_t n, size_t depth, unsigned threads);
};

// With it a strip of B has at most 256 × 128 bytes, two thirds of a first cache level of 48 KB; where that is smaller
// it streams from the second, forward. C is read and written once a block.
constexpr size_t depthBlock = 256;
// Rows of B to fetch ahead: far enough to hide the third cache level, near enough to stay in the first.
constexpr size_t fetchAhead = 12;
// Units of depth at a time when rows of B are read from end to end.
constexpr size_t sweepDepth = 32;
// Strips that tiles pass over together: their rows are a whole cache line of bytes, and four lines of floats.
constexpr size_t passGroup = 2;
// Strips packed side by side for a single tile, in blocks of depth that many times shorter.
constexpr size_t stripGroup = 8;
// Packed units of A made at a time when pieces share them.
constexpr size_t sharedUnits = size_t{4} << 20;

// The parts that the depth of one row is cut into: of 2^18 multiply-adds at least, and so deep that adding them up is
// nothing beside the products.
inline size_t depthParts(size_t n, size_t depth) {
  constexpr size_t leastWork = size_t{1} << 18, leastDepth = 96, mostParts = 8;
  return std::clamp<size_t>(std::min(n * depth / leastWork, depth / leastDepth), 1, mostParts);
}

inline size_t ceilDivide(size_t a, size_t b) { return (a + b - 1) / b; }
// The part size, at most `most`, that cuts `whole` into as few and as equal parts as can be.
inline size_t evenly(size_t whole, size_t most) { return ceilDivide(whole, ceilDivide(whole, most)); }

// Operands:
//   void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const;
//   void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const;     strip after strip
//   static constexpr bool sumsColumns;                                                            ever
//   bool needsSums() const;                                                                       this time
//   void sumColumns(const uint32_t* strip, size_t units, int32_t* sums) const;
//   static constexpr bool addsParts;                                                              whether depth is cut
//   static void add(const uint8_t* part, size_t count, uint8_t* c);                               a part of a row of C
//   void finish(size_t row, size_t rows, size_t column, size_t columns, int32_t* sums) const;     that part of C is
//   there
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
        cut_(tile, m, n, depth, std::max(1u, execution.threads)) {}

  Status run() {
    if constexpr (Operands::addsParts)
      if (m_ == 1 && right_.rows && depthParts(n_, depth_) > 1) return runByDepth();
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

  // One row: every part but the first makes one of its own, added to C at last.
  Status runByDepth() {
    const size_t parts = depthParts(n_, depth_);
    const size_t strips = n_ / tile_.stripColumns * tile_.stripColumns, columns = n_ - strips;
    const size_t stripUnits = columns > 0 ? depthBlock * tile_.stripColumns : 0;
    const Scratch scratch((depth_ + (parts - 1) * n_ + stripUnits) * 4);
    if (!scratch.data()) return Status::memory("no memory for the parts of a row");
    auto* a = scratch.as<uint32_t>();
    auto* sums = reinterpret_cast<uint8_t*>(a + depth_);
    operands_.packA(0, 1, 0, depth_, a);
    execution_.forEachPiece(parts, [&](size_t i) {
      const size_t begin = i * depth_ / parts, end = (i + 1) * depth_ / parts;
      for (size_t unit = begin; unit < end && strips > 0; unit += sweepDepth) {
        MatmulTile tile = tileAt(0, 0, strips, unit, std::min(sweepDepth, end - unit));
        placeRows(tile, 0, unit);
        tile.c = i == 0 ? c_ : sums + (i - 1) * n_ * 4;
        tile.accumulate = unit > begin;
        tile.rows = 1;
        tile.a = a + unit;
        tile_.multiply(tile);
      }
    });
    for (size_t i = 0; i + 1 < parts; i++) Operands::add(sums + i * n_ * 4, strips, c_);
    packRows(0, 1, strips, columns, 0, a, reinterpret_cast<uint32_t*>(sums + (parts - 1) * n_ * 4), nullptr);
    operands_.finish(0, 1, 0, n_, nullptr);
    return execution_.outcome();
  }

  void piece(size_t row, size_t rows, size_t column, size_t columns, const uint32_t* sharedA) {
    const Tiles tiles = tilesOf(rows);
    const size_t strips = ceilDivide(columns, tile_.stripColumns);
    const size_t groupUnits = depthBlock * std::max(stripGroup, passGroup) * tile_.stripColumns,
                 blockUnits = sharedA ? 0 : rows * depthBlock;
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
  }

  void manyRows(size_t row, const Tiles& tiles, size_t column, size_t columns, const uint32_t* sharedA, uint32_t* block,
                uint32_t* strips, int32_t* sums) const {
    const size_t width = passGroup * tile_.stripColumns;
    // A unit that B's last rows do not fill is a block of its own, since it cannot be read in place.
    const size_t streamed = right_.rows ? right_.wholeDepth : 0;
    const size_t blockDepth = evenly(right_.rows ? std::max<size_t>(streamed, 1) : depth_, depthBlock);
    for (size_t unit = 0, units; unit < depth_ && !execution_.isCancelled(); unit += units) {
      units = std::min(blockDepth, (unit < streamed ? streamed : depth_) - unit);
      for (size_t j = 0; j < columns; j += width) {
        MatmulTile tile = tileAt(row, column + j, std::min(width, columns - j), unit, units);
        const size_t here = tile.columns;
        // Columns of whole strips that the first tile copies while it reads them; the rest of B is packed now.
        const size_t copied = unit < streamed ? here / tile_.stripColumns * tile_.stripColumns : 0;
        if (right_.packed) {
          placePacked(tile, column + j, unit);
        } else {
          if (copied < here) operands_.packB(column + j + copied, here - copied, unit, units, strips + copied * units);
          placeStrips(tile, strips, units);
        }
        for (size_t t = 0; t < tiles.count; t++) {
          tile.rows = tiles.height(t);
          tile.c = c_ + ((row + tiles.begin(t)) * n_ + column + j) * 4;
          if (sharedA) {
            tile.a = sharedA + tiles.begin(t) * depth_ + unit * tile.rows;
          } else {
            uint32_t* packed = block + tiles.begin(t) * units;
            if (j == 0) operands_.packA(row + tiles.begin(t), tile.rows, unit, units, packed);
            tile.a = packed;
          }
          tile.cNext = t + 1 < tiles.count ? tile.c + tile.rows * tile.cStride : nullptr;
          if (t == 0 && copied > 0) {
            MatmulTile first = tile;
            placeRows(first, column + j, unit);
            first.columns = copied;
            first.bCopy = strips;
            tile_.multiply(first);
            if (copied == here) continue;
            first = tile;
            first.b += copied / tile_.stripColumns * tile.bStripStride;
            first.c += copied * 4;
            first.columns = here - copied;
            tile_.multiply(first);
            continue;
          }
          placeFetch(tile, t, column, columns, j, width, unit, units);
          tile_.multiply(tile);
        }
        if (!right_.packed) sumStrips(strips, here, units, sums + j);
        if (unit + units == depth_) operands_.finish(row, tiles.rows, column + j, here, sums + j);
      }
    }
  }

  // While tiles pass over packed strips, the part of B that comes next comes nearer, a line for each step: no
  // prefetcher follows rows that lie a page apart.
  void placeFetch(MatmulTile& tile, size_t pass, size_t column, size_t columns, size_t j, size_t width, size_t unit,
                  size_t units) const {
    tile.fetchStride = tile.fetchStripStride = 0;
    const size_t elementSize = right_.packed ? 4 : right_.elementSize;
    const size_t stripBytes = tile_.stripColumns * elementSize, lines = ceilDivide(stripBytes, 64);
    if ((!right_.rows && !right_.packed) || pass == 0 || pass > lines * right_.unitRows) return;
    const bool last = j + width >= columns;
    const size_t nextColumn = last ? column : column + j + width, nextUnit = last ? unit + units : unit;
    if (right_.packed) {
      tile.fetch =
          reinterpret_cast<const uint8_t*>(right_.packed + nextColumn * depth_ + nextUnit * tile_.stripColumns) +
          (pass - 1) * units * 64;
      tile.fetchStride = 64;
      tile.fetchStripStride = depth_ * stripBytes;
      return;
    }
    const size_t nextRow = nextUnit * right_.unitRows + (pass - 1) / lines * units;
    tile.fetch = right_.rows + nextRow * right_.rowStride + nextColumn * elementSize + (pass - 1) % lines * 64 + 63;
    tile.fetchStride = right_.rowStride;
    tile.fetchStripStride = stripBytes;
  }

  void fewRows(size_t row, size_t rows, size_t column, size_t columns, const uint32_t* a, uint32_t* strip,
               int32_t* sums) const {
    const size_t strips = columns / tile_.stripColumns * tile_.stripColumns;
    if (right_.packed) {
      MatmulTile tile = tileAt(row, column, columns, 0, depth_);
      placePacked(tile, column, 0);
      tile.rows = rows;
      tile.a = a;
      tile_.multiply(tile);
    } else if (right_.rows && strips > 0 && !operands_.needsSums()) {
      // Rows of B whole, one after another: a block of depth is so short that C stays in the first cache level.
      for (size_t unit = 0; unit < right_.wholeDepth; unit += sweepDepth) {
        MatmulTile tile = tileAt(row, column, strips, unit, std::min(sweepDepth, right_.wholeDepth - unit));
        placeRows(tile, column, unit);
        tile.rows = rows;
        tile.a = a + unit * rows;
        tile_.multiply(tile);
      }
      packRows(row, rows, column, strips, right_.wholeDepth, a, strip, sums);
      packRows(row, rows, column + strips, columns - strips, 0, a, strip, sums + strips);
    } else {
      packRows(row, rows, column, columns, 0, a, strip, sums);
    }
    operands_.finish(row, rows, column, columns, sums);
  }

  // The part of fewRows that packs B, from `unit` on.
  void packRows(size_t row, size_t rows, size_t column, size_t columns, size_t unit, const uint32_t* a, uint32_t* strip,
                int32_t* sums) const {
    const size_t width = stripGroup * tile_.stripColumns;
    for (size_t j = 0; j < columns; j += width)
      for (size_t at = unit, units; at < depth_; at += units) {
        units = std::min(depthBlock / stripGroup, depth_ - at);
        MatmulTile tile = tileAt(row, column + j, std::min(width, columns - j), at, units);
        operands_.packB(column + j, tile.columns, at, units, strip);
        sumStrips(strip, tile.columns, units, sums + j);
        placeStrips(tile, strip, units);
        tile.rows = rows;
        tile.a = a + at * rows;
        tile_.multiply(tile);
      }
  }

  void sumStrips(const uint32_t* strips, size_t columns, size_t units, int32_t* sums) const {
    if (operands_.needsSums())
      for (size_t j = 0; j < columns; j += tile_.stripColumns)
        operands_.sumColumns(strips + j * units, units, sums + j);
  }

  MatmulTile tileAt(size_t row, size_t column, size_t columns, size_t unit, size_t units) const {
    return {.a = nullptr,
            .b = nullptr,
            .bStride = 0,
            .bOffsets = nullptr,
            .bStripStride = 0,
            .streams = false,
            .bRowStride = right_.rowStride,
            .bFetch = 0,
            .bFlip = right_.flip,
            .bBias = right_.bias,
            .bCopy = nullptr,
            .c = c_ + (row * n_ + column) * 4,
            .cStride = n_ * 4,
            .cNext = nullptr,
            .fetch = c_,
            .fetchStride = 0,
            .fetchStripStride = 0,
            .rows = 0,
            .columns = columns,
            .depth = units,
            .accumulate = unit > 0,
            .finishes = false,
            .bias = nullptr,
            .least = 0,
            .most = 0};
  }
  void placePacked(MatmulTile& tile, size_t column, size_t unit) const {
    tile.b = reinterpret_cast<const uint8_t*>(right_.packed + column * depth_ + unit * tile_.stripColumns);
    tile.bStride = tile_.stripColumns * 4;
    tile.bStripStride = depth_ * tile_.stripColumns * 4;
  }
  void placeRows(MatmulTile& tile, size_t column, size_t unit) const {
    tile.b = right_.rows + unit * right_.unitRows * right_.rowStride + column * right_.elementSize;
    tile.bStride = right_.unitRows * right_.rowStride;
    tile.bFetch = fetchAhead / right_.unitRows * tile.bStride;
    tile.bStripStride = tile_.stripColumns * right_.elementSize;
    tile.streams = true;
  }
  void placeStrips(MatmulTile& tile, const uint32_t* strip, size_t units) const {
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
