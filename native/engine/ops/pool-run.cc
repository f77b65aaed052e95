// Running pools over windows and over whole images.
#include "engine/pool.h"
#include "engine/window.h"

namespace pare {
namespace {

struct PoolState : NodeState {
  explicit PoolState(const NodeReader& node) : window(node), isColumnMajor(node.integer("storage_order") != 0) {}

  WindowAttributes window;
  PoolOptions options;
  bool isColumnMajor;
};

Status prepareWindow(PrepareContext& c, const PoolOptions& options, TypeSet types) {
  if (Status status = c.needType(types); !status.ok()) return status;
  auto& state = c.make<PoolState>(c);
  state.options = options;
  return state.window.check(c);
}
Status prepareMaxPool(PrepareContext& c) {
  using namespace types;
  return prepareWindow(c, {.kind = PoolKind::max}, f32 | f64 | bytes);
}
Status prepareAveragePool(PrepareContext& c) {
  return prepareWindow(c, {.kind = PoolKind::average, .countsPadding = c.integer("count_include_pad") != 0},
                       types::f32);
}
Status prepareLp(PrepareContext& c, const PoolOptions& options) {
  return options.power > 0 ? Status::success() : c.unsupported("p must be more than 0");
}
Status prepareLpPool(PrepareContext& c) {
  const PoolOptions options{.kind = PoolKind::lp, .power = static_cast<float>(c.integer("p"))};
  if (Status status = prepareLp(c, options); !status.ok()) return status;
  return prepareWindow(c, options, types::f32);
}

template <class T>
Status runMaxAs(RunContext& c, const PoolShape& shape) {
  return maxPool<T>(*c.execution, shape, c.state<PoolState>().isColumnMajor, c.in(0).as<T>(), c.out(0).as<T>(),
                    c.wants(1) ? c.out(1).as<int64_t>() : nullptr);
}

Status runWindow(RunContext& c) {
  const auto& state = c.state<PoolState>();
  const TensorView &x = c.in(0), &y = c.out(0);
  if (Status status = checkSpatialRank(c.reader(), x.rank() - 2); !status.ok()) return status;
  PoolShape shape{.planes = TensorView::countOf(std::span(x.dims).first(2)), .axes = {}};
  state.window.place(std::span(x.dims).subspan(2), std::span(y.dims).subspan(2), state.window.kernel, shape.axes);
  for (size_t i = 2; i < y.rank(); i++)
    shape.axes[mostSpatialDims - y.rank() + i].output = static_cast<size_t>(y.dims[i]);
  switch (x.dtype) {
    case DataType::float64:
      return runMaxAs<double>(c, shape);
    case DataType::int8:
      return runMaxAs<int8_t>(c, shape);
    case DataType::uint8:
      return runMaxAs<uint8_t>(c, shape);
    default:
      return c.wants(1) ? runMaxAs<float>(c, shape) : pool(*c.execution, shape, state.options, x.floats(), y.floats());
  }
}

struct GlobalPoolState : NodeState {
  PoolOptions options;
};
Status prepareGlobal(PrepareContext& c, const PoolOptions& options) {
  c.make<GlobalPoolState>().options = options;
  return c.needType(types::f32);
}
Status prepareGlobalMax(PrepareContext& c) { return prepareGlobal(c, {.kind = PoolKind::max}); }
Status prepareGlobalAverage(PrepareContext& c) { return prepareGlobal(c, {.kind = PoolKind::average}); }
Status prepareGlobalLp(PrepareContext& c) {
  const PoolOptions options{.kind = PoolKind::lp, .power = static_cast<float>(c.integer("p"))};
  if (Status status = prepareLp(c, options); !status.ok()) return status;
  return prepareGlobal(c, options);
}

Status runGlobal(RunContext& c) {
  const TensorView& x = c.in(0);
  const PoolShape shape = PoolShape::global(x.outer(2), x.inner(2));
  if (x.inner(2) == 0) return Status::shape(c.reader().label() + ": the image has no elements");
  return pool(*c.execution, shape, c.state<GlobalPoolState>().options, x.floats(), c.out(0).floats());
}

const OpRuns runs({
    {"MaxPool", runWindow, prepareMaxPool},
    {"AveragePool", runWindow, prepareAveragePool},
    {"LpPool", runWindow, prepareLpPool},
    {"GlobalMaxPool", runGlobal, prepareGlobalMax},
    {"GlobalAveragePool", runGlobal, prepareGlobalAverage},
    {"GlobalLpPool", runGlobal, prepareGlobalLp},
});

}  // namespace
}  // namespace pare
