// Running the steps of optimizers, the masks of dropout, and gradients element by element.
#include <atomic>
#include <cmath>
#include <cstring>

#include "engine/elementwise.h"
#include "engine/matmul.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

constexpr const char* domain = "pare";

struct UpdateState : NodeState {
  UpdateArguments arguments{};  // of every step
  double l1 = 0, decay = 0, proximal = 0;
};

enum Input : size_t { weights, gradient, learningRate, stepNumber, scale, mask, first, second, loss, right };

Status prepareUpdate(PrepareContext& c, UpdateState& state) {
  state.arguments.l1 = static_cast<float>(c.real("l1"));
  state.arguments.l2 = static_cast<float>(c.real("l2"));
  state.decay = c.real("decay");
  state.proximal = c.real("proximal");
  return Status::success();
}
Status prepareSgd(PrepareContext& c) {
  auto& state = c.make<UpdateState>();
  state.arguments.momentum = static_cast<float>(c.real("momentum"));
  state.arguments.nesterov = c.integer("nesterov") != 0;
  return prepareUpdate(c, state);
}
Status prepareAdam(PrepareContext& c) {
  auto& state = c.make<UpdateState>();
  if (!c.has(first) || !c.has(second) || !c.wants(1) || !c.wants(2))
    return c.unsupported("Adam without its two moments does not run");
  state.arguments.beta1 = static_cast<float>(c.real("beta1"));
  state.arguments.beta2 = static_cast<float>(c.real("beta2"));
  state.arguments.epsilon = static_cast<float>(c.real("epsilon"));
  return prepareUpdate(c, state);
}
Status prepareRmsprop(PrepareContext& c) {
  auto& state = c.make<UpdateState>();
  if (!c.has(first) || !c.wants(1)) return c.unsupported("RMSprop without its mean of squares does not run");
  state.arguments.beta2 = static_cast<float>(c.real("alpha"));
  state.arguments.momentum = static_cast<float>(c.real("momentum"));
  state.arguments.epsilon = static_cast<float>(c.real("epsilon"));
  return prepareUpdate(c, state);
}

Status keepAll(const RunContext& c) {
  const size_t from[] = {weights, first, second};
  for (size_t i = 0; i < 3; i++)
    if (c.wants(i) && c.has(from[i]) && c.out(i).data != c.in(from[i]).data && c.out(i).byteLength() > 0)
      std::memcpy(c.out(i).data, c.in(from[i]).data, c.out(i).byteLength());
  return Status::success();
}

// The arguments with their first element where `begin` is; the gradient's is given.
UpdateArguments from(UpdateArguments of, size_t begin, const UnalignedFloat* gradient) {
  of.weights += begin;
  of.newWeights += begin;
  of.gradient = gradient;
  for (const UnalignedFloat** input : {&of.mask, &of.first, &of.second})
    if (*input) *input += begin;
  for (UnalignedFloat** output : {&of.newFirst, &of.newSecond})
    if (*output) *output += begin;
  return of;
}

Status stepAlong(const Execution& execution, UpdateKernels::Step step, const UpdateArguments& of, size_t count) {
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) { step(of, begin, end); });
  // A run that was cancelled has done this step by half; whoever trains does not cancel runs.
  return execution.outcome();
}

// A step along leftᵀ·right, a row each: made in pieces that the step finds in the cache.
Status stepAlongOuterProduct(const Execution& execution, UpdateKernels::Step step, const UpdateArguments& of,
                             const TensorView& left, const TensorView& right) {
  const size_t columns = right.inner(1), rowsEach = std::max<size_t>(1, elementwiseGrain / 4 / columns);
  std::atomic<bool> noMemory{false};
  const BinaryKernels::Function scale = (*execution.kernels.binary)[Binary::mul].numberRight;
  execution.forEachChunk(left.inner(1), rowsEach, [&](size_t begin, size_t end) {
    const Scratch piece((end - begin) * columns * sizeof(float));
    auto* product = piece.as<UnalignedFloat>();
    if (!product) return noMemory.store(true);
    for (size_t row = begin; row < end; row++)
      scale(right.floats(), left.floats() + row, product + (row - begin) * columns, columns);
    step(from(of, begin * columns, product), 0, (end - begin) * columns);
  });
  return noMemory ? Status::memory("there is no memory for a part of the gradient") : execution.outcome();
}

// A step along leftᵀ·right, of any number of rows.
Status stepAlongProduct(const Execution& execution, UpdateKernels::Step step, UpdateArguments of,
                        const TensorView& left, const TensorView& right) {
  const size_t k = left.outer(1), rows = left.inner(1), columns = right.inner(1);
  if (k == 1 && columns >= 16) return stepAlongOuterProduct(execution, step, of, left, right);
  const Scratch whole(rows * columns * sizeof(float));
  auto* gradient = whole.as<UnalignedFloat>();
  if (!gradient) return Status::memory("there is no memory for the gradient of " + std::to_string(rows * columns));
  Status status = matmul(
      execution,
      {.m = rows, .n = columns, .k = k, .transposeA = true, .a = left.floats(), .b = right.floats(), .c = gradient});
  if (!status.ok()) return status;
  of.gradient = gradient;
  return stepAlong(execution, step, of, rows * columns);
}

Status checkUpdate(const RunContext& c) {
  const size_t count = c.in(weights).count();
  for (const size_t input : {size_t{gradient}, size_t{mask}, size_t{first}, size_t{second}})
    if (c.has(input) && !(input == gradient && c.has(right)) && c.in(input).count() != count)
      return c.shapeError("gradient, mask and memory must have the weights' dimensions");
  for (const size_t input : {size_t{learningRate}, size_t{stepNumber}, size_t{scale}, size_t{loss}})
    if (c.has(input) && c.in(input).count() != 1)
      return c.shapeError("lr, step, scale and loss must be one number each");
  if (!c.has(right)) return Status::success();
  const TensorView &a = c.in(gradient), &b = c.in(right);
  const bool fits = a.rank() == 2 && b.rank() == 2 && a.dims[0] == b.dims[0] && a.inner(1) * b.inner(1) == count;
  return fits ? Status::success() : c.shapeError("the gradient's two matrices do not make the weights' dimensions");
}

Status runUpdate(RunContext& c, UpdateKernels::Step UpdateKernels::*step, bool isAdam) {
  const auto& state = c.state<UpdateState>();
  UpdateArguments of = state.arguments;
  if (Status status = checkUpdate(c); !status.ok()) return status;
  if (c.has(loss) && !std::isfinite(c.in(loss).floats()[0])) return keepAll(c);
  of.weights = c.in(weights).floats();
  of.gradient = c.in(gradient).floats();
  of.newWeights = c.out(0).floats();
  if (c.has(mask)) of.mask = c.in(mask).floats();
  if (c.has(scale)) of.scale = c.in(scale).floats()[0];
  if (c.has(first) && c.wants(1)) {
    of.first = c.in(first).floats();
    of.newFirst = c.out(1).floats();
  }
  if (c.has(second) && c.wants(2)) {
    of.second = c.in(second).floats();
    of.newSecond = c.out(2).floats();
  }
  const double rate = c.in(learningRate).floats()[0];
  of.rate = static_cast<float>(rate);
  of.keep = static_cast<float>(1 - rate * state.decay);
  of.threshold = static_cast<float>(rate * state.proximal);
  if (isAdam) {
    const auto number = static_cast<double>(c.in(stepNumber).as<int64_t>()[0]);
    of.rate = static_cast<float>(rate / (1 - std::pow(double{of.beta1}, number)));
    of.deviationScale = static_cast<float>(1 / std::sqrt(1 - std::pow(double{of.beta2}, number)));
  }
  const UpdateKernels::Step run = c.execution->kernels.update->*step;
  if (c.has(right)) return stepAlongProduct(*c.execution, run, of, c.in(gradient), c.in(right));
  return stepAlong(*c.execution, run, of, c.in(weights).count());
}
Status runSgd(RunContext& c) { return runUpdate(c, &UpdateKernels::sgd, false); }
Status runAdam(RunContext& c) { return runUpdate(c, &UpdateKernels::adam, true); }
Status runRmsprop(RunContext& c) { return runUpdate(c, &UpdateKernels::rmsprop, false); }

Status prepareDropoutMask(PrepareContext& c) {
  const double ratio = c.real("ratio");
  if (!(ratio >= 0 && ratio < 1))
    return Status::option(c.label() + ": ratio is " + std::to_string(ratio) + "; it must be at least 0 and below 1");
  return Status::success();
}

Status runDropoutMask(RunContext& c) {
  const NodeReader reader = c.reader();
  const auto ratio = static_cast<float>(reader.real("ratio"));
  const float kept = 1 / (1 - ratio);
  const auto key = static_cast<uint64_t>(reader.integer("seed"));
  const uint64_t stream = (static_cast<uint64_t>(reader.integer("node")) << 40) +
                          static_cast<uint64_t>(c.in(1).count() > 0 ? c.in(1).as<int64_t>()[0] : 0);
  UnalignedFloat* out = c.out(0).floats();
  c.execution->forEachChunk(c.out(0).count(), elementwiseGrain, [&](size_t begin, size_t end) {
    c.execution->kernels.random->uniform(key, stream, begin / 4, out + begin, end - begin);
    for (size_t i = begin; i < end; i++) out[i] = out[i] < ratio ? 0 : kept;
  });
  return c.execution->outcome();
}

template <Binary function>
Status runGradient(RunContext& c) {
  const TensorView &gradient = c.in(0), &y = c.in(1);
  if (gradient.dims != y.dims) return Status::shape(c.reader().label() + ": the gradient has other dimensions than Y");
  return mapBinary(*c.execution, function, gradient.floats(), gradient.dims, y.floats(), y.dims, c.out(0).floats());
}

Status runGeluGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &x = c.in(1);
  if (gradient.dims != x.dims) return Status::shape(c.reader().label() + ": the gradient has other dimensions than X");
  const GradientKernels& kernels = *c.execution->kernels.gradient;
  const auto run = c.reader().text("approximate") == "tanh" ? kernels.geluTanh : kernels.gelu;
  UnalignedFloat* dx = c.out(0).floats();
  c.execution->forEachChunk(x.count(), elementwiseGrain / 4, [&](size_t begin, size_t end) {
    run(gradient.floats() + begin, x.floats() + begin, dx + begin, end - begin);
  });
  return c.execution->outcome();
}

const OpRuns runs({
    {"SgdUpdate", runSgd, prepareSgd, domain},
    {"AdamUpdate", runAdam, prepareAdam, domain},
    {"RmspropUpdate", runRmsprop, prepareRmsprop, domain},
    {"DropoutMask", runDropoutMask, prepareDropoutMask, domain},
    {"ReluGrad", runGradient<Binary::reluGrad>, nullptr, domain},
    {"SigmoidGrad", runGradient<Binary::sigmoidGrad>, nullptr, domain},
    {"TanhGrad", runGradient<Binary::tanhGrad>, nullptr, domain},
    {"GeluGrad", runGeluGrad, nullptr, domain},
});

}  // namespace
}  // namespace pare
