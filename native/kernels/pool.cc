// Pools (see pool.h).
#include "kernels/pool.h"

#include "kernels/simd.h"
#include "kernels/spread-row.h"
#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

// How elements are taken, and joined.
struct Max {
  static constexpr float nothing = -__builtin_inff();
  PARE_INLINE FloatVector take(FloatVector x) const { return x; }
  PARE_INLINE FloatVector join(FloatVector a, FloatVector b) const { return a != a ? a : atLeast(a, b); }
  PARE_INLINE float take(float x) const { return x; }
  PARE_INLINE float join(float a, float b) const { return a >= b || a != a ? a : b; }
};
struct Sum {
  static constexpr float nothing = 0;
  PARE_INLINE FloatVector take(FloatVector x) const { return x; }
  PARE_INLINE FloatVector join(FloatVector a, FloatVector b) const { return a + b; }
  PARE_INLINE float join(float a, float b) const { return a + b; }
};
struct Magnitudes : Sum {
  PARE_INLINE FloatVector take(FloatVector x) const {
    return (FloatVector)((IntVector)x & (IntVector)broadcastInt(0x7fffffff));
  }
};
struct Squares : Sum {
  PARE_INLINE FloatVector take(FloatVector x) const { return x * x; }
};
struct Powers : Sum {
  float power;
  explicit Powers(float p) : power(p) {}
  FloatVector take(FloatVector x) const {
    float lanes[vectorLanes];
    storeFloats(lanes, x);
    for (float& lane : lanes) lane = __builtin_powf(__builtin_fabsf(lane), power);
    return loadFloats(lanes);
  }
};

// The elements of a window along an axis that lie in the image.
struct Reach {
  size_t begin, end;
};
Reach reachOf(const PoolAxis& axis, size_t place) {
  const auto first = static_cast<ptrdiff_t>(place * axis.stride) - static_cast<ptrdiff_t>(axis.padBegin);
  const ptrdiff_t limit = static_cast<ptrdiff_t>(axis.input) - first;
  // A division takes as long as a short row.
  const auto steps = [&axis](ptrdiff_t distance) {
    const auto whole = static_cast<size_t>(distance);
    return axis.dilation == 1 ? whole : (whole + axis.dilation - 1) / axis.dilation;
  };
  const size_t begin = first < 0 ? steps(-first) : 0, end = limit > 0 ? steps(limit) : 0;
  return {begin, end < axis.kernel ? end : axis.kernel};
}
// Where an element of a window lies.
size_t elementAt(const PoolAxis& axis, size_t place, size_t k) {
  return place * axis.stride + k * axis.dilation - axis.padBegin;
}

// The joined row: the image's columns with the padding on both sides, and room for vectors to run past its end.
size_t rowFloats(const PoolAxis& axis) {
  const size_t needed = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
  const size_t whole = axis.padBegin + axis.input;
  return (needed > whole ? needed : whole) + 2 * vectorLanes;
}
// One window as wide as the image.
bool isWide(const PoolAxis& axis) { return axis.output == 1 && axis.dilation == 1; }

// Rows that are joined before their columns are: a row cannot be read soon after it has been written piecemeal.
constexpr size_t rowsTogether = 4;

size_t scratchFloats(const PoolPlanes& planes) {
  return rowsTogether * rowFloats(planes.axes[2]) + planes.axes[2].output;
}

template <class Join>
PARE_INLINE float joinLanes(const Join& join, FloatVector x) {
  constexpr int lanes = vectorLanes;
  if constexpr (lanes >= 16) x = join.join(x, (FloatVector)swapLanes<8>((Floats)x, LaneNumbers<laneCount>{}));
  if constexpr (lanes >= 8) x = join.join(x, (FloatVector)swapLanes<4>((Floats)x, LaneNumbers<laneCount>{}));
  x = join.join(x, (FloatVector)swapLanes<2>((Floats)x, LaneNumbers<laneCount>{}));
  x = join.join(x, (FloatVector)swapLanes<1>((Floats)x, LaneNumbers<laneCount>{}));
  return x[0];
}

template <class Join>
struct Pooling {
  const PoolPlanes& of;
  const Join join;
  const PoolAxis &deep = of.axes[0], &high = of.axes[1], &wide = of.axes[2];
  const size_t rowLength = rowFloats(of.axes[2]);
  float* const shares = of.scratch + rowsTogether * rowLength;  // one by what a window has along its row

  // The first lanes; the others must not count.
  PARE_INLINE FloatVector taken(const UnalignedFloat* from, size_t count) const {
    const LaneMask there = lanesBetween(0, static_cast<ptrdiff_t>(count));
    return chooseLanes(there, join.take(loadLanes(from, there)), broadcastFloat(Join::nothing));
  }

  // One window as wide as the image: its columns are joined with its rows.
  float wideWindow(const UnalignedFloat* x, size_t d, size_t h) const {
    const Reach depths = reachOf(deep, d), heights = reachOf(high, h), widths = reachOf(wide, 0);
    // Several, since a join waits for the one before.
    constexpr size_t each = 4;
    struct {
      FloatVector value;
    } joined[each];
    for (auto& part : joined) part.value = broadcastFloat(Join::nothing);
    for (size_t kd = depths.begin; kd < depths.end; kd++)
      for (size_t kh = heights.begin; kh < heights.end; kh++) {
        const UnalignedFloat* from = x + (elementAt(deep, d, kd) * high.input + elementAt(high, h, kh)) * wide.input +
                                     elementAt(wide, 0, widths.begin);
        const size_t count = widths.end > widths.begin ? widths.end - widths.begin : 0;
        size_t j = 0;
        for (; j + each * vectorLanes <= count; j += each * vectorLanes)
#pragma GCC unroll 4
          for (size_t i = 0; i < each; i++)
            joined[i].value = join.join(joined[i].value, join.take(loadFloats(from + j + i * vectorLanes)));
        for (; j + vectorLanes <= count; j += vectorLanes)
          joined[0].value = join.join(joined[0].value, join.take(loadFloats(from + j)));
        if (j < count) joined[1].value = join.join(joined[1].value, taken(from + j, count - j));
      }
    return joinLanes(
        join, join.join(join.join(joined[0].value, joined[1].value), join.join(joined[2].value, joined[3].value)));
  }

  void joinRows(const UnalignedFloat* x, size_t d, size_t h, float* row) const {
    const Reach depths = reachOf(deep, d), heights = reachOf(high, h);
    float* to = row + wide.padBegin;
    for (size_t j = 0; j < wide.input; j += vectorLanes) {
      const size_t rest = wide.input - j;
      FloatVector value = broadcastFloat(Join::nothing);
      for (size_t kd = depths.begin; kd < depths.end; kd++) {
        const UnalignedFloat* plane = x + elementAt(deep, d, kd) * high.input * wide.input + j;
        for (size_t kh = heights.begin; kh < heights.end; kh++) {
          const UnalignedFloat* from = plane + elementAt(high, h, kh) * wide.input;
          value = join.join(value, join.take(rest >= vectorLanes ? loadFloats(from) : loadSome(from, rest)));
        }
      }
      if (rest >= vectorLanes)
        storeFloats(to + j, value);
      else
        storeSome(to + j, value, rest);
    }
  }

  template <int stride>
  PARE_INLINE void joinColumns(const float* row, UnalignedFloat* y) const {
    for (size_t j = 0; j < wide.output; j += vectorLanes) {
      FloatVector value = broadcastFloat(Join::nothing);
      for (size_t k = 0; k < wide.kernel; k++) {
        const float* from = row + j * stride + k * wide.dilation;
        if constexpr (stride == 1)
          value = join.join(value, loadFloats(from));
        else
          value = join.join(value, everySecond(loadFloats(from), loadFloats(from + vectorLanes),
                                               typename EvenLanesUpTo<vectorLanes>::Type{}));
      }
      const size_t rest = wide.output - j;
      if (rest >= vectorLanes)
        storeFloats(y + j, value);
      else
        storeSome(y + j, value, rest);
    }
  }
  void joinColumnsApart(const float* row, UnalignedFloat* y) const {
    for (size_t j = 0; j < wide.output; j++) {
      float value = Join::nothing;
      for (size_t k = 0; k < wide.kernel; k++) value = join.join(value, row[j * wide.stride + k * wide.dilation]);
      y[j] = value;
    }
  }

  void finish(UnalignedFloat* y, size_t d, size_t h) const {
    const size_t count = wide.output;
    if (of.kind == PoolKind::average) {
      const size_t rows = deep.count(d, of.countsPadding) * high.count(h, of.countsPadding);
      if (count == 1) {
        *y = *y / static_cast<float>(rows * wide.count(0, of.countsPadding));
        return;
      }
      const float share = 1 / static_cast<float>(rows);
      size_t j = 0;
      for (; j + vectorLanes <= count; j += vectorLanes)
        storeFloats(y + j, loadFloats(y + j) * (broadcastFloat(share) * loadFloats(shares + j)));
      for (; j < count; j++) y[j] = y[j] * (share * shares[j]);
    } else if (of.kind == PoolKind::lp && of.power == 2) {
      for (size_t j = 0; j < count; j++) y[j] = __builtin_sqrtf(y[j]);
    } else if (of.kind == PoolKind::lp && of.power != 1) {
      for (size_t j = 0; j < count; j++) y[j] = __builtin_powf(y[j], 1 / of.power);
    }
  }

  void computeRows(const UnalignedFloat* x, UnalignedFloat* y, size_t first, size_t count) const {
    for (size_t i = 0; i < count; i++) {
      const size_t d = (first + i) / high.output, h = (first + i) % high.output;
      if (isWide(wide))
        y[i] = wideWindow(x, d, h);
      else
        joinRows(x, d, h, of.scratch + i * rowLength);
    }
    for (size_t i = 0; i < count; i++, y += wide.output) {
      const float* row = of.scratch + i * rowLength;
      if (!isWide(wide)) {
        if (wide.stride == 1)
          joinColumns<1>(row, y);
        else if (wide.stride == 2)
          joinColumns<2>(row, y);
        else
          joinColumnsApart(row, y);
      }
      if (of.kind != PoolKind::max) finish(y, (first + i) / high.output, (first + i) % high.output);
    }
  }

  void run() const {
    for (size_t i = 0; i < rowsTogether * rowLength; i++) of.scratch[i] = Join::nothing;
    if (of.kind == PoolKind::average)
      for (size_t j = 0; j < wide.output; j++) shares[j] = 1 / static_cast<float>(wide.count(j, of.countsPadding));
    for (size_t plane = of.firstPlane; plane < of.endPlane; plane++) {
      const UnalignedFloat* x = of.x + plane * deep.input * high.input * wide.input;
      for (size_t row = of.firstRow; row < of.endRow; row += rowsTogether)
        computeRows(x, of.y + (plane * deep.output * high.output + row) * wide.output, row,
                    of.endRow - row < rowsTogether ? of.endRow - row : rowsTogether);
    }
  }
};

void compute(const PoolPlanes& planes) {
  if (planes.kind == PoolKind::max)
    Pooling<Max>{planes, {}}.run();
  else if (planes.kind == PoolKind::average)
    Pooling<Sum>{planes, {}}.run();
  else if (planes.power == 1)
    Pooling<Magnitudes>{planes, {}}.run();
  else if (planes.power == 2)
    Pooling<Squares>{planes, {}}.run();
  else
    Pooling<Powers>{planes, Powers(planes.power)}.run();
}

}  // namespace

extern const PoolKernels poolKernels;
const PoolKernels poolKernels{.scratchFloats = scratchFloats, .compute = compute};

}  // namespace pare::PARE_LEVEL
