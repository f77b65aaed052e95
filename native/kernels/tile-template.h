// The micro-kernel of every matrix product (see matmul-tile.h), written once over an Arithmetic: its vectors, how B is
// loaded, how A is broadcast, and the step that multiplies and adds.
//
// A tile of `rows` × (strips × vectors of a strip) stays in registers for the whole depth. Each step loads the vectors
// of B once, broadcasts one unit of A a row, and uses it on each of them: rows × vectors multiply-adds cost rows +
// vectors loads, which is what bounds a tile from below; the register file bounds it from above: 14 × 2 + 2 + 2 of 32
// registers, 6 × 2 + 2 + 2 of 16, and on Arm, with vectors of four, 6 × 4 + 4 + 2 of 32. Fewer rows take more strips
// side by side, so that the adds of a step never wait for those of the step before.
#pragma once

#include "kernels/matmul-tile.h"
#include "kernels/simd.h"

namespace pare::PARE_LEVEL {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int stripVectors = 2, tileRows = 3;  // with checks on every access the large tiles take the compiler minutes
#elif defined(__aarch64__)
constexpr int stripVectors = 4, tileRows = 6;
#else
constexpr int stripVectors = 2, tileRows = vectorRegisters == 32 ? 14 : 6;
#endif
constexpr int stripColumns = stripVectors * vectorLanes;
constexpr int accumulators = tileRows * stripVectors;

// Strips side by side for a tile of `rows`: a power of two, bounded by the registers, and by the 8 pointers it takes.
constexpr int widestStrips(int rows) {
  int strips = 1;
  while (strips * 2 * rows * stripVectors <= accumulators && strips < 8) strips *= 2;
  return strips;
}

// The compiler would compute every row's address ahead, and spill them all.
template <class Pointer>
PARE_INLINE Pointer nextRow(Pointer row, size_t stride) {
  row += stride;
  asm("" : "+r"(row));
  return row;
}

enum class Source { packed, streamed, copied, scattered };

template <class Arithmetic, int rows, int strips, int vectors, Source source>
PARE_INLINE void multiplyStrips(const MatmulTile& tile, size_t column, uint8_t* c, size_t cStride) {
  constexpr int width = strips * vectors;
  using Vector = typename Arithmetic::Vector;
  const uint32_t* a = tile.a;
  const size_t first = column / stripColumns;
  const uint8_t* strip[strips];
#pragma GCC unroll 8
  for (int s = 0; s < strips; s++) strip[s] = tile.b + (first + static_cast<size_t>(s)) * tile.bStripStride;
  const uint8_t* fetch = tile.fetch + first * tile.fetchStripStride;
  [[maybe_unused]] uint32_t* copy = tile.bCopy + first * tile.depth * stripColumns;
  const size_t bStride = source == Source::packed ? stripColumns * sizeof(uint32_t) : tile.bStride;
  [[maybe_unused]] const size_t* offset = tile.bOffsets;

  typename Arithmetic::Holder sum[rows][width];
  if (tile.accumulate) {
    const uint8_t* row = c;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 16
      for (int v = 0; v < width; v++) sum[i][v].value = Arithmetic::load(row + v * sizeof(Vector));
      row = nextRow(row, cStride);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
      for (int v = 0; v < width; v++) sum[i][v].value = Arithmetic::zero();
  }
  const bool last = column + static_cast<size_t>(strips) * stripColumns >= tile.columns;
  if (const uint8_t* next = last ? tile.cNext : c + width * sizeof(Vector)) {
    for (int i = 0; i < rows; i++, next += cStride)
      for (size_t byte = 0; byte < width * sizeof(Vector); byte += 64) __builtin_prefetch(next + byte + 63);
  }
  const auto step = [&]() PARE_INLINE_LAMBDA {
    typename Arithmetic::Holder right[width];
#pragma GCC unroll 8
    for (int s = 0; s < strips; s++) {
      if constexpr (source == Source::packed) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
          right[s * vectors + v].value = Arithmetic::loadB(strip[s] + v * sizeof(Vector));
      } else if constexpr (source == Source::scattered) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
          right[s * vectors + v].value = Arithmetic::loadB(strip[s] + *offset + v * sizeof(Vector));
      } else {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
          right[s * vectors + v].value = Arithmetic::streamB(strip[s] + v * Arithmetic::streamedBytes, tile);
      }
      // The line that holds the last byte of each 64: the one before came with the strip before. One to three rows go
      // on so fast that only the processor's own prefetcher keeps up.
      if constexpr ((source == Source::streamed || source == Source::copied) && rows > 3) {
#pragma GCC unroll 4
        for (int row = 0; row < Arithmetic::unitRows; row++)
#pragma GCC unroll 4
          for (size_t byte = 0; byte < vectors * Arithmetic::streamedBytes; byte += 64)
            __builtin_prefetch(strip[s] + tile.bFetch + row * tile.bRowStride + byte + 63);
      }
      if constexpr (source != Source::scattered) strip[s] += bStride;
    }
    if constexpr (source == Source::scattered) offset++;
    if constexpr (source == Source::copied) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++) Arithmetic::store(copy + v * vectorLanes, right[v].value);
      copy += stripColumns;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
      const auto left = Arithmetic::broadcastA(a + i);
#pragma GCC unroll 16
      for (int v = 0; v < width; v++) sum[i][v].value = Arithmetic::step(sum[i][v].value, right[v].value, left);
    }
    a += rows;
    // Into the second level: the first one is full of this strip.
    __builtin_prefetch(fetch, 0, 2);
    fetch += tile.fetchStride;
  };
  // Several steps share the counting where there is nothing else to hide it behind: a processor that runs two threads
  // at once hands out fewer instructions to each.
  constexpr size_t together =
      (source == Source::packed || source == Source::scattered) && rows > 3 ? Arithmetic::stepsTogether : 1;
  size_t steps = tile.depth;
  for (; steps >= together; steps -= together)
#pragma GCC unroll 4
    for (size_t i = 0; i < together; i++) step();
  if constexpr (together > 1)
    for (; steps > 0; steps--) step();
  if constexpr (Arithmetic::finishes) {
    if (tile.finishes) {
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) {
        const Vector bias = Arithmetic::broadcast(tile.bias ? tile.bias[i] : 0);
#pragma GCC unroll 16
        for (int v = 0; v < width; v++) sum[i][v].value = Arithmetic::bound(sum[i][v].value + bias, tile);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 16
    for (int v = 0; v < width; v++) Arithmetic::store(c + v * sizeof(Vector), sum[i][v].value);
    c = nextRow(c, cStride);
  }
}

// The last columns, fewer than a strip: computed beside C, so that nothing outside of it is touched.
template <class Arithmetic, int rows, int vectors>
void multiplyTail(const MatmulTile& tile, size_t column) {
  const size_t columns = tile.columns - column;
  if constexpr (vectors > 1) {
    if (columns <= static_cast<size_t>((vectors - 1) * vectorLanes))
      return multiplyTail<Arithmetic, rows, vectors - 1>(tile, column);
  }
  uint8_t* c = tile.c + column * 4;
  alignas(64) uint32_t buffer[rows][vectors * vectorLanes];
  if (tile.accumulate)
    for (int i = 0; i < rows; i++) __builtin_memcpy(buffer[i], c + i * tile.cStride, columns * 4);
  multiplyStrips<Arithmetic, rows, 1, vectors, Source::packed>(tile, column, reinterpret_cast<uint8_t*>(buffer),
                                                               sizeof buffer[0]);
  for (int i = 0; i < rows; i++) __builtin_memcpy(c + i * tile.cStride, buffer[i], columns * 4);
}

template <class Arithmetic, int rows, int strips>
PARE_INLINE void multiplyRows(const MatmulTile& tile, size_t column) {
  constexpr size_t width = static_cast<size_t>(strips) * stripColumns;
  for (; column + width <= tile.columns; column += width) {
    uint8_t* c = tile.c + column * 4;
    if (tile.streams)
      multiplyStrips<Arithmetic, rows, strips, stripVectors, Source::streamed>(tile, column, c, tile.cStride);
    else
      multiplyStrips<Arithmetic, rows, strips, stripVectors, Source::packed>(tile, column, c, tile.cStride);
  }
  if constexpr (strips > 1) {
    multiplyRows<Arithmetic, rows, strips / 2>(tile, column);
  } else if (column < tile.columns) {
    multiplyTail<Arithmetic, rows, stripVectors>(tile, column);
  }
}

template <class Arithmetic, int rows, int strips>
PARE_INLINE void multiplyScattered(const MatmulTile& tile, size_t column) {
  constexpr size_t width = static_cast<size_t>(strips) * stripColumns;
  for (; column + width <= tile.columns; column += width)
    multiplyStrips<Arithmetic, rows, strips, stripVectors, Source::scattered>(tile, column, tile.c + column * 4,
                                                                              tile.cStride);
  if constexpr (strips > 1) {
    multiplyScattered<Arithmetic, rows, strips / 2>(tile, column);
  } else if (column < tile.columns) {
    if (tile.columns - column <= vectorLanes)
      multiplyStrips<Arithmetic, rows, 1, 1, Source::scattered>(tile, column, tile.c + column * 4, tile.cStride);
    else
      multiplyStrips<Arithmetic, rows, 1, stripVectors, Source::scattered>(tile, column, tile.c + column * 4,
                                                                           tile.cStride);
  }
}

template <class Arithmetic, int rows>
[[gnu::noinline]] void multiplyTile(const MatmulTile& tile) {
  if constexpr (Arithmetic::scatters) {
    if (tile.bOffsets) return multiplyScattered<Arithmetic, rows, widestStrips(rows)>(tile, 0);
  }
  if (tile.bCopy) {
    for (size_t column = 0; column < tile.columns; column += stripColumns)
      multiplyStrips<Arithmetic, rows, 1, stripVectors, Source::copied>(tile, column, tile.c + column * 4,
                                                                        tile.cStride);
  } else {
    multiplyRows<Arithmetic, rows, widestStrips(rows)>(tile, 0);
  }
}

template <class Arithmetic, int rows = tileRows>
void multiply(const MatmulTile& tile) {
  if constexpr (rows > 1) {
    if (tile.rows < static_cast<size_t>(rows)) return multiply<Arithmetic, rows - 1>(tile);
  }
  multiplyTile<Arithmetic, rows>(tile);
}

}  // namespace pare::PARE_LEVEL
