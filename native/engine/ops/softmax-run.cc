// Running softmax, its logarithm, and its gradient.
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

// y·(dy − Σ dy·y)
Status runSoftmaxGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &y = c.in(1);
  int64_t given = c.reader().integer("axis");
  if (given < 0) given += static_cast<int64_t>(y.rank());
  if (gradient.dims != y.dims || given < 0 || given >= static_cast<int64_t>(y.rank()))
    return Status::shape(c.reader().label() + ": the gradient has other dimensions than Y, or axis is beyond them");
  const auto axis = static_cast<size_t>(given);
  const size_t outer = y.outer(axis), length = static_cast<size_t>(y.dims[axis]), inner = y.inner(axis + 1);
  const UnalignedFloat *dys = gradient.floats(), *ys = y.floats();
  UnalignedFloat* dxs = c.out(0).floats();
  const size_t rowsEach = std::max<size_t>(1, elementwiseGrain / 2 / std::max<size_t>(1, length));
  c.execution->forEachChunk(outer * inner, rowsEach, [&](size_t begin, size_t end) {
    if (inner == 1)
      return c.execution->kernels.gradient->softmaxRows(dys + begin * length, ys + begin * length, dxs + begin * length,
                                                        end - begin, length);
    for (size_t row = begin; row < end; row++) {
      const size_t first = row / inner * length * inner + row % inner;
      double sum = 0;
      for (size_t i = first; i < first + length * inner; i += inner) sum += double{dys[i]} * double{ys[i]};
      for (size_t i = first; i < first + length * inner; i += inner)
        dxs[i] = ys[i] * (dys[i] - static_cast<float>(sum));
    }
  });
  return c.execution->outcome();
}

const OpRuns runs({
    {"SoftmaxGrad", runSoftmaxGrad, nullptr, row::pare},
    {"Softmax", runSoftmax<false>, prepareSoftmax},
    {"LogSoftmax", runSoftmax<true>, prepareSoftmax},
});

}  // namespace
}  // namespace pare
