// Running Pad: the part that stays is copied, then one axis after the other gets its borders, the innermost first.
#include <cstring>

#include "engine/float16.h"
#include "engine/run.h"
#include "engine/strided-copy.h"

namespace pare {
namespace {

enum class PadMode : uint8_t { constant, reflect, edge, wrap };

struct PadState : NodeState {
  PadMode mode = PadMode::constant;
  std::vector<int64_t> pads;  // before opset 11; then they are an input
  float value = 0;
};

Status preparePad(PrepareContext& c) {
  auto& state = c.make<PadState>();
  const std::string_view mode = c.text("mode");
  state.mode = mode == "reflect" ? PadMode::reflect
               : mode == "edge"  ? PadMode::edge
               : mode == "wrap"  ? PadMode::wrap
                                 : PadMode::constant;
  if (c.def().attribute("pads")) {
    state.pads = c.integers("pads").value_or(std::vector<int64_t>());
    state.value = static_cast<float>(c.real("value"));
  }
  return c.needType(types::movable);
}

// One axis: of the input's elements those from `first` on stay, `kept` of them, behind `before` new ones.
struct PaddedAxis {
  int64_t first, kept, before, size;  // size: of the result
};

// Which kept element stands at `at`, counted from the first of them.
int64_t mirrored(PadMode mode, int64_t at, int64_t kept) {
  if (mode == PadMode::edge || kept == 1) return std::clamp<int64_t>(at, 0, kept - 1);
  const int64_t period = mode == PadMode::wrap ? kept : 2 * (kept - 1);
  const int64_t place = ((at % period) + period) % period;
  return place < kept ? place : period - place;
}

class Padding {
 public:
  Padding(const RunContext& c, const std::vector<PaddedAxis>& axes)
      : execution_(*c.execution), x_(c.in(0)), y_(c.out(0)), size_(c.in(0).elementSize()), axes_(axes) {}

  // The borders of `axis` from `begin` to `end`, counted in the result: where axes before it stay, and all along those
  // after it. Copied by `from` and `stride`, in the result's memory or beside it.
  Status border(size_t axis, int64_t begin, int64_t end, const uint8_t* from, ptrdiff_t stride, bool isOne) const {
    StridedCopy copy(size_);
    uint8_t* to = y_.data;
    for (size_t d = 0; d < axis; d++) {
      const ptrdiff_t step = strideOf(y_, d);
      to += axes_[d].before * step;
      copy.axis(static_cast<size_t>(axes_[d].kept), isOne ? 0 : step, step);
    }
    const ptrdiff_t step = strideOf(y_, axis);
    copy.axis(static_cast<size_t>(end - begin), stride, step);
    for (size_t d = axis + 1; d < axes_.size(); d++)
      copy.axis(static_cast<size_t>(axes_[d].size), isOne ? 0 : strideOf(y_, d), strideOf(y_, d));
    return copy.run(execution_, from, to + begin * step);
  }

  Status interior() const {
    StridedCopy copy(size_);
    const uint8_t* from = x_.data;
    uint8_t* to = y_.data;
    for (size_t d = 0; d < axes_.size(); d++) {
      copy.axis(static_cast<size_t>(axes_[d].kept), strideOf(x_, d), strideOf(y_, d));
      from += axes_[d].first * strideOf(x_, d);
      to += axes_[d].before * strideOf(y_, d);
    }
    return copy.run(execution_, from, to);
  }

  Status constants(const uint8_t* value) const {
    for (size_t axis = 0; axis < axes_.size(); axis++) {
      const PaddedAxis& one = axes_[axis];
      if (Status status = border(axis, 0, one.before, value, 0, true); !status.ok()) return status;
      if (Status status = border(axis, one.before + one.kept, one.size, value, 0, true); !status.ok()) return status;
    }
    return Status::success();
  }

  // Borders are made of the axis's own elements, in runs that go up, down or stand still.
  Status mirrors(PadMode mode) const {
    for (size_t axis = axes_.size(); axis-- > 0;) {
      const PaddedAxis& one = axes_[axis];
      const auto source = [&](int64_t at) { return mirrored(mode, at - one.before, one.kept); };
      for (int64_t begin = 0; begin < one.size;) {
        if (begin == one.before) begin += one.kept;
        const int64_t most = begin < one.before ? one.before : one.size;
        if (begin >= most) continue;
        int64_t end = begin + 1;
        const int64_t step = end < most ? source(end) - source(begin) : 0;
        while (end < most && source(end) - source(end - 1) == step) end++;
        if (Status status = mirror(axis, begin, end, source(begin), step); !status.ok()) return status;
        begin = end;
      }
    }
    return Status::success();
  }

 private:
  static ptrdiff_t strideOf(const TensorView& tensor, size_t axis) {
    return static_cast<ptrdiff_t>(tensor.inner(axis + 1) * tensor.elementSize());
  }
  Status mirror(size_t axis, int64_t begin, int64_t end, int64_t first, int64_t step) const {
    const ptrdiff_t stride = strideOf(y_, axis);
    const uint8_t* from = y_.data + (axes_[axis].before + first) * stride;
    for (size_t d = 0; d < axis; d++) from += axes_[d].before * strideOf(y_, d);
    return border(axis, begin, end, from, step * stride, false);
  }

  const Execution& execution_;
  const TensorView &x_, &y_;
  size_t size_;
  const std::vector<PaddedAxis>& axes_;
};

// The value as an element; before opset 11 it is a float32 of the node's.
Status valueOf(const RunContext& c, float attribute, uint8_t (&element)[8]) {
  std::memset(element, 0, sizeof element);
  if (c.node->def->attribute("pads")) {
    const auto* number = reinterpret_cast<const UnalignedFloat*>(&attribute);
    const DataType dtype = c.in(0).dtype;
    const double wide = attribute;
    if (dtype == DataType::float32)
      std::memcpy(element, &attribute, sizeof attribute);
    else if (dtype == DataType::float64)
      std::memcpy(element, &wide, sizeof wide);
    else
      toHalf(*c.execution, dtype == DataType::float16 ? HalfFormat::float16 : HalfFormat::bfloat16, number,
             reinterpret_cast<UnalignedUint16*>(element), 1);
    return Status::success();
  }
  if (!c.has(2) || c.in(2).count() == 0) return Status::success();
  if (c.in(2).count() != 1) return c.shapeError("constant_value must be one number");
  std::memcpy(element, c.in(2).data, c.in(2).elementSize());
  return Status::success();
}

Status runPad(RunContext& c) {
  const auto& state = c.state<PadState>();
  const TensorView& x = c.in(0);
  const bool hasInput = c.has(1), hasAxes = c.has(3);
  const size_t count = hasAxes ? c.in(3).count() : x.rank();
  if ((hasInput ? c.in(1).count() : state.pads.size()) != 2 * count || count > x.rank())
    return c.shapeError("pads must have two numbers an axis");
  const auto padAt = [&](size_t i) { return hasInput ? c.in(1).integer(i) : state.pads[i]; };
  std::vector<PaddedAxis> axes;
  std::vector<int64_t> dims = x.dims;
  for (const int64_t size : x.dims) axes.push_back({0, size, 0, size});
  for (size_t i = 0; i < count; i++) {
    const int64_t given = hasAxes ? c.in(3).integer(i) : static_cast<int64_t>(i);
    const auto axis = static_cast<size_t>(given < 0 ? given + static_cast<int64_t>(x.rank()) : given);
    constexpr int64_t most = INT64_MAX / 4;
    const int64_t before = padAt(i), after = padAt(i + count);
    if (axis >= x.rank() || std::min(before, after) < -most || std::max(before, after) > most)
      return c.shapeError("pads or axes are out of range");
    PaddedAxis& one = axes[axis];
    one.first = std::max<int64_t>(-before, 0);
    one.before = std::max<int64_t>(before, 0);
    one.kept = x.dims[axis] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    one.size = x.dims[axis] + before + after;
    if (one.kept < 0)
      return c.shapeError("axis " + std::to_string(axis) + " of " + std::to_string(x.dims[axis]) +
                          " cannot lose more than it has");
    if (one.kept == 0 && one.size > 0 && state.mode != PadMode::constant)
      return c.shapeError("axis " + std::to_string(axis) + " has nothing that borders could be made of");
    dims[axis] = one.size;
  }
  if (Status status = c.ensure(0, dims); !status.ok()) return status;
  if (c.out(0).byteLength() == 0) return Status::success();
  const Padding padding(c, axes);
  if (Status status = padding.interior(); !status.ok()) return status;
  if (state.mode != PadMode::constant) return padding.mirrors(state.mode);
  uint8_t value[8];
  if (Status status = valueOf(c, state.value, value); !status.ok()) return status;
  return padding.constants(value);
}

const OpRuns runs({{"Pad", runPad, preparePad}});

}  // namespace
}  // namespace pare
