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
  const auto dilation = static_cast<ptrdiff_t>(axis.dilation), limit = static_cast<ptrdiff_t>(axis.input) - first;
  const size_t begin = first < 0 ? static_cast<size_t>((-first + dilation - 1) / dilation) : 0;
  const size_t end = limit > 0 ? static_cast<size_t>((limit + dilation - 1) / dilation) : 0;
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

size_t scratchFloats(const PoolPlanes& planes) { return rowFloats(planes.axes[2]) + planes.axes[2].output; }

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
  float* const row = of.scratch;
  float* const divisors = of.scratch + rowFloats(of.axes[2]);

  PARE_INLINE FloatVector taken(const UnalignedFloat* from, size_t count) const {
    if (count >= vectorLanes) return join.take(loadFloats(from));
    // Lanes that are not there must not count.
    struct {
      float lanes[vectorLanes];
    } values;
    for (float& lane : values.lanes) lane = Join::nothing;
    storeSome(values.lanes, join.take(loadSome(from, count)), count);
    return loadFloats(values.lanes);
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
        for (size_t i = 0; j < count; j += vectorLanes, i = (i + 1) % each)
          joined[i].value = join.join(joined[i].value, taken(from + j, count - j));
      }
    return joinLanes(
        join, join.join(join.join(joined[0].value, joined[1].value), join.join(joined[2].value, joined[3].value)));
  }

  void joinRows(const UnalignedFloat* x, size_t d, size_t h) const {
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
  PARE_INLINE void joinColumns(UnalignedFloat* y) const {
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
  void joinColumnsApart(UnalignedFloat* y) const {
    for (size_t j = 0; j < wide.output; j++) {
      float value = Join::nothing;
      for (size_t k = 0; k < wide.kernel; k++) value = join.join(value, row[j * wide.stride + k * wide.dilation]);
      y[j] = value;
    }
  }

  void finish(UnalignedFloat* y, size_t d, size_t h) const {
    const size_t count = wide.output;
    if (of.kind == PoolKind::average) {
      const auto rows = static_cast<float>(deep.count(d, of.countsPadding) * high.count(h, of.countsPadding));
      for (size_t j = 0; j < count; j++) y[j] = y[j] / (rows * divisors[j]);
    } else if (of.kind == PoolKind::lp && of.power == 2) {
      for (size_t j = 0; j < count; j++) y[j] = __builtin_sqrtf(y[j]);
    } else if (of.kind == PoolKind::lp && of.power != 1) {
      for (size_t j = 0; j < count; j++) y[j] = __builtin_powf(y[j], 1 / of.power);
    }
  }

  void run() const {
    for (size_t i = 0; i < rowFloats(wide); i++) row[i] = Join::nothing;
    if (of.kind == PoolKind::average)
      for (size_t j = 0; j < wide.output; j++) divisors[j] = static_cast<float>(wide.count(j, of.countsPadding));
    for (size_t plane = of.firstPlane; plane < of.endPlane; plane++) {
      const UnalignedFloat* x = of.x + plane * deep.input * high.input * wide.input;
      for (size_t place = of.firstRow; place < of.endRow; place++) {
        const size_t d = place / high.output, h = place % high.output;
        UnalignedFloat* y = of.y + (plane * deep.output * high.output + place) * wide.output;
        if (isWide(wide)) {
          *y = wideWindow(x, d, h);
        } else {
          joinRows(x, d, h);
          if (wide.stride == 1)
            joinColumns<1>(y);
          else if (wide.stride == 2)
            joinColumns<2>(y);
          else
            joinColumnsApart(y);
        }
        finish(y, d, h);
      }
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
