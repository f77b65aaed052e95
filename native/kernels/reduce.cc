// Reductions (see reduce.h): one accumulator, of a vector of lanes, for each accumulation. Rows have several of them
// and merge them at last; columns have one a vector of columns.
#include "kernels/reduce.h"

#include "kernels/math-inline.h"
#include "kernels/row-sums.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

PARE_INLINE double ended(double value, const ReductionEnd& end) {
  value /= end.divisor;
  if (end.function == ReductionEnd::Function::squareRoot) return __builtin_sqrt(value);
  if (end.function == ReductionEnd::Function::logarithm) return __builtin_log(value);
  return value;
}
PARE_INLINE Doubles ended(Doubles value, const ReductionEnd& end) {
  value /= end.divisor - Doubles{};
  if (end.function != ReductionEnd::Function::none)
    for (size_t lane = 0; lane < doubleLanes; lane++) value[lane] = ended(value[lane], {1, end.function});
  return value;
}

// ---- Accumulators: add a vector; flush after at most narrowAdditions of them; merge another; the lanes' results, or
// that of all lanes together.
template <Accumulation accumulation>
struct Sums {
  Floats narrow_ = Floats{};
  WideSum wide;

  PARE_INLINE static float neutral() { return 0; }
  PARE_INLINE void add(Floats x) {
    if constexpr (accumulation == Accumulation::sum) narrow_ += x;
    if constexpr (accumulation == Accumulation::sumSquare) narrow_ = fused(x, x, narrow_);
    if constexpr (accumulation == Accumulation::sumAbsolute) narrow_ += absoluteOf(x);
  }
  PARE_INLINE void flush() {
    wide.add(narrow_);
    narrow_ = Floats{};
  }
  PARE_INLINE void merge(const Sums& other) {
    wide.low += other.wide.low;
    wide.high += other.wide.high;
  }
  PARE_INLINE Floats lanes(const ReductionEnd& end) const {
    return narrow(ended(wide.low, end), ended(wide.high, end));
  }
  PARE_INLINE float all(const ReductionEnd& end) const { return static_cast<float>(ended(wide.total(), end)); }
};

struct Products {
  Doubles low = Doubles{} + 1, high = Doubles{} + 1;

  PARE_INLINE static float neutral() { return 1; }
  PARE_INLINE void add(Floats x) {
    low *= widenLow(x);
    high *= widenHigh(x);
  }
  PARE_INLINE void flush() {}
  PARE_INLINE void merge(const Products& other) {
    low *= other.low;
    high *= other.high;
  }
  PARE_INLINE Floats lanes(const ReductionEnd& end) const { return narrow(ended(low, end), ended(high, end)); }
  PARE_INLINE float all(const ReductionEnd& end) const {
    const double product = foldLanes(low * high, [](Doubles a, Doubles b) PARE_INLINE_LAMBDA { return a * b; });
    return static_cast<float>(ended(product, end));
  }
};

template <bool smallest>
struct Extremes {
  Floats most = broadcast(smallest ? infinity : -infinity);
  Ints magnitude = Ints{};  // of the largest pattern without its sign, which tells whether there was a NaN

  PARE_INLINE static float neutral() { return smallest ? infinity : -infinity; }
  PARE_INLINE static Floats moreOf(Floats a, Floats b) { return smallest ? atMost(a, b) : atLeast(a, b); }
  PARE_INLINE void add(Floats x) {
    most = moreOf(most, x);
    magnitude = larger(magnitude, bitsOf(absoluteOf(x)));
  }
  PARE_INLINE void flush() {}
  PARE_INLINE void merge(const Extremes& other) {
    most = moreOf(most, other.most);
    magnitude = larger(magnitude, other.magnitude);
  }
  PARE_INLINE Floats lanes(const ReductionEnd&) const {
    return magnitude > __builtin_bit_cast(int32_t, infinity) ? broadcast(__builtin_nanf("")) : most;
  }
  PARE_INLINE float all(const ReductionEnd&) const {
    if (largestOf(magnitude) > __builtin_bit_cast(int32_t, infinity)) return __builtin_nanf("");
    return foldLanes(most, [](Floats a, Floats b) PARE_INLINE_LAMBDA { return moreOf(a, b); });
  }
};

template <Accumulation accumulation>
struct AccumulatorOf {
  using Type = Sums<accumulation>;
};
template <>
struct AccumulatorOf<Accumulation::product> {
  using Type = Products;
};
template <>
struct AccumulatorOf<Accumulation::maximum> {
  using Type = Extremes<false>;
};
template <>
struct AccumulatorOf<Accumulation::minimum> {
  using Type = Extremes<true>;
};

// The elements' distance from this stays where e to its power neither overflows nor is lost.
PARE_INLINE float finiteOr0(float x) { return __builtin_fabsf(x) < infinity ? x : 0; }
PARE_INLINE Floats finiteOr0(Floats x) { return absoluteOf(x) < infinity ? x : Floats{}; }

template <Accumulation accumulation>
void rows(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, const ReductionEnd& end,
          UnalignedFloat* out) {
  for (size_t row = 0; row < rowCount; row++, in += stride) {
    if constexpr (accumulation == Accumulation::logSumExp) {
      const float most = finiteOr0(largestElement(in, columnCount));
      double sum;
      sumRow<1>(columnCount, &sum, [&](size_t i, size_t lanes, Floats(&total)[1]) PARE_INLINE_LAMBDA {
        total[0] += keepFirst(expOf(loadFirst(in + i, lanes) - most), lanes, Floats{});
      });
      out[row] = static_cast<float>(static_cast<double>(most) + __builtin_log(sum));
    } else {
      using Accumulator = typename AccumulatorOf<accumulation>::Type;
      Accumulator chains[sumChains];
      for (size_t i = 0; i < columnCount;) {
        const size_t stop = columnCount - i < sumBlock ? columnCount : i + sumBlock;
        for (; i + sumChains * laneCount <= stop; i += sumChains * laneCount) {
#pragma GCC unroll 4
          for (size_t chain = 0; chain < sumChains; chain++)
            chains[chain].add(load<Floats>(in + i + chain * laneCount));
        }
        for (; i + laneCount <= stop; i += laneCount) chains[0].add(load<Floats>(in + i));
        if (i < stop)
          chains[1].add(keepFirst(loadFirst(in + i, stop - i), stop - i, broadcast(Accumulator::neutral())));
        i = stop;
#pragma GCC unroll 4
        for (Accumulator& chain : chains) chain.flush();
      }
      chains[0].merge(chains[1]);
      chains[2].merge(chains[3]);
      chains[0].merge(chains[2]);
      out[row] = chains[0].all(end);
    }
  }
}

// Calls step(chain, vector, address) for all vectors of some rows, as many rows side by side as there are chains, and
// flush() after at most narrowAdditions steps of a chain. Unrolled, so that accumulators stay in registers.
template <int vectors, int chains, class Step, class Flush>
PARE_INLINE void walkDown(const UnalignedFloat* in, size_t stride, size_t rowCount, Step&& step, Flush&& flush) {
  const auto stepRow = [&](int chain) PARE_INLINE_LAMBDA {
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) step(chain, v, in + static_cast<size_t>(v) * laneCount);
    in += stride;
  };
  for (size_t row = 0; row < rowCount;) {
    const size_t end = rowCount - row < narrowAdditions * chains ? rowCount : row + narrowAdditions * chains;
    for (; row + chains <= end; row += chains) {
#pragma GCC unroll 4
      for (int chain = 0; chain < chains; chain++) stepRow(chain);
    }
    for (; row < end; row++) stepRow(0);
    flush();
  }
}

// Some vectors of columns, of which the last has `lanes` lanes.
template <Accumulation accumulation, int vectors>
PARE_INLINE void columnGroup(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t lanes,
                             const ReductionEnd& end, UnalignedFloat* out) {
  constexpr int chains = vectors >= 4 ? 1 : 4 / vectors;
  const auto lanesOf = [&](int v) PARE_INLINE_LAMBDA { return v + 1 < vectors ? laneCount : lanes; };
  // Accumulators down the columns, of what `map` makes of the elements; the first chain ends with all of them.
  const auto accumulate = [&]<class Accumulator>(Accumulator(&all)[chains][vectors], auto&& map) PARE_INLINE_LAMBDA {
    walkDown<vectors, chains>(
        in, stride, rowCount,
        [&](int chain, int v, const UnalignedFloat* from)
            PARE_INLINE_LAMBDA { all[chain][v].add(map(v, loadFirst(from, lanesOf(v)))); },
        [&]() PARE_INLINE_LAMBDA {
#pragma GCC unroll 4
          for (int chain = 0; chain < chains; chain++)
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++) all[chain][v].flush();
        });
#pragma GCC unroll 4
    for (int chain = 1; chain < chains; chain++)
#pragma GCC unroll 8
      for (int v = 0; v < vectors; v++) all[0][v].merge(all[chain][v]);
  };
  const auto asIs = [](int, Floats x) PARE_INLINE_LAMBDA { return x; };
  if constexpr (accumulation == Accumulation::logSumExp) {
    Extremes<false> most[chains][vectors];
    accumulate(most, asIs);
    Floats shift[vectors];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) shift[v] = finiteOr0(most[0][v].most);
    Sums<Accumulation::sum> sums[chains][vectors];
    accumulate(sums, [&](int v, Floats x) PARE_INLINE_LAMBDA { return expOf(x - shift[v]); });
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
      storeFirst(out + static_cast<size_t>(v) * laneCount, shift[v] + logOf(sums[0][v].lanes({})), lanesOf(v));
  } else {
    typename AccumulatorOf<accumulation>::Type all[chains][vectors];
    accumulate(all, asIs);
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++)
      storeFirst(out + static_cast<size_t>(v) * laneCount, all[0][v].lanes(end), lanesOf(v));
  }
}

template <Accumulation accumulation>
void columns(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, const ReductionEnd& end,
             UnalignedFloat* out) {
  size_t i = 0;
  for (; i + 8 * laneCount <= columnCount; i += 8 * laneCount)
    columnGroup<accumulation, 8>(in + i, stride, rowCount, laneCount, end, out + i);
  for (; i + 2 * laneCount <= columnCount; i += 2 * laneCount)
    columnGroup<accumulation, 2>(in + i, stride, rowCount, laneCount, end, out + i);
  for (; i < columnCount; i += laneCount)
    columnGroup<accumulation, 1>(in + i, stride, rowCount, columnCount - i < laneCount ? columnCount - i : laneCount,
                                 end, out + i);
}

// ---- Where the extremes are
// The sign is turned where the smallest is wanted.
PARE_INLINE Floats turned(Floats x, bool smallest) { return floatsOf(bitsOf(x) ^ (smallest ? INT32_MIN : 0)); }

PARE_INLINE Ints isBetter(Floats x, Floats best, bool last) {
  const Ints isNan = x != x, isGreater = last ? x >= best : x > best;
  return isGreater | (last ? isNan : isNan & (best == best));
}

void rowExtremes(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, bool smallest, bool last,
                 Unaligned<int64_t>::Type* out) {
  for (size_t row = 0; row < rowCount; row++, in += stride) {
    const size_t first = columnCount < laneCount ? columnCount : laneCount;
    Floats best = turned(loadFirst(in, first), smallest);
    Ints index = laneNumbers();
    size_t i = first;
    for (; i + laneCount <= columnCount; i += laneCount) {
      const Floats x = turned(load<Floats>(in + i), smallest);
      const Ints better = isBetter(x, best, last);
      best = better ? x : best;
      index = better ? laneNumbers() + static_cast<int32_t>(i) : index;
    }
    float bestOfAll = best[0];
    int32_t found = index[0];
    const auto consider = [&](float x, int32_t at) {
      const bool isNan = x != x, bestIsNan = bestOfAll != bestOfAll;
      const bool isEqual = x == bestOfAll || (isNan && bestIsNan);
      if (isEqual ? (last ? at > found : at < found) : x > bestOfAll || (isNan && !bestIsNan)) {
        bestOfAll = x;
        found = at;
      }
    };
    for (size_t lane = 1; lane < first; lane++) consider(best[lane], index[lane]);
    for (; i < columnCount; i++) consider(smallest ? -in[i] : in[i], static_cast<int32_t>(i));
    out[row] = found;
  }
}

void columnExtremes(const UnalignedFloat* in, size_t stride, size_t rowCount, size_t columnCount, bool smallest,
                    bool last, Unaligned<int64_t>::Type* out) {
  forEachVector(columnCount, [&](size_t i, size_t lanes) {
    Floats best = turned(loadFirst(in + i, lanes), smallest);
    Ints index = Ints{};
    for (size_t row = 1; row < rowCount; row++) {
      const Floats x = turned(loadFirst(in + row * stride + i, lanes), smallest);
      const Ints better = isBetter(x, best, last);
      best = better ? x : best;
      index = better ? Ints{} + static_cast<int32_t>(row) : index;
    }
    for (size_t lane = 0; lane < lanes; lane++) out[i + lane] = index[lane];
  });
}

template <int... accumulations>
constexpr ReduceKernels kernelsOf(Lanes<accumulations...>) {
  return {{rows<static_cast<Accumulation>(accumulations)>...},
          {columns<static_cast<Accumulation>(accumulations)>...},
          rowExtremes,
          columnExtremes};
}

}  // namespace

extern const ReduceKernels reduceKernels;
const ReduceKernels reduceKernels = kernelsOf(LaneNumbers<accumulationCount>{});

}  // namespace pare::PARE_LEVEL
