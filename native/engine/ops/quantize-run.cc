// Running QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
#include "engine/quantize.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

using namespace row;

constexpr TypeSet gridTypes = bytes | i16 | u16 | i4 | u4;

QuantizedType quantizedTypeOf(DataType type) {
  switch (type) {
    case DataType::uint8:
      return QuantizedType::uint8;
    case DataType::int16:
      return QuantizedType::int16;
    case DataType::uint16:
      return QuantizedType::uint16;
    case DataType::int4:
      return QuantizedType::int4;
    case DataType::uint4:
      return QuantizedType::uint4;
    default:
      return QuantizedType::int8;
  }
}

// Scales and zero points, read once where they are constant.
struct GridState : NodeState {
  bool hasParameters = false;
  QuantizationParameters parameters;
};

void readParameters(const uint8_t* scales, size_t count, const uint8_t* zeroPoints, DataType type,
                    QuantizationParameters& parameters) {
  const auto* floats = reinterpret_cast<const UnalignedFloat*>(scales);
  parameters.scale.assign(floats, floats + count);
  parameters.zeroPoint.assign(count, 0);
  if (!zeroPoints) return;
  if (type == DataType::int32) {
    const auto* integers = reinterpret_cast<const UnalignedInt32*>(zeroPoints);
    parameters.zeroPoint.assign(integers, integers + count);
  } else {
    unpackIntegers(quantizedTypeOf(type), zeroPoints, parameters.zeroPoint.data(), count);
  }
}

Status prepareGrid(PrepareContext& c, TypeSet from, TypeSet to) {
  if (Status status = c.needType(from, 0); !status.ok()) return status;
  if (Status status = c.needType(f32, 1); !status.ok()) return status;
  if (!to.contains(c.out(0).dtype))
    return c.unsupported(std::string("results of ") + dataTypeName(c.out(0).dtype) + " do not run yet; " +
                         typeNames(to) + " do");
  auto& state = c.make<GridState>();
  const Tensor *scale = c.constant(1), *zero = c.constant(2);
  if (!scale || (c.has(2) && !zero)) return Status::success();
  const size_t count = TensorView::countOf(scale->dims);
  if (zero && TensorView::countOf(zero->dims) != count) return Status::success();  // the shape rule's to refuse
  readParameters(scale->bytes.data(), count, zero ? zero->bytes.data() : nullptr, c.in(2).dtype, state.parameters);
  state.hasParameters = true;
  return Status::success();
}
Status prepareQuantize(PrepareContext& c) { return prepareGrid(c, f32, gridTypes); }
Status prepareDequantize(PrepareContext& c) { return prepareGrid(c, gridTypes | i32, f32); }

// One scale for all, one an index of the axis, or one a block of it.
Status readGrid(const RunContext& c, QuantizationLayout& layout, QuantizationParameters& made,
                const QuantizationParameters*& parameters) {
  const TensorView &x = c.in(0), &scale = c.in(1);
  const NodeReader reader = c.reader();
  const auto rank = static_cast<int64_t>(x.rank());
  const bool hasAxis = reader.def().attribute("axis") != nullptr;
  const int64_t block = reader.def().attribute("block_size") ? reader.integer("block_size") : 0;
  layout = {.inner = x.count()};
  if (block > 0 || (hasAxis && scale.count() != 1)) {
    int64_t axis = reader.integer("axis");
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return Status::shape(reader.label() + ": there is no such axis");
    const auto at = static_cast<size_t>(axis);
    layout = {.outer = x.outer(at),
              .axis = static_cast<size_t>(x.dims[at]),
              .inner = x.inner(at + 1),
              .blockSize = static_cast<size_t>(block)};
  }
  if (scale.count() != layout.scaleCount() || (c.has(2) && c.in(2).count() != scale.count()))
    return Status::shape(reader.label() + ": there are " + std::to_string(scale.count()) + " scales where " +
                         std::to_string(layout.scaleCount()) + " are needed, and as many zero points");
  const auto& state = c.state<GridState>();
  parameters = &state.parameters;
  if (state.hasParameters) return Status::success();
  readParameters(scale.data, scale.count(), c.has(2) ? c.in(2).data : nullptr,
                 c.has(2) ? c.in(2).dtype : DataType::int8, made);
  parameters = &made;
  return Status::success();
}

Status runQuantize(RunContext& c) {
  if (c.in(0).count() == 0) return Status::success();
  QuantizationLayout layout;
  QuantizationParameters made;
  const QuantizationParameters* parameters = &made;
  if (Status status = readGrid(c, layout, made, parameters); !status.ok()) return status;
  uint64_t nanCount = 0;
  return quantize(*c.execution, c.in(0).floats(), layout, quantizedTypeOf(c.out(0).dtype), *parameters, c.out(0).data,
                  &nanCount);
}

void dequantizeInt32(const Execution& execution, const TensorView& x, const QuantizationLayout& layout,
                     const QuantizationParameters& parameters, UnalignedFloat* out) {
  const auto* in = x.as<const int32_t>();
  execution.forEachChunk(x.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t row = i / layout.inner, index = row % layout.axis, column = i % layout.inner;
      const size_t at = layout.blockSize
                            ? (row / layout.axis * layout.blocks() + index / layout.blockSize) * layout.inner + column
                            : index;
      const auto shifted = static_cast<uint32_t>(in[i]) - static_cast<uint32_t>(parameters.zeroPoint[at]);
      out[i] = static_cast<float>(static_cast<int32_t>(shifted)) * parameters.scale[at];
    }
  });
}

Status runDequantize(RunContext& c) {
  const TensorView& x = c.in(0);
  if (x.count() == 0) return Status::success();
  QuantizationLayout layout;
  QuantizationParameters made;
  const QuantizationParameters* parameters = &made;
  if (Status status = readGrid(c, layout, made, parameters); !status.ok()) return status;
  if (x.dtype != DataType::int32)
    return dequantize(*c.execution, x.data, layout, quantizedTypeOf(x.dtype), *parameters, c.out(0).floats());
  dequantizeInt32(*c.execution, x, layout, *parameters, c.out(0).floats());
  return c.execution->outcome();
}

Status runDynamicQuantize(RunContext& c) {
  const TensorView& x = c.in(0);
  DynamicGrid grid;
  const Scratch unwanted(c.wants(0) ? 0 : x.count());
  if (!unwanted.data()) return Status::memory("no memory for the bytes of " + c.reader().label());
  if (Status status =
          quantizeDynamically(*c.execution, x.floats(), x.count(), c.wants(0) ? c.out(0).data : unwanted.data(), grid);
      !status.ok())
    return status;
  if (c.wants(1)) c.out(1).floats()[0] = grid.scale;
  if (c.wants(2)) c.out(2).data[0] = grid.zeroPoint;
  return Status::success();
}

const OpRuns runs({
    {"QuantizeLinear", runQuantize, prepareQuantize},
    {"QuantizeLinear", runQuantize, prepareQuantize, row::microsoft},
    {"DequantizeLinear", runDequantize, prepareDequantize},
    {"DequantizeLinear", runDequantize, prepareDequantize, row::microsoft},
    {"DynamicQuantizeLinear", runDynamicQuantize},
});

}  // namespace
}  // namespace pare
