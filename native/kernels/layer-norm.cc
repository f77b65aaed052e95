// Normalization of rows (see layer-norm.h).
#include "kernels/layer-norm.h"

#include "kernels/row-sums.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

// s of one vector.
PARE_INLINE Floats sumOfInputs(const LayerNormRows& rows, size_t start, size_t i, size_t lanes) {
  Floats s = loadFirst(rows.in + start + i, lanes);
  if (rows.skip) s += loadFirst(rows.skip + start + i, lanes);
  if (rows.addend) s += loadFirst(rows.addend + i, lanes);
  return s;
}

// Σ(s − center) and Σ(s − center)².
template <class Value>
PARE_INLINE void measure(size_t length, Floats center, double* sums, Value&& value) {
  sumRow<2>(length, sums, [&](size_t i, size_t lanes, Floats(&totals)[2]) PARE_INLINE_LAMBDA {
    const Floats d = keepFirst(value(i, lanes) - center, lanes, Floats{});
    totals[0] += d;
    totals[1] = fused(d, d, totals[1]);
  });
}

// y = (s − mean − rest) · factor · scale + bias
template <bool centered, bool scaled, bool biased>
PARE_INLINE void finish(const LayerNormRows& rows, const UnalignedFloat* s, Floats mean, Floats rest, Floats factor,
                        UnalignedFloat* out) {
  forEachVector(rows.length, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
    Floats y = loadFirst(s + i, lanes);
    if constexpr (centered) y = y - mean - rest;
    y *= factor;
    if constexpr (scaled && biased)
      y = fused(y, loadFirst(rows.scale + i, lanes), loadFirst(rows.bias + i, lanes));
    else if constexpr (scaled)
      y *= loadFirst(rows.scale + i, lanes);
    else if constexpr (biased)
      y += loadFirst(rows.bias + i, lanes);
    storeFirst(out + i, y, lanes);
  });
}

template <bool centered>
void normalizeRows(const LayerNormRows& rows) {
  const auto count = static_cast<double>(rows.length);
  const bool adds = rows.skip || rows.addend;
  const size_t firstLanes = rows.length < laneCount ? rows.length : laneCount;
  for (size_t row = 0; row < rows.rowCount; row++) {
    const size_t start = row * rows.length;
    UnalignedFloat* out = rows.out + start;
    UnalignedFloat* to = rows.sum ? rows.sum + start : out;
    const UnalignedFloat* s = adds ? to : rows.in + start;
    // Near the mean, as far as the first elements tell.
    float mean = 0;
    if constexpr (centered)
      mean = foldLanes(keepFirst(sumOfInputs(rows, start, 0, firstLanes), firstLanes, Floats{}),
                       [](Floats a, Floats b) PARE_INLINE_LAMBDA { return a + b; }) /
             static_cast<float>(firstLanes);
    double sums[2];
    if (adds) {
      measure(rows.length, broadcast(mean), sums, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
        const Floats value = sumOfInputs(rows, start, i, lanes);
        storeFirst(to + i, value, lanes);
        return value;
      });
    } else {
      measure(rows.length, broadcast(mean), sums,
              [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA { return loadFirst(s + i, lanes); });
    }
    double rest = 0, variance = sums[1] / count;
    if constexpr (centered) {
      const auto step = [&] {
        const double exact = mean + sums[0] / count;
        mean = static_cast<float>(exact);
        rest = exact - mean;
      };
      double offset = sums[0] / count;
      variance -= offset * offset;
      step();
      if (offset * offset > variance) {
        // Too far from the mean: the difference has lost places.
        measure(rows.length, broadcast(mean), sums,
                [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA { return loadFirst(s + i, lanes); });
        offset = sums[0] / count;
        variance = sums[1] / count - offset * offset;
        step();
      }
      if (rows.mean) rows.mean[row] = mean;
    }
    const float inverse = 1 / __builtin_sqrtf(static_cast<float>(variance + static_cast<double>(rows.epsilon)));
    if (rows.inverseDeviation) rows.inverseDeviation[row] = inverse;
    const Floats center = broadcast(mean), correction = broadcast(static_cast<float>(rest)),
                 factor = broadcast(inverse);
    if (rows.scale && rows.bias)
      finish<centered, true, true>(rows, s, center, correction, factor, out);
    else if (rows.scale)
      finish<centered, true, false>(rows, s, center, correction, factor, out);
    else if (rows.bias)
      finish<centered, false, true>(rows, s, center, correction, factor, out);
    else
      finish<centered, false, false>(rows, s, center, correction, factor, out);
  }
}

void normalize(const LayerNormRows& rows) {
  if (rows.centered)
    normalizeRows<true>(rows);
  else
    normalizeRows<false>(rows);
}

}  // namespace

extern const LayerNormKernels layerNormKernels;
const LayerNormKernels layerNormKernels{normalize};

}  // namespace pare::PARE_LEVEL
