// Softmax (see softmax.h).
#include "kernels/softmax.h"

#include "kernels/math-inline.h"
#include "kernels/row-sums.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

template <bool logarithm>
void rows(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride, size_t rowCount,
          size_t columnCount) {
  for (size_t row = 0; row < rowCount; row++, in += inStride, out += outStride) {
    const Floats most = broadcast(largestElement(in, columnCount));
    double sum;
    sumRow<1>(columnCount, &sum, [&](size_t i, size_t lanes, Floats(&total)[1]) PARE_INLINE_LAMBDA {
      const Floats e = expOf(loadFirst(in + i, lanes) - most);
      if constexpr (!logarithm) storeFirst(out + i, e, lanes);
      total[0] += keepFirst(e, lanes, Floats{});
    });
    if constexpr (logarithm) {
      const Floats logSum = logOf(broadcast(static_cast<float>(sum)));
      forEachVector(columnCount, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
        storeFirst(out + i, loadFirst(in + i, lanes) - most - logSum, lanes);
      });
    } else {
      const Floats factor = broadcast(static_cast<float>(1 / sum));
      forEachVector(columnCount, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA {
        storeFirst(out + i, loadFirst(out + i, lanes) * factor, lanes);
      });
    }
  }
}

// Some vectors of columns, of which the last has `lanes` lanes.
template <bool logarithm, int vectors>
PARE_INLINE void columnGroup(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride,
                             size_t rowCount, size_t lanes) {
  const auto lanesOf = [&](int v) PARE_INLINE_LAMBDA { return v + 1 < vectors ? laneCount : lanes; };
  const auto valueAt = [&](size_t row, int v) PARE_INLINE_LAMBDA {
    return loadFirst(in + row * inStride + static_cast<size_t>(v) * laneCount, lanesOf(v));
  };
  const auto resultAt = [&](size_t row, int v)
                            PARE_INLINE_LAMBDA { return out + row * outStride + static_cast<size_t>(v) * laneCount; };
  Floats most[vectors], final[vectors];
  WideSum sum[vectors];
  for (int v = 0; v < vectors; v++) most[v] = broadcast(-infinity);
  for (size_t row = 0; row < rowCount; row++)
    for (int v = 0; v < vectors; v++) most[v] = atLeast(most[v], valueAt(row, v));
  for (size_t row = 0; row < rowCount;) {
    Floats total[vectors] = {};
    for (const size_t end = rowCount - row < narrowAdditions ? rowCount : row + narrowAdditions; row < end; row++)
      for (int v = 0; v < vectors; v++) {
        const Floats e = expOf(valueAt(row, v) - most[v]);
        if constexpr (!logarithm) storeFirst(resultAt(row, v), e, lanesOf(v));
        total[v] += e;
      }
    for (int v = 0; v < vectors; v++) sum[v].add(total[v]);
  }
  for (int v = 0; v < vectors; v++) {
    const Floats total = narrow(sum[v].low, sum[v].high);
    final[v] = logarithm ? logOf(total) : 1.0f / total;
  }
  for (size_t row = 0; row < rowCount; row++)
    for (int v = 0; v < vectors; v++) {
      const Floats result =
          logarithm ? valueAt(row, v) - most[v] - final[v] : loadFirst(resultAt(row, v), lanesOf(v)) * final[v];
      storeFirst(resultAt(row, v), result, lanesOf(v));
    }
}

template <bool logarithm>
void columns(const UnalignedFloat* in, size_t inStride, UnalignedFloat* out, size_t outStride, size_t rowCount,
             size_t columnCount) {
  constexpr int vectors = 4;  // whole lines of the cache, and chains that do not wait for each other
  size_t i = 0;
  for (; i + vectors * laneCount <= columnCount; i += vectors * laneCount)
    columnGroup<logarithm, vectors>(in + i, inStride, out + i, outStride, rowCount, laneCount);
  forEachVector(columnCount - i, [&](size_t at, size_t lanes) {
    columnGroup<logarithm, 1>(in + i + at, inStride, out + i + at, outStride, rowCount, lanes);
  });
}

}  // namespace

extern const SoftmaxKernels softmaxKernels;
const SoftmaxKernels softmaxKernels{rows<false>, rows<true>, columns<false>, columns<true>};

}  // namespace pare::PARE_LEVEL
