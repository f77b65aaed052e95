// Running convolutions of float32 and their transposes; constant filters are laid out once.
#include "engine/conv-transpose.h"
#include "engine/conv.h"
#include "engine/fused-activation.h"
#include "engine/window.h"

namespace pare {
namespace {

struct ConvState : NodeState {
  explicit ConvState(const NodeReader& node) : window(node), groups(static_cast<size_t>(node.integer("group"))) {}

  WindowAttributes window;
  size_t groups;
  FusedActivation activation;
  std::optional<PreparedConv> filters;  // constant ones

  // Of what is not fed: filters and attributes.
  ConvShape shapeOf(std::span<const int64_t> w) const {
    ConvShape shape;
    shape.groups = groups;
    shape.inputChannels = static_cast<size_t>(w[1]) * groups;
    shape.outputChannels = static_cast<size_t>(w[0]);
    shape.rank = w.size() - 2;
    return shape;
  }
};

Status prepareConv(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  auto& state = c.make<ConvState>(c);
  if (Status status = state.window.check(c); !status.ok()) return status;
  if (c.def().attribute("activation")) {
    const Attribute* numbers = c.node().attribute("activation_params");
    const std::string_view name = c.text("activation");
    if (!FusedActivation::read(name, numbers ? std::span<const double>(numbers->reals) : std::span<const double>(),
                               state.activation))
      return c.unsupported("the activation " + std::string(name) + " does not run");
  }
  const Tensor* w = c.constant(1);
  if (!w || w->dims.size() < 3 || state.groups == 0) return Status::success();
  if (Status status = checkSpatialRank(c, w->dims.size() - 2); !status.ok()) return status;
  ConvShape shape = state.shapeOf(w->dims);
  const std::vector<int64_t> unknown(shape.rank, 1);
  state.window.place(unknown, unknown, std::span(w->dims).subspan(2), shape.axes);
  return state.filters.emplace().prepare(c.execution(), shape,
                                         reinterpret_cast<const UnalignedFloat*>(w->bytes.data()));
}

Status runConv(RunContext& c) {
  const auto& state = c.state<ConvState>();
  const TensorView &x = c.in(0), &w = c.in(1), &y = c.out(0);
  if (Status status = checkSpatialRank(c.reader(), x.rank() - 2); !status.ok()) return status;
  ConvShape shape = state.shapeOf(w.dims);
  shape.batch = static_cast<size_t>(x.dims[0]);
  state.window.place(std::span(x.dims).subspan(2), std::span(y.dims).subspan(2), std::span(w.dims).subspan(2),
                     shape.axes);
  ConvEpilogue epilogue{.bias = c.has(2) ? c.in(2).floats() : nullptr, .activation = state.activation.epilogue};
  if (c.has(3)) {
    if (c.in(3).dims != y.dims) return Status::shape(c.reader().label() + ": Z must have the result's dimensions");
    epilogue.residual = c.in(3).floats();
  }
  PreparedConv fed;
  if (!state.filters)
    if (Status status = fed.prepare(*c.execution, shape, w.floats()); !status.ok()) return status;
  Status status = conv(*c.execution, state.filters ? *state.filters : fed, shape, x.floats(), y.floats(), epilogue);
  return status.ok() ? state.activation.finish(*c.execution, y.floats(), y.count()) : status;
}

struct ConvTransposeState : NodeState {
  explicit ConvTransposeState(const NodeReader& node)
      : window(node),
        outputShape(node.integers("output_shape").value_or(std::vector<int64_t>())),
        outputPadding(node.integers("output_padding").value_or(std::vector<int64_t>())),
        groups(static_cast<size_t>(node.integer("group"))) {}

  WindowAttributes window;
  std::vector<int64_t> outputShape, outputPadding;
  size_t groups;
  std::optional<PreparedConvTranspose> filters;  // constant ones

  // Padding follows from the dimensions of the result, or, where those are not given, the other way round.
  bool computesPads() const { return window.isSame() || !outputShape.empty(); }

  ConvTransposeShape shapeOf(std::span<const int64_t> x, std::span<const int64_t> w, std::span<const int64_t> y) const {
    ConvTransposeShape shape;
    shape.groups = groups;
    shape.inputChannels = static_cast<size_t>(w[0]);
    shape.outputChannels = static_cast<size_t>(w[1]) * groups;
    const size_t rank = w.size() - 2;
    window.place(x, y, w.subspan(2), shape.axes);
    for (size_t i = 0; i < rank && !y.empty(); i++) {
      ConvTransposeAxis& axis = shape.axes[mostSpatialDims - rank + i];
      const auto output = static_cast<size_t>(y[i]);
      const size_t covered =
          axis.input == 0 ? 0 : (axis.input - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
      if (computesPads()) {
        const size_t whole = covered + (outputPadding.empty() ? 0 : static_cast<size_t>(outputPadding[i]));
        window.split(whole > output ? whole - output : 0, axis.padBegin, axis.padEnd);
      }
      // What the windows do not reach is padding of the result.
      const size_t wanted = output + axis.padBegin + axis.padEnd;
      axis.outputPadding = wanted > covered ? wanted - covered : 0;
      if (wanted < covered) axis.padEnd += covered - wanted;
    }
    return shape;
  }
};

Status prepareConvTranspose(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  auto& state = c.make<ConvTransposeState>(c);
  if (Status status = state.window.check(c); !status.ok()) return status;
  const Tensor* w = c.constant(1);
  // The phases of the filters depend on the padding in front.
  if (!w || w->dims.size() < 3 || state.groups == 0 || state.computesPads()) return Status::success();
  if (Status status = checkSpatialRank(c, w->dims.size() - 2); !status.ok()) return status;
  const std::vector<int64_t> unknown(w->dims.size() - 2, 1);
  return state.filters.emplace().prepare(c.execution(), state.shapeOf(unknown, w->dims, {}),
                                         reinterpret_cast<const UnalignedFloat*>(w->bytes.data()));
}

Status runConvTranspose(RunContext& c) {
  const auto& state = c.state<ConvTransposeState>();
  const TensorView &x = c.in(0), &w = c.in(1), &y = c.out(0);
  if (Status status = checkSpatialRank(c.reader(), x.rank() - 2); !status.ok()) return status;
  ConvTransposeShape shape = state.shapeOf(std::span(x.dims).subspan(2), w.dims, std::span(y.dims).subspan(2));
  shape.batch = static_cast<size_t>(x.dims[0]);
  PreparedConvTranspose fed;
  if (!state.filters)
    if (Status status = fed.prepare(*c.execution, shape, w.floats()); !status.ok()) return status;
  return convTranspose(*c.execution, state.filters ? *state.filters : fed, shape, x.floats(), y.floats(),
                       {.bias = c.has(2) ? c.in(2).floats() : nullptr, .activation = {}});
}

const OpRuns runs({
    {"Conv", runConv, prepareConv},
    {"FusedConv", runConv, prepareConv, row::microsoft},
    {"ConvTranspose", runConvTranspose, prepareConvTranspose},
});

}  // namespace
}  // namespace pare
