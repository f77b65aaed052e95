// Running softmax and its logarithm.
#include "engine/row-ops.h"
#include "engine/run.h"

namespace pare {
namespace {

Status prepareSoftmax(PrepareContext& c) { return c.needType(types::f32); }

template <bool logarithm>
Status runSoftmax(RunContext& c) {
  const TensorView& x = c.in(0);
  const auto rank = static_cast<int64_t>(x.rank());
  const int64_t given = c.reader().integer("axis");
  const auto axis = static_cast<size_t>(given < 0 ? given + std::max<int64_t>(rank, 1) : given);
  size_t outer = 1, length = 1, inner = 1;
  if (x.rank() > 0) {
    outer = x.outer(axis);
    // Before opset 13 all dimensions from the axis on are one.
    length = c.opset < 13 ? x.inner(axis) : static_cast<size_t>(x.dims[axis]);
    inner = c.opset < 13 ? 1 : x.inner(axis + 1);
  }
  return softmax(*c.execution, x.floats(), c.out(0).floats(), outer, length, inner, logarithm);
}

const OpRuns runs({
    {"Softmax", runSoftmax<false>, prepareSoftmax},
    {"LogSoftmax", runSoftmax<true>, prepareSoftmax},
});

}  // namespace
}  // namespace pare
