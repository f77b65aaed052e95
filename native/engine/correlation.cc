// Sums over a sliding window (see correlation.h).
#include "engine/correlation.h"

#include <atomic>
#include <cstring>

#include "engine/matmul-blocks.h"
#include "engine/scratch.h"

namespace pare {
namespace {

// Rows of the product in tiles of as equal heights as can be.
struct Tiles {
  size_t rows, count;
  Tiles(size_t rowCount, const TileKernel& tile) : rows(rowCount), count(ceilDivide(rowCount, tile.rows)) {}
  size_t begin(size_t i) const { return i * (rows / count) + std::min(i, rows % count); }
  size_t height(size_t i) const { return rows / count + (i < rows % count ? 1 : 0); }
};

// An axis of the copied image: planes of the phases that the window meets, each so long that every element of the
// window finds its pixels in it.
struct PlaneAxis {
  ptrdiff_t first;                       // the input's element that position 0 of phase 0 is
  std::vector<size_t> phases;            // in elements of the input
  std::vector<size_t> phaseOf, shiftOf;  // of each tap
  size_t reach = 0;                      // the largest shift

  explicit PlaneAxis(const CorrelationAxis& axis)
      : first(axis.taps.empty() ? 0 : *std::min_element(axis.taps.begin(), axis.taps.end())) {
    for (const ptrdiff_t tap : axis.taps) {
      const auto at = static_cast<size_t>(tap - first);
      const size_t phase = at % axis.stride;
      const auto found = std::find(phases.begin(), phases.end(), phase);
      phaseOf.push_back(static_cast<size_t>(found - phases.begin()));
      if (found == phases.end()) phases.push_back(phase);
      shiftOf.push_back(at / axis.stride);
      reach = std::max(reach, shiftOf.back());
    }
  }
};

// Floats of the copied image that should stay in the second cache level, and of the sums before they are results.
constexpr size_t imageFloats = size_t{128} << 10, sumFloats = size_t{64} << 10;
// Floats of the strips that tiles pass over together.
constexpr size_t panelFloats = size_t{16} << 10;

class Correlator {
 public:
  Correlator(const Execution& execution, const Correlation& of)
      : execution_(execution),
        of_(of),
        kernels_(*execution.kernels.conv),
        matmul_(*execution.kernels.matmul),
        tile_(matmul_.tile),
        planes_{PlaneAxis(of.axes[0]), PlaneAxis(of.axes[1]), PlaneAxis(of.axes[2])},
        tiles_(of.outputs, tile_),
        depth_(of.depth()) {
    for (const CorrelationAxis& axis : of.axes) {
      isPointwise_ &= axis.taps.size() == 1 && axis.taps[0] == 0 && axis.stride == 1 && axis.positions == axis.input;
      isContiguous_ &= axis.outputStep == 1 && axis.output == axis.positions;
      inputPlane_ *= axis.input;
      outputPlane_ *= axis.output;
    }
    cut();
    place();
    const Activation& activation = of.epilogue.activation;
    const bool areBound = isContiguous_ && depth_ > 0 && !of.epilogue.residual &&
                          (activation.kind == Activation::Kind::none || activation.kind == Activation::Kind::clip);
    tilesFinish_ = areBound && (isPointwise_ || gathers_);
    const size_t lastColumns = positions(2) % tile_.stripColumns;
    rowsFinish_ = areBound && !tilesFinish_ && bandAxis_ < 2 &&
                  (lastColumns == 0 || lastColumns == tile_.vectorColumns) && blockDepth(false) == depth_;
    if (activation.kind == Activation::Kind::clip) {
      least_ = activation.alpha;
      most_ = activation.beta;
    }
  }

  Status run() {
    const size_t perGroup = columnPieces_ * rowPieces_;
    execution_.forEachPiece(of_.batch * of_.groups * perGroup,
                            [&](size_t i) { piece(i / perGroup, i % perGroup / rowPieces_, i % rowPieces_); });
    return noMemory_ ? Status::memory("no memory for a part of a convolution") : execution_.outcome();
  }

 private:
  size_t positions(size_t axis) const { return of_.axes[axis].positions; }

  // Pieces: the positions along the first axis that has several (of a pointwise product: all positions), in bands; and
  // where those are few, the outputs.
  void cut() {
    const size_t images = of_.batch * of_.groups;
    const size_t count = positions(0) * positions(1) * positions(2);
    const double work = static_cast<double>(images * of_.outputs) * static_cast<double>(count) *
                        static_cast<double>(std::max<size_t>(depth_, 1));
    const size_t threads = std::max(1u, execution_.threads);
    const size_t wanted = piecesWorth(work, threads);
    const size_t leastColumns = 2 * tile_.stripColumns;
    bandAxis_ = positions(0) > 1 ? 0 : positions(1) > 1 ? 1 : 2;
    columnPieces_ = std::min(ceilDivide(wanted, images), std::max<size_t>(1, count / leastColumns));
    if (isPointwise_) {
      columnsEach_ = ceilDivide(ceilDivide(count, columnPieces_), tile_.stripColumns) * tile_.stripColumns;
      columnPieces_ = ceilDivide(count, columnsEach_);
    } else {
      const size_t bandPositions = positions(bandAxis_);
      size_t across = of_.inputs;  // floats of a position along the band's axis
      for (size_t axis = 0; axis < 3; axis++) {
        across *= planes_[axis].phases.size();
        if (axis != bandAxis_) across *= positions(axis) + planes_[axis].reach;
      }
      const size_t reach = planes_[bandAxis_].reach;
      // As many as the cache holds, yet enough that what two bands share is not most of them.
      const size_t room = imageFloats / std::max<size_t>(across, 1);
      const size_t most = std::max(room > reach ? room - reach : 1, 2 * reach + 1);
      columnPieces_ = std::max(columnPieces_, ceilDivide(bandPositions, most));
      if (columnPieces_ > 1) columnPieces_ = ceilDivide(columnPieces_, threads) * threads;
      bandEach_ = ceilDivide(bandPositions, columnPieces_);
      columnPieces_ = ceilDivide(bandPositions, bandEach_);
    }
    rowPieces_ = std::min(ceilDivide(wanted, images * columnPieces_), tiles_.count);
    tilesEach_ = ceilDivide(tiles_.count, rowPieces_);
    rowPieces_ = ceilDivide(tiles_.count, tilesEach_);
  }

  // The copied image of a band, [channel][phases][depth][height][width], and where each unit of depth begins in it.
  void place() {
    if (isPointwise_) {
      for (size_t axis = 0; axis < 3; axis++) lengths_[axis] = positions(axis);
      return;
    }
    for (size_t axis = 0; axis < 3; axis++)
      lengths_[axis] = (axis == bandAxis_ ? bandEach_ : positions(axis)) + planes_[axis].reach;
    // Columns between the rows cost what all outputs' sums of them do; gathering the others costs about four such sums.
    const double columns = static_cast<double>(lengths_[2]) * static_cast<double>(positions(0) > 1 ? lengths_[1] : 1);
    const double kept = static_cast<double>(positions(2)) * static_cast<double>(positions(0) > 1 ? positions(1) : 1);
    gathers_ = (columns - kept) * static_cast<double>(of_.outputs) > 4 * kept;
    planeFloats_ = lengths_[0] * lengths_[1] * lengths_[2];
    phaseCount_ = planes_[0].phases.size() * planes_[1].phases.size() * planes_[2].phases.size();
    // An odd number of cache lines: channels would else meet in the same places of the first level.
    channelFloats_ = ceilDivide(planeFloats_ * phaseCount_, 16) * 16;
    if (channelFloats_ % 32 == 0) channelFloats_ += 16;
    offsets_.reserve(depth_);
    for (size_t channel = 0; channel < of_.inputs; channel++)
      for (size_t d = 0; d < of_.axes[0].taps.size(); d++)
        for (size_t h = 0; h < of_.axes[1].taps.size(); h++)
          for (size_t w = 0; w < of_.axes[2].taps.size(); w++) {
            const size_t phase =
                (planes_[0].phaseOf[d] * planes_[1].phases.size() + planes_[1].phaseOf[h]) * planes_[2].phases.size() +
                planes_[2].phaseOf[w];
            const size_t shift =
                (planes_[0].shiftOf[d] * lengths_[1] + planes_[1].shiftOf[h]) * lengths_[2] + planes_[2].shiftOf[w];
            offsets_.push_back((channel * channelFloats_ + phase * planeFloats_ + shift) * sizeof(float));
          }
  }

  // What a piece works on: columns of the product and where they go.
  struct Band {
    size_t begin[3], count[3];  // positions along each axis
    size_t firstColumn, endColumn;
  };
  Band bandOf(size_t index) const {
    Band band{};
    for (size_t axis = 0; axis < 3; axis++) band.count[axis] = positions(axis);
    if (isPointwise_) {
      band.firstColumn = index * columnsEach_;
      band.endColumn = std::min(band.firstColumn + columnsEach_, lengths_[0] * lengths_[1] * lengths_[2]);
    } else {
      band.begin[bandAxis_] = index * bandEach_;
      band.count[bandAxis_] = std::min(bandEach_, positions(bandAxis_) - band.begin[bandAxis_]);
      band.endColumn = gathers_ ? band.count[0] * band.count[1] * band.count[2]
                                : ((band.count[0] - 1) * lengths_[1] + band.count[1] - 1) * lengths_[2] + band.count[2];
    }
    return band;
  }

  // The result's element that a band begins with, where positions are its elements. (Only axes of one position lie
  // outside of the band's.)
  size_t startOf(const Band& band) const {
    if (isPointwise_) return 0;
    return (band.begin[0] * of_.axes[1].output + band.begin[1]) * of_.axes[2].output + band.begin[2];
  }

  // What one piece computes with.
  struct Part {
    const UnalignedFloat* x;  // the first channel of its group
    const float* filters;
    size_t firstTile, endTile, firstRow, rows;
    size_t width;             // columns of sums
    float* sums;              // [rows][width]
    float* image;             // the copy with its padding
    float* panel;             // strips side by side, over a block of depth
    UnalignedFloat* results;  // where the tiles leave results instead of sums, or null: y from firstRow on
    const UnalignedFloat* bias;
  };

  // One tile reads rows of the image where they lie, over the whole depth; several pass over a block of it, which the
  // first one copies.
  size_t blockDepth(bool isSingle) const {
    if (depth_ == 0) return 0;
    return isPointwise_ && isSingle ? depth_ : evenly(depth_, depthBlock);
  }

  void piece(size_t image, size_t bandIndex, size_t rowPiece) {
    const Band band = bandOf(bandIndex);
    Part part{};
    part.firstTile = rowPiece * tilesEach_;
    part.endTile = std::min(part.firstTile + tilesEach_, tiles_.count);
    part.firstRow = tiles_.begin(part.firstTile);
    part.rows = tiles_.begin(part.endTile - 1) + tiles_.height(part.endTile - 1) - part.firstRow;
    const size_t block = blockDepth(part.endTile - part.firstTile == 1), columns = band.endColumn - band.firstColumn;
    // Strips side by side: many while they and their sums stay near.
    const size_t strips = std::clamp<size_t>(
        std::min(panelFloats / std::max<size_t>(block, 1), sumFloats / part.rows) / tile_.stripColumns, 2, 16);
    part.width = std::min(strips, ceilDivide(columns, tile_.stripColumns)) * tile_.stripColumns;

    const size_t sumCount = ceilDivide(part.rows * part.width, 16) * 16;
    const size_t imageCount = isPointwise_ ? 0 : of_.inputs * channelFloats_ + 2 * tile_.stripColumns;
    const size_t panelCount = isPointwise_ || gathers_ ? part.width * block + tile_.stripColumns : 0;
    const Scratch scratch((sumCount + imageCount + panelCount) * sizeof(float));
    if (!scratch.data()) {
      noMemory_ = true;
      return;
    }
    part.sums = scratch.as<float>();
    part.image = part.sums + sumCount;
    part.panel = part.image + imageCount;
    part.x = of_.x + image * of_.inputs * inputPlane_;
    part.filters = of_.filters + image % of_.groups * of_.outputs * depth_;
    part.bias = of_.epilogue.bias ? of_.epilogue.bias + image % of_.groups * of_.outputs + part.firstRow : nullptr;
    if ((tilesFinish_ && block == depth_) || rowsFinish_)
      part.results = of_.y + (image * of_.outputs + part.firstRow) * outputPlane_ + startOf(band);
    if (!isPointwise_) copyImage(part, band);
    if (depth_ == 0) std::fill_n(part.sums, part.rows * part.width, 0.0f);
    const size_t step = rowsFinish_ ? lengths_[2] : part.width;
    for (size_t column = band.firstColumn; column < band.endColumn && !execution_.isCancelled(); column += step) {
      const size_t row = column / lengths_[2], h = row % lengths_[1];
      if (rowsFinish_ && h >= band.count[1]) continue;
      const size_t here = rowsFinish_ ? positions(2) : std::min(part.width, band.endColumn - column);
      const size_t toColumn = rowsFinish_    ? (row / lengths_[1] * positions(1) + h) * positions(2)
                              : part.results ? column
                                             : 0;
      for (size_t unit = 0; unit < depth_; unit += block) {
        MatmulTile tile{};
        tile.columns = here;
        tile.cStride = (part.results ? outputPlane_ : part.width) * sizeof(float);
        tile.finishes = part.results != nullptr;
        tile.least = least_;
        tile.most = most_;
        tile.depth = std::min(block, depth_ - unit);
        tile.accumulate = unit > 0;
        tile.fetch = reinterpret_cast<const uint8_t*>(part.sums);
        tile.bStripStride = tile_.stripColumns * sizeof(float);
        if (isPointwise_) {
          multiplyPanel(part, tile, column, toColumn, unit, band.endColumn);
          continue;
        }
        if (gathers_) {
          gather(part, band, column, here, unit, tile.depth);
          tile.b = reinterpret_cast<const uint8_t*>(part.panel);
          tile.bStride = tile_.stripColumns * sizeof(float);
          tile.bStripStride = tile.depth * tile.bStride;
        } else {
          tile.b = reinterpret_cast<const uint8_t*>(part.image + column);
          tile.bOffsets = offsets_.data() + unit;
        }
        for (size_t t = part.firstTile; t < part.endTile; t++) multiply(part, tile, t, unit, toColumn);
      }
      if (!part.results) finish(part, image, band, column, here);
    }
  }

  // Strips of the positions from `column` on, without the columns between rows of the copied image.
  void gather(const Part& part, const Band& band, size_t column, size_t columns, size_t unit, size_t units) const {
    const size_t strip = tile_.stripColumns;
    std::vector<StripRun> runs;
    for (size_t first = 0; first < columns; first += strip) {
      runs.clear();
      const size_t here = std::min(strip, columns - first);
      for (size_t j = 0, count; j < here; j += count) {
        const size_t at = column + first + j, w = at % band.count[2], row = at / band.count[2];
        const size_t h = row % band.count[1], d = row / band.count[1];
        count = std::min(band.count[2] - w, here - j);
        runs.push_back({(d * lengths_[1] + h) * lengths_[2] + w, count});
      }
      // Nobody sees what stands in the last strip's other columns.
      if (here < strip) runs.push_back({0, strip - here});
      kernels_.gatherStrip(part.image, offsets_.data() + unit, units, runs.data(), runs.size(),
                           part.panel + first * units, strip);
    }
  }

  void multiply(const Part& part, MatmulTile& tile, size_t t, size_t unit, size_t column) const {
    const size_t row = tiles_.begin(t) - part.firstRow;
    tile.rows = tiles_.height(t);
    tile.a = reinterpret_cast<const uint32_t*>(part.filters + tiles_.begin(t) * depth_ + unit * tile.rows);
    tile.c = part.results ? reinterpret_cast<uint8_t*>(part.results + row * outputPlane_ + column)
                          : reinterpret_cast<uint8_t*>(part.sums + row * part.width + column);
    tile.bias = part.bias ? part.bias + row : nullptr;
    tile_.multiply(tile);
  }

  // The right side of a pointwise product are rows of x: whole strips are read in place by the first tile, which leaves
  // a copy for the others; the columns beyond are packed.
  void multiplyPanel(const Part& part, MatmulTile& tile, size_t column, size_t toColumn, size_t unit,
                     size_t endColumn) const {
    const size_t columns = tile.columns, whole = columns / tile_.stripColumns * tile_.stripColumns;
    const UnalignedFloat* rows = part.x + unit * inputPlane_ + column;
    auto* panel = reinterpret_cast<uint32_t*>(part.panel);
    size_t t = part.firstTile;
    if (whole > 0) {
      tile.b = reinterpret_cast<const uint8_t*>(rows);
      tile.bStride = tile.bRowStride = inputPlane_ * sizeof(float);
      // Rows further down; of few rows, the next strips.
      tile.bFetch = tile.depth < 4 * fetchAhead ? 2 * tile.bStripStride : fetchAhead * tile.bStride;
      tile.streams = true;
      tile.bCopy = part.endTile - part.firstTile > 1 ? panel : nullptr;
      tile.columns = whole;
      multiply(part, tile, t, unit, toColumn);
      tile.streams = false;
      tile.bCopy = nullptr;
    }
    tile.bStride = tile_.stripColumns * sizeof(float);
    tile.bStripStride = tile.depth * tile.bStride;
    if (columns > whole) {
      uint32_t* strip = panel + whole * tile.depth;
      matmul_.packColumns(rows + whole, inputPlane_, columns - whole, tile.depth, strip, tile_.stripColumns);
      tile.b = reinterpret_cast<const uint8_t*>(strip);
      tile.columns = columns - whole;
      multiply(part, tile, t, unit, toColumn + whole);
    }
    tile.b = reinterpret_cast<const uint8_t*>(panel);
    tile.columns = columns;
    for (t++; t < part.endTile; t++) {
      placeFetch(part, tile, t, column + part.width, endColumn, unit);
      multiply(part, tile, t, unit, toColumn);
    }
  }

  // While a tile passes over the panel, what comes next comes nearer: the next panel, a line of each row a pass, since
  // no prefetcher follows rows that lie a page apart; else the next tile's filters.
  void placeFetch(const Part& part, MatmulTile& tile, size_t t, size_t nextColumn, size_t endColumn,
                  size_t unit) const {
    const size_t pass = t - part.firstTile;
    const size_t stripBytes = tile_.stripColumns * sizeof(float), lines = ceilDivide(stripBytes, 64);
    tile.fetchStripStride = 0;
    if (pass <= lines && nextColumn < endColumn) {
      tile.fetch = reinterpret_cast<const uint8_t*>(part.x + unit * inputPlane_ + nextColumn) + (pass - 1) * 64 + 63;
      tile.fetchStride = inputPlane_ * sizeof(float);
      tile.fetchStripStride = stripBytes;
    } else if (t + 1 < part.endTile) {
      tile.fetchStride = tiles_.height(t + 1) * sizeof(float);
      tile.fetch =
          reinterpret_cast<const uint8_t*>(part.filters + tiles_.begin(t + 1) * depth_) + unit * tile.fetchStride;
    } else {
      tile.fetch = reinterpret_cast<const uint8_t*>(part.sums);
      tile.fetchStride = 0;
    }
  }

  void copyImage(const Part& part, const Band& band) const {
    const CorrelationAxis* axes = of_.axes;
    // The input's element that the plane's element `index` of a phase is; outside of the input there are zeros.
    const auto at = [&](size_t axis, size_t phase, size_t index) {
      return planes_[axis].first +
             static_cast<ptrdiff_t>(planes_[axis].phases[phase] + (band.begin[axis] + index) * axes[axis].stride);
    };
    const auto isInside = [&](size_t axis, ptrdiff_t index) {
      return index >= 0 && index < static_cast<ptrdiff_t>(axes[axis].input);
    };
    for (size_t channel = 0; channel < of_.inputs; channel++) {
      float* to = part.image + channel * channelFloats_;
      const UnalignedFloat* from = part.x + channel * inputPlane_;
      for (size_t phaseD = 0; phaseD < planes_[0].phases.size(); phaseD++)
        for (size_t phaseH = 0; phaseH < planes_[1].phases.size(); phaseH++)
          for (size_t phaseW = 0; phaseW < planes_[2].phases.size(); phaseW++)
            for (size_t d = 0; d < lengths_[0]; d++)
              for (size_t h = 0; h < lengths_[1]; h++, to += lengths_[2]) {
                const ptrdiff_t deep = at(0, phaseD, d), high = at(1, phaseH, h);
                if (isInside(0, deep) && isInside(1, high)) {
                  const size_t row = static_cast<size_t>(deep) * axes[1].input + static_cast<size_t>(high);
                  kernels_.spreadRow(from + row * axes[2].input, axes[2].input, at(2, phaseW, 0), axes[2].stride, to,
                                     lengths_[2]);
                } else {
                  std::memset(to, 0, lengths_[2] * sizeof(float));
                }
              }
      std::fill(to, part.image + (channel + 1) * channelFloats_, 0.0f);
    }
    std::fill_n(part.image + of_.inputs * channelFloats_, tile_.stripColumns, 0.0f);
  }

  // Sums of the columns from `column` on become results, run by run of those that are side by side in y.
  void finish(const Part& part, size_t image, const Band& band, size_t column, size_t columns) const {
    const CorrelationAxis* axes = of_.axes;
    const size_t channel = image * of_.outputs + part.firstRow, start = channel * outputPlane_;
    FinishBlock block{};
    block.cStride = part.width;
    block.rows = part.rows;
    block.bias = part.bias;
    block.yStride = outputPlane_;
    block.yStep = axes[2].outputStep;
    const auto run = [&](size_t first, size_t count, size_t to) {
      block.c = part.sums + first;
      block.columns = count;
      block.y = of_.y + start + to;
      block.residual = of_.epilogue.residual ? of_.epilogue.residual + start + to : nullptr;
      kernels_.finish(block, of_.epilogue.activation);
    };
    if ((isPointwise_ || gathers_) && isContiguous_) return run(0, columns, startOf(band) + column);
    const size_t* lengths = gathers_ ? band.count : lengths_;
    for (size_t j = 0, count; j < columns; j += count) {
      const size_t w = (column + j) % lengths[2], row = (column + j) / lengths[2];
      const size_t h = row % lengths[1], d = row / lengths[1];
      count = std::min(lengths[2] - w, columns - j);
      if (w >= band.count[2] || h >= band.count[1] || d >= band.count[0]) continue;
      const auto place = [&](size_t axis, size_t index) {
        return axes[axis].outputBase + (band.begin[axis] + index) * axes[axis].outputStep;
      };
      run(j, std::min(count, band.count[2] - w),
          (place(0, d) * axes[1].output + place(1, h)) * axes[2].output + place(2, w));
    }
  }

  const Execution& execution_;
  const Correlation& of_;
  const ConvKernels& kernels_;
  const MatmulKernels& matmul_;
  const TileKernel& tile_;
  const PlaneAxis planes_[3];
  const Tiles tiles_;
  const size_t depth_;
  bool isPointwise_ = true;   // each position meets one element of the input, its own
  bool isContiguous_ = true;  // positions are the result's elements
  bool gathers_ = false;      // columns of the product are gathered from the copied image, position by position
  // Tiles may leave results: with no residual and no more than bounds for an activation.
  bool tilesFinish_ = false;
  // The same row by row of the copied image: whole vectors of results, so that nothing behind them is touched.
  bool rowsFinish_ = false;
  float least_ = -__builtin_inff(), most_ = __builtin_inff();
  size_t inputPlane_ = 1, outputPlane_ = 1;
  size_t bandAxis_ = 0, bandEach_ = 0, columnsEach_ = 0;
  size_t columnPieces_ = 1, rowPieces_ = 1, tilesEach_ = 1;
  size_t lengths_[3] = {};  // of a plane of the copied image, or of x
  size_t planeFloats_ = 0, phaseCount_ = 1, channelFloats_ = 0;
  std::vector<size_t> offsets_;  // bytes
  std::atomic<bool> noMemory_{false};
};

}  // namespace

void packFilters(const Execution& execution, const UnalignedFloat* from, size_t groups, size_t outputs, size_t depth,
                 float* to) {
  if (outputs == 0 || depth == 0) return;
  const MatmulKernels& kernels = *execution.kernels.matmul;
  const Tiles tiles(outputs, kernels.tile);
  execution.forEachPiece(groups * tiles.count, [&](size_t i) {
    const size_t t = i % tiles.count, at = (i / tiles.count * outputs + tiles.begin(t)) * depth;
    kernels.packRows(from + at, depth, tiles.height(t), depth, reinterpret_cast<uint32_t*>(to + at), tiles.height(t));
  });
}

Status correlate(const Execution& execution, const Correlation& of) {
  bool isEmpty = of.batch == 0 || of.groups == 0 || of.outputs == 0;
  for (const CorrelationAxis& axis : of.axes) isEmpty |= axis.positions == 0;
  if (isEmpty) return execution.outcome();
  return Correlator(execution, of).run();
}

}  // namespace pare
