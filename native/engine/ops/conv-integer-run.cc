// Running convolutions of 8-bit integers: their sums as they are, or as bytes.
#include <cstring>

#include "engine/conv-integer.h"
#include "engine/run.h"
#include "engine/window.h"

namespace pare {
namespace {

using namespace row;

struct ConvState : NodeState {
  std::optional<WindowAttributes> window;
  size_t groups = 1;
};

Status prepareConv(PrepareContext& c) {
  auto& state = c.make<ConvState>();
  state.groups = static_cast<size_t>(c.integer("group"));
  return state.window.emplace(c).check(c);
}

Status countError(const RunContext& c, size_t input, const char* wanted) {
  return Status::shape(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                       std::to_string(c.in(input).count()) + " numbers; there must be " + wanted);
}

// By the places of x, its zero point, the filters and their zero points among the inputs.
Status readConv(const RunContext& c, size_t xZero, size_t filters, size_t filterZeros, ConvIntegerArguments& of) {
  const auto& state = c.state<ConvState>();
  const TensorView &x = c.in(0), &w = c.in(filters), &y = c.out(0);
  if (Status status = checkSpatialRank(c.reader(), x.rank() - 2); !status.ok()) return status;
  of.shape.batch = static_cast<size_t>(x.dims[0]);
  of.shape.groups = state.groups;
  of.shape.inputChannels = static_cast<size_t>(x.dims[1]);
  of.shape.outputChannels = static_cast<size_t>(w.dims[0]);
  of.shape.rank = x.rank() - 2;
  state.window->place(std::span(x.dims).subspan(2), std::span(y.dims).subspan(2), std::span(w.dims).subspan(2),
                      of.shape.axes);
  of.x = x.data;
  of.filters = w.data;
  of.xSigned = x.dtype == DataType::int8;
  of.filtersSigned = w.dtype == DataType::int8;
  of.result.y = y.data;
  if (c.has(xZero)) {
    if (c.in(xZero).count() != 1) return countError(c, xZero, "one");
    of.xZero = c.in(xZero).data[0];
  }
  if (!c.has(filterZeros)) return Status::success();
  of.filterZeros = c.in(filterZeros).data;
  of.filterZeroCount = c.in(filterZeros).count();
  if (of.filterZeroCount != 1 && of.filterZeroCount != of.shape.outputChannels)
    return countError(c, filterZeros, "one, or one a filter");
  return Status::success();
}

Status runInteger(RunContext& c) {
  ConvIntegerArguments of;
  if (Status status = readConv(c, 2, 1, 3, of); !status.ok()) return status;
  return convInteger(*c.execution, of);
}

Status runQlinear(RunContext& c) {
  ConvIntegerArguments of;
  if (Status status = readConv(c, 2, 3, 5, of); !status.ok()) return status;
  const size_t channels = of.shape.outputChannels;
  const TensorView &scale = c.in(4), &zero = c.in(7);
  for (const size_t input : {1, 6, 7})
    if (c.in(input).count() != 1) return countError(c, input, "one");
  if (scale.count() != 1 && scale.count() != channels) return countError(c, 4, "one, or one a filter");
  if (c.has(8) && c.in(8).count() != channels) return countError(c, 8, "one a filter");
  std::vector<float> scales(channels);
  for (size_t i = 0; i < channels; i++)
    scales[i] = c.in(1).floats()[0] * scale.floats()[scale.count() == 1 ? 0 : i] / c.in(6).floats()[0];
  std::vector<int32_t> bias(c.has(8) ? channels : 0);
  if (!bias.empty()) std::memcpy(bias.data(), c.in(8).data, channels * sizeof(int32_t));
  const bool isSigned = c.out(0).dtype == DataType::int8;
  of.result.kind = MatmulIntegerResult::Kind::bytes;
  of.result.scales = scales.data();
  of.result.offsets = bias.empty() ? nullptr : bias.data();
  of.result.grid = {.low = isSigned ? -128 : 0,
                    .high = isSigned ? 127 : 255,
                    .zeroPoint = isSigned ? zero.as<int8_t>()[0] : zero.data[0]};
  return convInteger(*c.execution, of);
}

const OpRuns runs({
    {"ConvInteger", runInteger, prepareConv},
    {"QLinearConv", runQlinear, prepareConv},
});

}  // namespace
}  // namespace pare
