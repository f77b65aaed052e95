// Running what goes along one axis: ArgMax, ArgMin, Hardmax, CumSum, OneHot.
#include <algorithm>
#include <cmath>

#include "engine/nan.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

// A tensor as [outer, size, inner] about an axis.
struct Along {
  size_t outer, size, inner;
};

Along along(const TensorView& x, int64_t axis) {
  const auto at = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(x.rank()) : axis);
  if (at >= x.rank()) return {1, 1, x.count()};  // a number has no axis
  return {x.outer(at), static_cast<size_t>(x.dims[at]), x.inner(at + 1)};
}

// Visits blocks of columns: visit(outer, first column, end column). One row of columns is read in the order of memory.
template <class Visit>
void forEachColumns(const Execution& execution, const Along& a, Visit&& visit) {
  constexpr size_t most = 256;
  if (a.outer == 0 || a.inner == 0) return;
  const size_t blocks = (a.inner + most - 1) / most, count = a.outer * blocks;
  const size_t each = std::max<size_t>(1, std::min(a.inner, most) * std::max<size_t>(a.size, 1));
  execution.forEachChunk(count, std::max<size_t>(1, elementwiseGrain / each), [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t column = i % blocks * most;
      visit(i / blocks, column, std::min(a.inner, column + most));
    }
  });
}

// Where the best element of each column is: the first or the last of equal ones. NaN is above all numbers, and below
// all in the search for the least, so that the first one is found.
template <class T, bool wantsLargest>
struct Best {
  T value[256];
  int64_t at[256];

  void find(const TensorView& tensor, const Along& a, size_t outer, size_t begin, size_t end, bool wantsLast) {
    const size_t count = end - begin;
    const auto* x = tensor.as<T>() + outer * a.size * a.inner + begin;
    for (size_t j = 0; j < count; j++) {
      value[j] = x[j];
      at[j] = 0;
    }
    for (size_t i = 1; i < a.size; i++) {
      x += a.inner;
      const auto index = static_cast<int64_t>(i);
      for (size_t j = 0; j < count; j++) {
        const T other = x[j];
        bool takes = wantsLargest ? other > value[j] : other < value[j];
        if (wantsLast) takes = takes || other == value[j];
        if constexpr (std::is_floating_point_v<T>)
          takes = (takes && !isNan(value[j])) || (isNan(other) && (wantsLast || !isNan(value[j])));
        if (!takes) continue;
        value[j] = other;
        at[j] = index;
      }
    }
  }
};

template <bool wantsLargest>
Status runArg(RunContext& c) {
  const TensorView& x = c.in(0);
  const NodeReader reader = c.reader();
  const Along a = along(x, reader.integer("axis"));
  const bool wantsLast = reader.integer("select_last_index") != 0;
  if (a.size == 0 && a.outer * a.inner > 0)
    return Status::shape(reader.label() + ": the axis has no elements, so that none is the best");
  auto* out = c.out(0).as<int64_t>();
  return visitType(x.dtype, [&]<class T>() {
    forEachColumns(*c.execution, a, [&](size_t outer, size_t begin, size_t end) {
      Best<T, wantsLargest> best;
      best.find(x, a, outer, begin, end, wantsLast);
      for (size_t j = begin; j < end; j++) out[outer * a.inner + j] = best.at[j - begin];
    });
    return c.execution->outcome();
  });
}
Status prepareVisited(PrepareContext& c) { return c.needType(visitedTypes); }

// One at the first of the largest elements, zero elsewhere. Before opset 13 all axes from the given one on are one.
Status runHardmax(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  Along a = along(x, c.reader().integer("axis"));
  if (c.opset < 13) a = {a.outer, a.size * a.inner, 1};
  if (a.size == 0) return Status::success();
  return visitType(x.dtype, [&]<class T>() {
    forEachColumns(*c.execution, a, [&](size_t outer, size_t begin, size_t end) {
      Best<T, true> best;
      best.find(x, a, outer, begin, end, false);
      auto* to = y.as<T>() + outer * a.size * a.inner;
      for (size_t i = 0; i < a.size; i++)
        for (size_t j = begin; j < end; j++) to[i * a.inner + j] = 0;
      for (size_t j = begin; j < end; j++) to[static_cast<size_t>(best.at[j - begin]) * a.inner + j] = 1;
    });
    return c.execution->outcome();
  });
}
Status prepareHardmax(PrepareContext& c) { return c.needType(types::f32 | types::f64); }

// An integer that an op reads as an axis, an index or a size.
int64_t integerOf(const TensorView& tensor, size_t at = 0) {
  return tensor.dtype == DataType::int32 ? tensor.as<int32_t>()[at] : tensor.as<int64_t>()[at];
}

Status runCumSum(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const NodeReader reader = c.reader();
  if (c.in(1).count() != 1) return Status::shape(reader.label() + ": axis must be one number");
  const int64_t axis = integerOf(c.in(1)), rank = static_cast<int64_t>(x.rank());
  if (axis < -rank || axis >= rank)
    return Status::shape(reader.label() + ": axis is " + std::to_string(axis) + "; the input has " +
                         std::to_string(rank) + " dimensions");
  const Along a = along(x, axis);
  const bool isExclusive = reader.integer("exclusive") != 0, isReverse = reader.integer("reverse") != 0;
  return visitType(x.dtype, [&]<class T>() {
    // Unsigned sums wrap around without being undefined.
    using Sum = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;
    forEachColumns(*c.execution, a, [&](size_t outer, size_t begin, size_t end) {
      Sum sums[256] = {};
      for (size_t i = 0; i < a.size; i++) {
        const size_t row = (outer * a.size + (isReverse ? a.size - 1 - i : i)) * a.inner;
        const auto* in = x.as<T>() + row;
        auto* out = y.as<T>() + row;
        for (size_t j = begin; j < end; j++) {
          const Sum before = sums[j - begin], after = before + static_cast<Sum>(in[j]);
          sums[j - begin] = after;
          out[j] = static_cast<T>(isExclusive ? before : after);
        }
      }
    });
    return c.execution->outcome();
  });
}
Status prepareCumSum(PrepareContext& c) { return c.needType(types::f32 | types::f64 | types::integers); }

// Inputs: indices, the depth, the values off and on. What no index names stays off.
Status runOneHot(RunContext& c) {
  const TensorView &indices = c.in(0), &values = c.in(2);
  const NodeReader reader = c.reader();
  if (c.in(1).count() != 1 || values.count() != 2)
    return Status::shape(reader.label() + ": depth must be one number, values two");
  double depth = 0;
  Status status = visitType(c.in(1).dtype, [&]<class T>() {
    depth = static_cast<double>(c.in(1).as<T>()[0]);
    return Status::success();
  });
  if (!status.ok()) return status;
  if (!(depth >= 0 && depth < 9e15))
    return Status::shape(reader.label() + ": depth is " + std::to_string(depth) + "; it must not be negative");
  const auto size = static_cast<int64_t>(depth), rank = static_cast<int64_t>(indices.rank()) + 1;
  int64_t axis = reader.integer("axis");
  if (axis < -rank || axis >= rank)
    return Status::shape(reader.label() + ": axis is " + std::to_string(axis) + "; the result has " +
                         std::to_string(rank) + " dimensions");
  if (axis < 0) axis += rank;
  std::vector<int64_t> dims = indices.dims;
  dims.insert(dims.begin() + axis, size);
  if (status = c.allocate(0, dims); !status.ok()) return status;
  const size_t outer = indices.outer(static_cast<size_t>(axis)), inner = indices.inner(static_cast<size_t>(axis));
  return visitSize(values.dtype, [&]<class Value>() {
    auto* out = c.out(0).as<Value>();
    const Value off = values.as<Value>()[0], on = values.as<Value>()[1];
    for (size_t i = 0; i < c.out(0).count(); i++) out[i] = off;
    return visitType(indices.dtype, [&]<class Index>() {
      const auto* index = indices.as<Index>();
      for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++) {
          const auto given = static_cast<double>(index[i * inner + j]);
          if (!(given >= -depth && given < depth)) continue;
          auto at = static_cast<int64_t>(given);
          if (at < 0) at += size;
          out[(i * static_cast<size_t>(size) + static_cast<size_t>(at)) * inner + j] = on;
        }
      return c.execution->outcome();
    });
  });
}
Status prepareOneHot(PrepareContext& c) {
  for (const size_t input : {0, 1})
    if (Status status = c.needType(visitedTypes, input); !status.ok()) return status;
  return c.needType(wholeByteTypes, 2);
}

const OpRuns runs({
    {"ArgMax", runArg<true>, prepareVisited},
    {"ArgMin", runArg<false>, prepareVisited},
    {"Hardmax", runHardmax, prepareHardmax},
    {"CumSum", runCumSum, prepareCumSum},
    {"OneHot", runOneHot, prepareOneHot},
});

}  // namespace
}  // namespace pare
