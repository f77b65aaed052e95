// Gradients (see gradient.h).
#include "kernels/gradient.h"

#include "kernels/math-inline.h"
#include "kernels/row-sums.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

template <class Slope>
PARE_INLINE void mapSlope(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count,
                          Slope&& slope) {
  forEachVector(count, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
    storeFirst(dx + i, loadFirst(dy + i, lanes) * slope(loadFirst(x + i, lanes)), lanes);
  });
}

// Φ(x) + x·φ(x)
void gelu(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count) {
  mapSlope(dy, x, dx, count, [](Floats at) PARE_INLINE_LAMBDA {
    constexpr float density = 0x1.988454p-2f;  // 1 / √(2π)
    return fused(at * density, expOf(at * at * -0.5f), cumulativeNormalOf(at));
  });
}

// With s = σ(p), p = x·(c + d·x²): s + x·s·(1 − s)·(c + 3d·x²)
void geluTanh(const UnalignedFloat* dy, const UnalignedFloat* x, UnalignedFloat* dx, size_t count) {
  mapSlope(dy, x, dx, count, [](Floats at) PARE_INLINE_LAMBDA {
    constexpr float cubic = 0x1.2444f2p-4f, linear = 0x1.988454p+0f;
    const Floats square = at * at, s = sigmoidOf(at * fused(square, cubic, broadcast(linear)));
    return fused(at * s * (1.0f - s), fused(square, 3 * cubic, broadcast(linear)), s);
  });
}

void softmaxRows(const UnalignedFloat* dy, const UnalignedFloat* y, UnalignedFloat* dx, size_t rowCount,
                 size_t length) {
  for (size_t row = 0; row < rowCount; row++, dy += length, y += length, dx += length) {
    double sum;
    sumRow<1>(length, &sum, [&](size_t i, size_t lanes, Floats(&total)[1]) PARE_INLINE_LAMBDA {
      total[0] = fused(loadFirst(dy + i, lanes), loadFirst(y + i, lanes), total[0]);
    });
    const Floats shift = broadcast(static_cast<float>(sum));
    forEachVector(length, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
      storeFirst(dx + i, loadFirst(y + i, lanes) * (loadFirst(dy + i, lanes) - shift), lanes);
    });
  }
}

void layerNormRows(const LayerNormGradientRows& rows) {
  const size_t length = rows.length;
  const auto count = static_cast<double>(length);
  const UnalignedFloat *x = rows.x, *dy = rows.dy;
  UnalignedFloat* dx = rows.dx;
  for (size_t row = 0; row < rows.rowCount; row++, x += length, dy += length, dx += length) {
    double total;
    sumRow<1>(length, &total,
              [&](size_t i, size_t lanes, Floats(&sum)[1]) PARE_INLINE_LAMBDA { sum[0] += loadFirst(x + i, lanes); });
    const Floats mean = broadcast(static_cast<float>(total / count));
    double sums[4];  // of d, d², g and g·d
    sumRow<4>(length, sums, [&](size_t i, size_t lanes, Floats(&sum)[4]) PARE_INLINE_LAMBDA {
      const Floats d = keepFirst(loadFirst(x + i, lanes) - mean, lanes, Floats{});
      const Floats g = loadFirst(dy + i, lanes) * loadFirst(rows.scale + i, lanes);
      sum[0] += d;
      sum[1] = fused(d, d, sum[1]);
      sum[2] += g;
      sum[3] = fused(g, d, sum[3]);
    });
    // The mean that float32 holds is off by `rest`.
    const double rest = sums[0] / count, variance = sums[1] / count - rest * rest;
    const double inverse = 1 / __builtin_sqrt(variance + static_cast<double>(rows.epsilon));
    const double product = (sums[3] - rest * sums[2]) * inverse * inverse / count;
    const Floats offset = broadcast(static_cast<float>(rest)), factor = broadcast(static_cast<float>(inverse)),
                 shift = broadcast(static_cast<float>(sums[2] / count)), slope = broadcast(static_cast<float>(product));
    forEachVector(length, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
      const Floats d = loadFirst(x + i, lanes) - mean - offset, y = loadFirst(dy + i, lanes);
      const Floats g = y * loadFirst(rows.scale + i, lanes);
      storeFirst(rows.dScale + i, fused(y, d * factor, loadFirst(rows.dScale + i, lanes)), lanes);
      storeFirst(rows.dBias + i, loadFirst(rows.dBias + i, lanes) + y, lanes);
      storeFirst(dx + i, factor * (g - shift - d * slope), lanes);
    });
  }
}

// Each lane twice, of the first half.
template <int... lanes>
PARE_INLINE Floats twice(Floats value, Lanes<lanes...>) {
  return __builtin_shufflevector(value, value, (lanes / 2)...);
}
PARE_INLINE Ints neighbours(Ints value) { return swapLanes<1>(value, LaneNumbers<laneCount>{}); }
PARE_INLINE Floats neighbours(Floats value) { return swapLanes<1>(value, LaneNumbers<laneCount>{}); }

void maxPoolPairs(const PoolPairRows& rows) {
  const Ints isOdd = (laneNumbers() & 1) != 0;
  constexpr size_t windows = laneCount / 2;
  for (size_t at = 0; at < rows.count; at += windows) {
    const size_t here = rows.count - at < windows ? rows.count - at : windows, lanes = 2 * here;
    const Floats a = loadFirst(rows.upper + 2 * at, lanes), b = loadFirst(rows.lower + 2 * at, lanes);
    const Floats columns = a > b ? a : b, other = neighbours(columns), most = columns > other ? columns : other;
    const Ints nanA = a != a, nanB = b != b;
    const Ints isNan = nanA | nanB | neighbours(nanA | nanB);
    const Ints hitA = isNan ? nanA : (Ints)(a == most), hitB = isNan ? nanB : (Ints)(b == most);
    const Ints above = hitA | neighbours(hitA);
    const Ints takesA = hitA & ~(isOdd & neighbours(hitA)), takesB = hitB & ~above & ~(isOdd & neighbours(hitB));
    const Floats dy = twice(loadFirst(rows.dy + at, here), LaneNumbers<laneCount>{});
    storeFirst(rows.dUpper + 2 * at, takesA ? dy : Floats{}, lanes);
    storeFirst(rows.dLower + 2 * at, takesB ? dy : Floats{}, lanes);
  }
}

void copyRows(const PlaneRows& plane) {
  for (size_t row = 0; row < plane.rows; row++) {
    const UnalignedFloat* from = plane.from + row * plane.fromStride;
    UnalignedFloat* to = plane.to + row * plane.toStride;
    forEachVector(plane.columns, [&](size_t i, size_t lanes)
                                     PARE_INLINE_LAMBDA { storeFirst(to + i, loadFirst(from + i, lanes), lanes); });
  }
}

void addRows(const PlaneRows& plane) {
  for (size_t row = 0; row < plane.rows; row++) {
    const UnalignedFloat* from = plane.from + row * plane.fromStride;
    UnalignedFloat* to = plane.to + row * plane.toStride;
    forEachVector(plane.columns, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
      storeFirst(to + i, loadFirst(to + i, lanes) + loadFirst(from + i, lanes), lanes);
    });
  }
}

}  // namespace

extern const GradientKernels gradientKernels;
const GradientKernels gradientKernels{.gelu = gelu,
                                      .geluTanh = geluTanh,
                                      .softmaxRows = softmaxRows,
                                      .layerNormRows = layerNormRows,
                                      .maxPoolPairs = maxPoolPairs,
                                      .copyRows = copyRows,
                                      .addRows = addRows};

}  // namespace pare::PARE_LEVEL
