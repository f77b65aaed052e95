// Running reductions: float32 by its kernels, other types element by element.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/nan.h"
#include "engine/reduce.h"
#include "engine/run.h"

namespace pare {
namespace {

using Axes = std::vector<size_t>;

struct ReduceState : NodeState {
  bool takesInput = false;  // axes from an input, whose elements a run must check
};

// What is accumulated in: integers stay integers of their size, whatever overflows; floats are summed in float64.
template <class T, Reduction reduction>
struct Fold {
  static constexpr bool isReal = std::is_floating_point_v<T> || reduction == Reduction::l2 ||
                                 reduction == Reduction::logSum || reduction == Reduction::logSumExp;
  using Sum = std::conditional_t<isReal, double, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

  static Sum start() {
    if constexpr (reduction == Reduction::product) return 1;
    if constexpr (reduction == Reduction::max || reduction == Reduction::logSumExp)
      return isReal ? static_cast<Sum>(-HUGE_VAL) : static_cast<Sum>(std::numeric_limits<T>::lowest());
    if constexpr (reduction == Reduction::min)
      return isReal ? static_cast<Sum>(HUGE_VAL) : static_cast<Sum>(std::numeric_limits<T>::max());
    return 0;
  }
  static void add(Sum& sum, Sum x) {
    // Overflow wraps: no undefined behaviour for signed numbers.
    using Plain = std::conditional_t<isReal, double, uint64_t>;
    const auto plus = [](Sum a, Sum b) { return static_cast<Sum>(static_cast<Plain>(a) + static_cast<Plain>(b)); };
    const auto times = [](Sum a, Sum b) { return static_cast<Sum>(static_cast<Plain>(a) * static_cast<Plain>(b)); };
    switch (reduction) {
      case Reduction::max:
        // NaN stays, as it does in float32.
        if (x > sum || isNan(x)) sum = x;
        break;
      case Reduction::min:
        if (x < sum || isNan(x)) sum = x;
        break;
      case Reduction::product:
        sum = times(sum, x);
        break;
      case Reduction::sumSquare:
      case Reduction::l2:
        sum = plus(sum, times(x, x));
        break;
      case Reduction::l1:
        sum = plus(sum, x < Sum{} ? static_cast<Sum>(Plain{} - static_cast<Plain>(x)) : x);
        break;
      case Reduction::logSumExp:
        break;
      default:
        sum = plus(sum, x);
    }
  }
  static T end(Sum sum, size_t count) {
    switch (reduction) {
      case Reduction::mean:
        if constexpr (isReal) return static_cast<T>(sum / static_cast<double>(count));
        return count == 0 ? T{} : static_cast<T>(sum / static_cast<Sum>(count));
      case Reduction::l2:
        return static_cast<T>(std::sqrt(static_cast<double>(sum)));
      case Reduction::logSum:
        return static_cast<T>(std::log(static_cast<double>(sum)));
      default:
        return static_cast<T>(sum);
    }
  }
};

// The elements that a result is made of: neighbouring dimensions that are all kept, or all reduced, are one; the
// longest of the reduced ones is a run, and where it begins for every place along the others is written down.
class Walk {
 public:
  Walk(std::span<const int64_t> dims, const Axes& axes) {
    std::vector<Dim> reduced;
    bool wasReduced = false;
    size_t step = 1;
    for (size_t i = dims.size(); i-- > 0;) {
      const auto size = static_cast<size_t>(dims[i]);
      if (size == 1) continue;
      const bool isReduced = std::binary_search(axes.begin(), axes.end(), i);
      std::vector<Dim>& list = isReduced ? reduced : kept_;
      if (!list.empty() && isReduced == wasReduced)
        list.back().size *= size;
      else
        list.push_back({size, step});
      wasReduced = isReduced;
      step *= size;
    }
    for (size_t i = 1; i < reduced.size(); i++)
      if (reduced[i].size > reduced[0].size) std::swap(reduced[0], reduced[i]);
    if (!reduced.empty()) run_ = reduced[0];
    for (size_t d = 1; d < reduced.size(); d++) {
      std::vector<size_t> next;
      next.reserve(offsets_.size() * reduced[d].size);
      for (size_t i = 0; i < reduced[d].size; i++)
        for (const size_t offset : offsets_) next.push_back(offset + i * reduced[d].step);
      offsets_ = std::move(next);
    }
  }
  size_t begin(size_t result) const {
    size_t at = 0;
    for (const Dim& dim : kept_) {
      at += result % dim.size * dim.step;
      result /= dim.size;
    }
    return at;
  }
  size_t count() const { return offsets_.size() * run_.size; }
  template <class Element>
  void forEach(size_t begin, const Element& element) const {
    for (const size_t offset : offsets_)
      for (size_t i = 0; i < run_.size; i++) element(begin + offset + i * run_.step);
  }

 private:
  struct Dim {
    size_t size = 1, step = 1;
  };
  std::vector<Dim> kept_;  // the last first
  Dim run_;
  std::vector<size_t> offsets_{0};
};

template <class T, Reduction reduction>
Status reduceAs(const RunContext& c, const Axes& axes) {
  using F = Fold<T, reduction>;
  using Sum = typename F::Sum;
  const TensorView &x = c.in(0), &y = c.out(0);
  const Walk walk(x.dims, axes);
  const auto* in = x.as<T>();
  auto* out = y.as<T>();
  const size_t each = std::max<size_t>(1, elementwiseGrain / std::max<size_t>(1, walk.count()));
  c.execution->forEachChunk(y.count(), each, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t first = walk.begin(i);
      Sum sum = F::start();
      if constexpr (reduction == Reduction::logSumExp) {
        walk.forEach(first, [&](size_t at) { sum = std::max(sum, static_cast<Sum>(in[at])); });
        double total = 0;
        if (std::isfinite(sum)) {
          walk.forEach(first, [&](size_t at) { total += std::exp(static_cast<double>(in[at]) - sum); });
          sum += std::log(total);
        }
      } else {
        walk.forEach(first, [&](size_t at) { F::add(sum, static_cast<Sum>(in[at])); });
      }
      out[i] = F::end(sum, walk.count());
    }
  });
  return c.execution->outcome();
}

template <Reduction reduction>
Status reduceAny(const RunContext& c, const Axes& axes) {
  const TensorView& x = c.in(0);
  switch (x.dtype) {
    case DataType::float32:
      return reduce(*c.execution, reduction, x.floats(), x.dims, axes, c.out(0).floats());
    case DataType::float64:
      return reduceAs<double, reduction>(c, axes);
    case DataType::int8:
      return reduceAs<int8_t, reduction>(c, axes);
    case DataType::uint8:
    case DataType::boolean:
      return reduceAs<uint8_t, reduction>(c, axes);
    case DataType::int32:
      return reduceAs<int32_t, reduction>(c, axes);
    case DataType::uint32:
      return reduceAs<uint32_t, reduction>(c, axes);
    case DataType::uint64:
      return reduceAs<uint64_t, reduction>(c, axes);
    default:
      return reduceAs<int64_t, reduction>(c, axes);
  }
}

template <Reduction reduction>
Status prepareReduce(PrepareContext& c) {
  using namespace types;
  c.make<ReduceState>().takesInput = c.has(1) && !c.constant(1);
  constexpr bool isExtreme = reduction == Reduction::max || reduction == Reduction::min;
  return c.needType(f32 | f64 | i8 | u8 | i32 | u32 | i64 | u64 | (isExtreme ? boolean : TypeSet{}));
}

// False where nothing is reduced.
Status readAxes(const RunContext& c, Axes& axes, bool& reduces) {
  const NodeReader reader = c.reader();
  const size_t rank = c.in(0).rank();
  std::vector<int64_t> given;
  if (c.has(1)) {
    const auto* list = c.in(1).as<int64_t>();
    for (size_t i = 0; i < c.in(1).count(); i++) given.push_back(int64_t{list[i]});
  } else {
    given = reader.integers("axes").value_or(std::vector<int64_t>());
  }
  reduces = !given.empty() || reader.integer("noop_with_empty_axes") == 0;
  const auto count = static_cast<int64_t>(rank);
  for (const int64_t axis : given) {
    if (axis < -count || axis >= count)
      return Status::shape(reader.label() + ": one of axes is " + std::to_string(axis) + "; it must be between " +
                           std::to_string(-count) + " and " + std::to_string(count - 1) + ".");
    axes.push_back(static_cast<size_t>(axis < 0 ? axis + count : axis));
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    return Status::shape(reader.label() + ": an axis is given twice.");
  if (given.empty() && reduces)
    for (size_t axis = 0; axis < rank; axis++) axes.push_back(axis);
  return Status::success();
}

template <Reduction reduction>
Status runReduce(RunContext& c) {
  Axes axes;
  bool reduces = true;
  if (Status status = readAxes(c, axes, reduces); !status.ok()) return status;
  const TensorView& x = c.in(0);
  if (c.state<ReduceState>().takesInput) {
    const bool keeps = c.reader().integer("keepdims") != 0;
    std::vector<int64_t> dims;
    for (size_t axis = 0; axis < x.rank(); axis++) {
      const bool isReduced = std::binary_search(axes.begin(), axes.end(), axis);
      if (!isReduced || keeps) dims.push_back(isReduced ? 1 : x.dims[axis]);
    }
    if (Status status = c.allocate(0, dims); !status.ok()) return status;
  }
  if (!reduces) {
    if (x.byteLength() > 0) std::memcpy(c.out(0).data, x.data, x.byteLength());
    return Status::success();
  }
  return reduceAny<reduction>(c, axes);
}

#define PARE_REDUCE(name, reduction) \
  { name, runReduce<Reduction::reduction>, prepareReduce<Reduction::reduction> }
const OpRuns runs({
    PARE_REDUCE("ReduceSum", sum),
    PARE_REDUCE("ReduceMean", mean),
    PARE_REDUCE("ReduceMax", max),
    PARE_REDUCE("ReduceMin", min),
    PARE_REDUCE("ReduceProd", product),
    PARE_REDUCE("ReduceSumSquare", sumSquare),
    PARE_REDUCE("ReduceL1", l1),
    PARE_REDUCE("ReduceL2", l2),
    PARE_REDUCE("ReduceLogSum", logSum),
    PARE_REDUCE("ReduceLogSumExp", logSumExp),
});
#undef PARE_REDUCE

}  // namespace
}  // namespace pare
