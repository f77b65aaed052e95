// The range of values that share a scale, over the thread pool (see quantization-walk.h).
#include "engine/quantization-walk.h"

namespace pare {
namespace {

constexpr size_t columnGrain = 4096;     // columns a piece takes: their ranges fit the first-level cache
constexpr size_t longRun = 4096;         // from here on a run is worth a call of its own
constexpr size_t maximumRowPieces = 16;  // partial results of pieces of rows

void widen(float& low, float& high, float otherLow, float otherHigh) {
  low = std::min(low, otherLow);
  high = std::max(high, otherHigh);
}

// Rows of `rowLength` elements, each cut into runs of `length` (the last may be shorter), each with its own range.
void rangesOfRuns(const Execution& execution, const UnalignedFloat* in, size_t count, size_t rowLength, size_t length,
                  float* low, float* high) {
  const auto range = execution.kernels.quantize->rangeRuns;
  const size_t whole = rowLength / length, rest = rowLength % length, runsPerRow = whole + (rest != 0);
  // A piece takes some rows, or some runs of one long row.
  const size_t runsPerPiece = std::max<size_t>(1, elementwiseGrain / length);
  const size_t rowsPerPiece = std::max<size_t>(1, elementwiseGrain / rowLength);
  const size_t rowCount = count / rowLength, partsPerRow = (runsPerRow + runsPerPiece - 1) / runsPerPiece;
  execution.forEachPiece((rowCount + rowsPerPiece - 1) / rowsPerPiece * partsPerRow, [&](size_t piece) {
    const size_t first = piece / partsPerRow * rowsPerPiece, run = piece % partsPerRow * runsPerPiece;
    for (size_t row = first; row < std::min(rowCount, first + rowsPerPiece); row++) {
      const size_t at = row * rowLength + run * length, scale = row * runsPerRow + run;
      const size_t runs = std::min(runsPerPiece, runsPerRow - run), wholeRuns = std::min(runs, whole - run);
      range(in + at, length, wholeRuns, low + scale, high + scale);
      if (wholeRuns < runs)
        range(in + at + wholeRuns * length, rest, 1, low + scale + wholeRuns, high + scale + wholeRuns);
    }
  });
}

// Long runs, cut into parts; run r belongs to scale r % scaleCount.
void rangesOfLongRuns(const Execution& execution, const UnalignedFloat* in, size_t length, size_t runCount,
                      size_t scaleCount, float* low, float* high) {
  const size_t partsPerRun = (length + elementwiseGrain - 1) / elementwiseGrain;
  std::vector<float> lows(runCount * partsPerRun), highs(runCount * partsPerRun);
  execution.forEachPiece(runCount * partsPerRun, [&](size_t part) {
    const size_t run = part / partsPerRun, begin = part % partsPerRun * elementwiseGrain;
    execution.kernels.quantize->rangeRuns(in + run * length + begin, std::min(elementwiseGrain, length - begin), 1,
                                          &lows[part], &highs[part]);
  });
  for (size_t part = 0; part < lows.size(); part++) {
    const size_t scale = part / partsPerRun % scaleCount;
    widen(low[scale], high[scale], lows[part], highs[part]);
  }
}

// Columns of a matrix; column c belongs to scale c / columnsPerScale.
void rangesOfColumns(const Execution& execution, const UnalignedFloat* in, size_t rowCount, size_t columnCount,
                     size_t columnsPerScale, float* low, float* high) {
  const bool wide = columnCount >= 4 * columnGrain;
  const size_t rowPieces =
      wide ? 1 : std::clamp<size_t>(rowCount * columnCount / elementwiseGrain, 1, std::min(maximumRowPieces, rowCount));
  const size_t rowsPerPiece = (rowCount + rowPieces - 1) / rowPieces;
  const size_t columnsPerPiece = wide ? columnGrain : columnCount;
  const size_t columnPieces = (columnCount + columnsPerPiece - 1) / columnsPerPiece;
  std::vector<float> lows(rowPieces * columnCount), highs(rowPieces * columnCount);
  execution.forEachPiece(rowPieces * columnPieces, [&](size_t piece) {
    const size_t rowPiece = piece / columnPieces, column = piece % columnPieces * columnsPerPiece;
    const size_t row = std::min(rowCount, rowPiece * rowsPerPiece), stop = std::min(rowCount, row + rowsPerPiece);
    execution.kernels.quantize->columnRanges(
        in + row * columnCount + column, stop - row, columnCount, std::min(columnsPerPiece, columnCount - column),
        lows.data() + rowPiece * columnCount + column, highs.data() + rowPiece * columnCount + column);
  });
  for (size_t piece = 0; piece < rowPieces; piece++)
    for (size_t column = 0; column < columnCount; column++) {
      const size_t scale = column / columnsPerScale, part = piece * columnCount + column;
      widen(low[scale], high[scale], lows[part], highs[part]);
    }
}

// Blocks of rows, each `inner` columns wide and with a range for each column.
void rangesOfBlocks(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout, float* low,
                    float* high) {
  const size_t blocks = layout.blocks(), inner = layout.inner;
  const size_t columnPieces = (inner + columnGrain - 1) / columnGrain;
  execution.forEachPiece(layout.outer * blocks * columnPieces, [&](size_t piece) {
    const size_t block = piece / columnPieces, column = piece % columnPieces * columnGrain;
    const size_t row = block % blocks * layout.blockSize;
    execution.kernels.quantize->columnRanges(
        in + (block / blocks * layout.axis + row) * inner + column, std::min(layout.blockSize, layout.axis - row),
        inner, std::min(columnGrain, inner - column), low + block * inner + column, high + block * inner + column);
  });
}

}  // namespace

void findRanges(const Execution& execution, const UnalignedFloat* in, const QuantizationLayout& layout, float* low,
                float* high) {
  const size_t count = layout.count();
  if (count == 0) return;
  if (layout.blockSize && layout.inner > 1)
    rangesOfBlocks(execution, in, layout, low, high);
  else if (layout.blockSize)
    rangesOfRuns(execution, in, count, layout.axis, std::min(layout.blockSize, layout.axis), low, high);
  else if (layout.inner >= longRun || layout.axis == 1)
    rangesOfLongRuns(execution, in, layout.inner, layout.outer * layout.axis, layout.axis, low, high);
  else if (layout.outer == 1)
    rangesOfRuns(execution, in, count, count, layout.inner, low, high);
  else
    rangesOfColumns(execution, in, layout.outer, layout.axis * layout.inner, layout.inner, low, high);
}

}  // namespace pare
