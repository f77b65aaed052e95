// Extents and histograms of floats (see histogram.h).
#include "kernels/histogram.h"

#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr float infinity = __builtin_inff();

void extent(const UnalignedFloat* in, size_t count, Extent* extent) {
  Floats lows = Floats{} + extent->low, highs = Floats{} + extent->high;
  Ints nans = {}, infinities = {};
  const auto add = [&](Floats x) {
    const Ints magnitude = (Ints)x & 0x7fffffff;
    const Ints isNan = magnitude > 0x7f800000, isInfinite = magnitude == 0x7f800000;
    const Ints isFinite = magnitude < 0x7f800000;
    nans += isNan;
    infinities += isInfinite;
    lows = (isFinite & (x < lows)) ? x : lows;
    highs = (isFinite & (x > highs)) ? x : highs;
  };
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount) add(load<Floats>(in + i));
  for (; i < count; i++) {
    const float x = in[i], magnitude = __builtin_fabsf(x);
    extent->nanCount += x != x;
    extent->infiniteCount += magnitude == infinity;
    if (!(magnitude < infinity)) continue;
    if (x < lows[0]) lows[0] = x;
    if (x > highs[0]) highs[0] = x;
  }
  for (size_t lane = 0; lane < laneCount; lane++) {
    if (lows[lane] < extent->low) extent->low = lows[lane];
    if (highs[lane] > extent->high) extent->high = highs[lane];
  }
  extent->nanCount += countOf(nans);
  extent->infiniteCount += countOf(infinities);
}

constexpr size_t blockSize = 256;  // guesses fit the first-level cache beside counts and edges

void count(const UnalignedFloat* in, size_t count, const float* edges, size_t binCount, uint64_t* counts) {
  if (binCount == 0) return;
  const float first = edges[0], last = edges[binCount];
  const double width = (static_cast<double>(last) - first) / static_cast<double>(binCount);
  const double perWidth = width > 0 ? 1 / width : 0;
  const auto lastBin = static_cast<int32_t>(binCount - 1);
  int32_t guesses[blockSize];
  for (size_t begin = 0; begin < count; begin += blockSize) {
    const size_t size = count - begin < blockSize ? count - begin : blockSize;
    for (size_t i = 0; i < size; i++) {
      const float x = in[begin + i];
      const bool inside = x >= first && x <= last;
      const double place = inside ? (static_cast<double>(x) - first) * perWidth : 0.0;
      const double bounded = place < lastBin ? place : lastBin;
      guesses[i] = inside ? static_cast<int32_t>(bounded) : -1;
    }
    for (size_t i = 0; i < size; i++) {
      int32_t bin = guesses[i];
      if (bin < 0) continue;
      const float x = in[begin + i];
      while (bin > 0 && x < edges[bin]) bin--;
      while (bin < lastBin && x >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
  }
}

}  // namespace

extern const HistogramKernels histogramKernels;
const HistogramKernels histogramKernels{extent, count};

}  // namespace pare::PARE_LEVEL
