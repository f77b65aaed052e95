// Running what writes by index: Scatter, ScatterElements, ScatterND, with their reductions.
#include <cmath>
#include <cstring>

#include "engine/run.h"
#include "engine/strided-copy.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

enum class Reduction : uint8_t { none, add, multiply, minimum, maximum };

struct ScatterState : NodeState {
  Reduction reduction = Reduction::none;
};

Status prepareScatter(PrepareContext& c) {
  auto& state = c.make<ScatterState>();
  const std::string name(c.text("reduction"));
  if (name == "add")
    state.reduction = Reduction::add;
  else if (name == "mul")
    state.reduction = Reduction::multiply;
  else if (name == "min")
    state.reduction = Reduction::minimum;
  else if (name == "max")
    state.reduction = Reduction::maximum;
  else if (name != "none" && !name.empty())
    return Status::option(c.label() + ": reduction is " + name + "; it must be none, add, mul, min or max");
  using namespace types;
  return c.needType(state.reduction == Reduction::none ? movable : integers | f32 | f64);
}

// Integers wrap around, as they do in ONNX Runtime; NaN wins over numbers.
template <Reduction reduction, class T>
T reduce(T old, T update) {
  if constexpr (reduction == Reduction::none) return update;
  if constexpr (reduction == Reduction::minimum || reduction == Reduction::maximum) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(old) || std::isnan(update)) return old + update;
    }
    return (reduction == Reduction::minimum) == (update < old) ? update : old;
  }
  if constexpr (std::is_floating_point_v<T>) return reduction == Reduction::add ? old + update : old * update;
  const auto a = static_cast<uint64_t>(old), b = static_cast<uint64_t>(update);
  return static_cast<T>(reduction == Reduction::add ? a + b : a * b);
}

template <Reduction reduction, class T>
struct Scatter {
  // data[index[i][j][k]][j][k] = update[i][j][k], for axis 0, in the order of the updates.
  static Status elements(const RunContext& c, size_t axis) {
    const TensorView &indices = c.in(1), &updates = c.in(2), &y = c.out(0);
    const size_t last = y.rank() - 1, length = static_cast<size_t>(indices.dims[last]);
    const int64_t size = y.dims[axis];
    const size_t stride = y.inner(axis + 1), step = axis == last ? 0 : 1;
    const auto* from = updates.as<const T>();
    auto* to = y.as<T>();
    for (size_t row = 0; row < indices.outer(last); row++) {
      size_t base = 0, rest = row;
      for (size_t d = last; d-- > 0; rest /= static_cast<size_t>(indices.dims[d]))
        if (d != axis) base += rest % static_cast<size_t>(indices.dims[d]) * y.inner(d + 1);
      for (size_t i = 0; i < length; i++) {
        const int64_t given = indices.integer(row * length + i), index = given < 0 ? given + size : given;
        if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(size))
          return c.shapeError("index " + std::to_string(given) + " lies outside axis " + std::to_string(axis) + " of " +
                              std::to_string(size));
        auto& place = to[base + static_cast<size_t>(index) * stride + i * step];
        place = reduce<reduction, T>(place, from[row * length + i]);
      }
    }
    return c.execution->outcome();
  }

  // Each row of indices names a place whose elements `inner` updates replace.
  static Status slices(const RunContext& c, size_t depth) {
    const TensorView &indices = c.in(1), &updates = c.in(2), &y = c.out(0);
    const size_t inner = y.inner(depth);
    const auto* from = updates.as<const T>();
    auto* to = y.as<T>();
    for (size_t row = 0; row < indices.outer(indices.rank() - 1); row++, from += inner) {
      size_t place = 0;
      for (size_t d = 0; d < depth; d++) {
        const int64_t size = y.dims[d];
        const int64_t given = indices.integer(row * depth + d), index = given < 0 ? given + size : given;
        if (static_cast<uint64_t>(index) >= static_cast<uint64_t>(size))
          return c.shapeError("index " + std::to_string(given) + " lies outside axis " + std::to_string(d) + " of " +
                              std::to_string(size));
        place = place * static_cast<size_t>(size) + static_cast<size_t>(index);
      }
      auto* target = to + place * inner;
      if constexpr (reduction == Reduction::none) {
        if (inner > 0) std::memcpy(target, from, inner * sizeof(T));
      } else {
        for (size_t i = 0; i < inner; i++) target[i] = reduce<reduction, T>(target[i], from[i]);
      }
    }
    return c.execution->outcome();
  }

  static Status run(const RunContext& c, bool isNd, size_t at) { return isNd ? slices(c, at) : elements(c, at); }
};

template <Reduction reduction>
Status scatterReduced(const RunContext& c, bool isNd, size_t at) {
  if (c.in(0).dtype == DataType::float32) return Scatter<reduction, float>::run(c, isNd, at);
  return visitOther(c.in(0).dtype, [&](auto type) { return Scatter<reduction, decltype(type)>::run(c, isNd, at); });
}

// The result begins as a copy of data, unless it lies in data's memory.
Status scatter(const RunContext& c, bool isNd, size_t at) {
  const TensorView &x = c.in(0), &y = c.out(0);
  if (y.data != x.data) {
    StridedCopy copy(1);
    copy.inner(x.byteLength());
    if (Status status = copy.run(*c.execution, x.data, y.data); !status.ok()) return status;
  }
  switch (c.state<ScatterState>().reduction) {
    case Reduction::add:
      return scatterReduced<Reduction::add>(c, isNd, at);
    case Reduction::multiply:
      return scatterReduced<Reduction::multiply>(c, isNd, at);
    case Reduction::minimum:
      return scatterReduced<Reduction::minimum>(c, isNd, at);
    case Reduction::maximum:
      return scatterReduced<Reduction::maximum>(c, isNd, at);
    default:
      break;
  }
  switch (x.elementSize()) {
    case 1:
      return Scatter<Reduction::none, uint8_t>::run(c, isNd, at);
    case 2:
      return Scatter<Reduction::none, uint16_t>::run(c, isNd, at);
    case 4:
      return Scatter<Reduction::none, uint32_t>::run(c, isNd, at);
    default:
      return Scatter<Reduction::none, uint64_t>::run(c, isNd, at);
  }
}

Status runScatterElements(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1), &updates = c.in(2);
  const int64_t given = c.reader().integer("axis");
  if (x.rank() == 0) return c.shapeError("data must have at least one axis");
  const auto axis = static_cast<size_t>(given < 0 ? given + static_cast<int64_t>(x.rank()) : given);
  if (updates.dims != indices.dims || indices.rank() != x.rank())
    return c.shapeError("updates must have the dimensions of indices, and as many as data");
  for (size_t d = 0; d < x.rank(); d++)
    if (d != axis && indices.dims[d] > x.dims[d])
      return c.shapeError("indices have " + std::to_string(indices.dims[d]) + " along axis " + std::to_string(d) +
                          ", data has " + std::to_string(x.dims[d]));
  return scatter(c, false, axis);
}

Status runScatterNd(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1), &updates = c.in(2);
  const int64_t depth = indices.dims.back();
  if (depth > static_cast<int64_t>(x.rank()))
    return c.shapeError("the last dimension of indices names " + std::to_string(depth) + " dimensions; data has " +
                        std::to_string(x.rank()));
  std::vector<int64_t> dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), x.dims.begin() + depth, x.dims.end());
  if (updates.dims != dims) return c.shapeError("updates do not have the dimensions that data and indices ask for");
  return scatter(c, true, static_cast<size_t>(depth));
}

const OpRuns runs({
    {"Scatter", runScatterElements, prepareScatter},
    {"ScatterElements", runScatterElements, prepareScatter},
    {"ScatterND", runScatterNd, prepareScatter},
});

}  // namespace
}  // namespace pare
