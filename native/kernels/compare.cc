// Sums over pairs (see compare.h), in eight lanes so that the order of additions is stated and the loop is a vector's.
#include "kernels/compare.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t laneCount = 8;

struct Lanes {
  double maxError[laneCount] = {}, sumError[laneCount] = {}, sumSquareA[laneCount] = {}, sumSquareB[laneCount] = {},
         sumSquareError[laneCount] = {}, dot[laneCount] = {};
  uint64_t nans[laneCount] = {};

  void add(size_t lane, float a, float b) {
    const bool isNan = a != a || b != b;
    // Equal values cover equal infinities, whose difference would be NaN.
    const bool infinite = a == b && __builtin_fabsf(a) > 0x1.fffffep127f;
    const bool out = isNan || infinite;
    const double x = out ? 0.0 : static_cast<double>(a), y = out ? 0.0 : static_cast<double>(b);
    const double error = __builtin_fabs(x - y);
    nans[lane] += isNan;
    maxError[lane] = error > maxError[lane] ? error : maxError[lane];
    sumError[lane] += error;
    sumSquareA[lane] += x * x;
    sumSquareB[lane] += y * y;
    sumSquareError[lane] += error * error;
    dot[lane] += x * y;
  }
};

void compare(const UnalignedFloat* a, const UnalignedFloat* b, size_t count, Comparison* sums) {
  Lanes lanes;
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount)
    for (size_t lane = 0; lane < laneCount; lane++) lanes.add(lane, a[i + lane], b[i + lane]);
  for (size_t lane = 0; i + lane < count; lane++) lanes.add(lane, a[i + lane], b[i + lane]);
  uint64_t nans = 0;
  for (size_t lane = 0; lane < laneCount; lane++) {
    sums->maxError = lanes.maxError[lane] > sums->maxError ? lanes.maxError[lane] : sums->maxError;
    sums->sumError += lanes.sumError[lane];
    sums->sumSquareA += lanes.sumSquareA[lane];
    sums->sumSquareB += lanes.sumSquareB[lane];
    sums->sumSquareError += lanes.sumSquareError[lane];
    sums->dot += lanes.dot[lane];
    nans += lanes.nans[lane];
  }
  sums->nanCount += nans;
  sums->count += count - nans;
}

constexpr size_t errorLaneCount = 16;

struct ErrorLanes {
  double signal[errorLaneCount] = {}, noise[errorLaneCount] = {};
  float maxError[errorLaneCount] = {};
  uint32_t counts[errorLaneCount] = {};

  void add(size_t lane, float x, float restored) {
    const bool finite = __builtin_fabsf(x) <= 0x1.fffffep127f;
    const float difference = __builtin_fabsf(x - restored);
    const float value = finite ? x : 0.0f, error = finite ? difference : 0.0f;
    const double wideValue = value, wideError = error;
    counts[lane] += finite;
    maxError[lane] = error > maxError[lane] ? error : maxError[lane];
    signal[lane] += wideValue * wideValue;
    noise[lane] += wideError * wideError;
  }
};

void error(const UnalignedFloat* x, size_t stride, const float* restored, size_t rowCount, size_t columnCount,
           QuantizationError* sums) {
  ErrorLanes lanes;
  for (size_t row = 0; row < rowCount; row++, x += stride, restored += columnCount) {
    size_t i = 0;
    for (; i + errorLaneCount <= columnCount; i += errorLaneCount)
      for (size_t lane = 0; lane < errorLaneCount; lane++) lanes.add(lane, x[i + lane], restored[i + lane]);
    for (size_t lane = 0; i + lane < columnCount; lane++) lanes.add(lane, x[i + lane], restored[i + lane]);
  }
  for (size_t lane = 0; lane < errorLaneCount; lane++) {
    const double largest = lanes.maxError[lane];
    sums->maxError = largest > sums->maxError ? largest : sums->maxError;
    sums->signal += lanes.signal[lane];
    sums->noise += lanes.noise[lane];
    sums->count += lanes.counts[lane];
  }
}

}  // namespace

extern const CompareKernels compareKernels;
const CompareKernels compareKernels{compare, error};

}  // namespace pare::PARE_LEVEL
