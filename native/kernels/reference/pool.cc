// The slow, obvious version of pool.h: sums in double.
#include "kernels/pool.h"

#include <cmath>
#include <limits>

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

size_t scratchFloats(const PoolPlanes&) { return 0; }

float poolAt(const PoolPlanes& of, const UnalignedFloat* x, const size_t (&place)[3]) {
  const PoolAxis* axes = of.axes;
  double sum = 0, largest = -std::numeric_limits<double>::infinity();
  size_t count = 1;
  for (size_t axis = 0; axis < 3; axis++) count *= axes[axis].count(place[axis], of.countsPadding);
  for (size_t d = 0; d < axes[0].kernel; d++)
    for (size_t h = 0; h < axes[1].kernel; h++)
      for (size_t w = 0; w < axes[2].kernel; w++) {
        const size_t step[3] = {d, h, w};
        size_t at = 0;
        bool isInside = true;
        for (size_t axis = 0; axis < 3; axis++) {
          const size_t padded = place[axis] * axes[axis].stride + step[axis] * axes[axis].dilation;
          isInside &= padded >= axes[axis].padBegin && padded < axes[axis].padBegin + axes[axis].input;
          at = at * axes[axis].input + padded - axes[axis].padBegin;
        }
        if (!isInside) continue;
        const double value = x[at];
        if (!(value <= largest) && !std::isnan(largest)) largest = value;
        sum += of.kind == PoolKind::lp ? std::pow(std::fabs(value), static_cast<double>(of.power)) : value;
      }
  switch (of.kind) {
    case PoolKind::max:
      return static_cast<float>(largest);
    case PoolKind::average:
      return static_cast<float>(sum / static_cast<double>(count));
    case PoolKind::lp:
      return static_cast<float>(std::pow(sum, 1 / static_cast<double>(of.power)));
  }
  return 0;
}

void compute(const PoolPlanes& of) {
  const PoolAxis* axes = of.axes;
  const size_t inputs = axes[0].input * axes[1].input * axes[2].input;
  for (size_t plane = of.firstPlane; plane < of.endPlane; plane++)
    for (size_t row = of.firstRow; row < of.endRow; row++)
      for (size_t w = 0; w < axes[2].output; w++)
        of.y[(plane * axes[0].output * axes[1].output + row) * axes[2].output + w] =
            poolAt(of, of.x + plane * inputs, {row / axes[1].output, row % axes[1].output, w});
}

}  // namespace

extern const PoolKernels poolKernels;
const PoolKernels poolKernels{.scratchFloats = scratchFloats, .compute = compute};

}  // namespace pare::PARE_LEVEL
