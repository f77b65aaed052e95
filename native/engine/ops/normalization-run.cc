// Running normalizations of float32.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/elementwise.h"
#include "engine/reduce.h"
#include "engine/row-ops.h"
#include "engine/run.h"

namespace pare {
namespace {

struct EpsilonState : NodeState {
  float epsilon = 0;
  int64_t axis = -1;
};
Status prepareEpsilon(PrepareContext& c) {
  auto& state = c.make<EpsilonState>();
  state.epsilon = static_cast<float>(c.real("epsilon"));
  if (c.def().attribute("axis")) state.axis = c.integer("axis");
  for (size_t i = 0; i < c.inputCount(); i++)
    if (c.has(i))
      if (Status status = c.needType(types::f32, i); !status.ok()) return status;
  return Status::success();
}

// Inference: a factor and an offset a channel.
Status prepareBatchNorm(PrepareContext& c) {
  const bool trains = c.def().since == 1 ? c.integer("is_test") == 0 : c.integer("training_mode") != 0;
  if (trains) return c.unsupported("it does not run as in training");
  if (c.def().attribute("spatial") && c.integer("spatial") == 0) return c.unsupported("spatial = 0 does not run");
  for (size_t i = 1; i < c.node().outputs.size(); i++)
    if (c.wants(i)) return c.unsupported("only its first output runs");
  return prepareEpsilon(c);
}

Status runBatchNorm(RunContext& c) {
  const TensorView& x = c.in(0);
  const size_t channels = x.rank() < 2 ? 1 : static_cast<size_t>(x.dims[1]);
  for (size_t i = 1; i < 5; i++)
    if (c.in(i).count() != channels)
      return Status::shape(c.reader().label() + ": every parameter must have one number a channel");
  const size_t batch = x.rank() == 0 ? 1 : static_cast<size_t>(x.dims[0]), inner = x.rank() < 2 ? 1 : x.inner(2);
  const Scratch scratch(std::max<size_t>(channels, 1) * 2 * sizeof(float));
  if (!scratch.data()) return Status::memory("no memory for a batch normalization");
  auto* factors = scratch.as<float>();
  float* offsets = factors + channels;
  const double epsilon = c.state<EpsilonState>().epsilon;
  const UnalignedFloat *scale = c.in(1).floats(), *bias = c.in(2).floats(), *mean = c.in(3).floats(),
                       *variance = c.in(4).floats();
  for (size_t i = 0; i < channels; i++) {
    const double factor = scale[i] / std::sqrt(variance[i] + epsilon);
    factors[i] = static_cast<float>(factor);
    offsets[i] = static_cast<float>(bias[i] - mean[i] * factor);
  }
  return scaleChannels(*c.execution, x.floats(), c.out(0).floats(), batch, channels, inner, factors, offsets);
}

Status runGroups(RunContext& c, size_t groups, bool perGroup) {
  const TensorView& x = c.in(0);
  const auto channels = static_cast<size_t>(x.dims[1]);
  const size_t parameters = perGroup ? groups : channels;
  if (c.in(1).count() != parameters || c.in(2).count() != parameters)
    return Status::shape(c.reader().label() + ": scale and bias must have " + std::to_string(parameters) + " numbers");
  if (groups == 0) return Status::success();
  if (channels % groups != 0) return Status::shape(c.reader().label() + ": the channels do not divide into groups");
  return normalizeGroups(*c.execution, {.in = x.floats(),
                                        .out = c.out(0).floats(),
                                        .batch = static_cast<size_t>(x.dims[0]),
                                        .channels = channels,
                                        .inner = x.inner(2),
                                        .groups = groups,
                                        .epsilon = c.state<EpsilonState>().epsilon,
                                        .scale = c.in(1).floats(),
                                        .bias = c.in(2).floats(),
                                        .perGroup = perGroup});
}
Status runInstanceNorm(RunContext& c) { return runGroups(c, static_cast<size_t>(c.in(0).dims[1]), false); }
Status runGroupNorm(RunContext& c) {
  return runGroups(c, static_cast<size_t>(c.reader().integer("num_groups")), c.opset < 21);
}

// A parameter that broadcasts to the rows: null and no status where it is as long as one.
Status checkParameter(const RunContext& c, size_t input, size_t length) {
  if (!c.has(input) || c.in(input).count() == length) return Status::success();
  return Status::unsupported(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                             std::to_string(c.in(input).count()) + " numbers; only as many as a row has, " +
                             std::to_string(length) + ", run");
}

template <bool centered>
Status runLayerNorm(RunContext& c) {
  const TensorView& x = c.in(0);
  const auto& state = c.state<EpsilonState>();
  const auto rank = static_cast<int64_t>(x.rank());
  const auto axis = static_cast<size_t>(state.axis < 0 ? state.axis + rank : state.axis);
  const size_t length = x.inner(axis);
  for (const size_t input : {size_t{1}, size_t{2}})
    if (Status status = checkParameter(c, input, length); !status.ok()) return status;
  constexpr size_t deviation = centered ? 2 : 1;
  return normalizeRows(*c.execution, {.in = x.floats(),
                                      .rowCount = x.outer(axis),
                                      .length = length,
                                      .centered = centered,
                                      .epsilon = state.epsilon,
                                      .scale = c.in(1).floats(),
                                      .bias = c.has(2) ? c.in(2).floats() : nullptr,
                                      .out = c.out(0).floats(),
                                      .mean = centered && c.wants(1) ? c.out(1).floats() : nullptr,
                                      .inverseDeviation = c.wants(deviation) ? c.out(deviation).floats() : nullptr});
}

// Inputs: in, skip, gamma, then beta (where centered) and bias, which is added to the sum.
template <bool centered>
Status runSkipLayerNorm(RunContext& c) {
  const TensorView &x = c.in(0), &skip = c.in(1);
  const size_t length = x.inner(x.rank() - 1), bias = centered ? 4 : 3;
  for (size_t input = 2; input <= bias; input++)
    if (Status status = checkParameter(c, input, length); !status.ok()) return status;
  const size_t rows = x.outer(x.rank() - 1), skipRows = skip.rank() == 0 ? 0 : skip.outer(skip.rank() - 1);
  if (skip.rank() == 0 || skip.dims.back() != x.dims.back() || (rows > 0 && (skipRows == 0 || rows % skipRows != 0)))
    return Status::shape(c.reader().label() + ": skip must be as the input, or as each of its images");
  return normalizeRows(*c.execution,
                       {.in = x.floats(),
                        .rowCount = rows,
                        .length = length,
                        .centered = centered,
                        .epsilon = c.state<EpsilonState>().epsilon,
                        .scale = c.in(2).floats(),
                        .bias = centered && c.has(3) ? c.in(3).floats() : nullptr,
                        .skip = skip.floats(),
                        .addend = c.has(bias) ? c.in(bias).floats() : nullptr,
                        .sum = c.wants(3) ? c.out(3).floats() : nullptr,
                        .out = c.out(0).floats(),
                        .mean = centered && c.wants(1) ? c.out(1).floats() : nullptr,
                        .inverseDeviation = c.wants(2) ? c.out(2).floats() : nullptr},
                       skipRows);
}

Status prepareFloat(PrepareContext& c) { return c.needType(types::f32); }

// y = x / (bias + alpha/size · Σ x²)^beta, the sum over neighbouring channels.
Status prepareNeighbours(PrepareContext& c) {
  if (c.integer("size") < 1) return c.unsupported("size must be 1 or more");
  return c.needType(types::f32);
}
Status runNeighbours(RunContext& c) {
  const TensorView& x = c.in(0);
  if (x.rank() < 2) return Status::shape(c.reader().label() + ": X must have 2 or more dimensions");
  const NodeReader reader = c.reader();
  const auto size = static_cast<size_t>(reader.integer("size")), channels = static_cast<size_t>(x.dims[1]);
  const auto factor = static_cast<float>(reader.real("alpha") / static_cast<double>(size));
  const auto bias = static_cast<float>(reader.real("bias")), beta = static_cast<float>(reader.real("beta"));
  const size_t inner = x.inner(2), before = (size - 1) / 2, after = size - 1 - before;
  const MathKernels& math = *c.execution->kernels.math;
  const auto& times = (*c.execution->kernels.binary)[Binary::mul];
  constexpr size_t width = 256;
  const size_t across = (inner + width - 1) / width;
  const UnalignedFloat* in = x.floats();
  UnalignedFloat* out = c.out(0).floats();
  c.execution->forEachPiece(x.outer(1) * across, [&](size_t i) {
    const size_t first = i % across * width, count = std::min(width, inner - first);
    const size_t start = i / across * channels * inner + first;
    float sums[width];
    for (size_t channel = 0; channel < channels; channel++) {
      std::fill_n(sums, count, 0.0f);
      const size_t low = channel > before ? channel - before : 0,
                   high = std::min(channels - 1, channel + std::min(after, channels));
      for (size_t other = low; other <= high; other++) {
        const UnalignedFloat* row = in + start + other * inner;
        for (size_t j = 0; j < count; j++) sums[j] += row[j] * row[j];
      }
      for (size_t j = 0; j < count; j++) sums[j] = sums[j] * factor + bias;
      math[Unary::log](sums, sums, count, {});
      for (size_t j = 0; j < count; j++) sums[j] *= -beta;
      math[Unary::exp](sums, sums, count, {});
      times.arrays(in + start + channel * inner, sums, out + start + channel * inner, count);
    }
  });
  return c.execution->outcome();
}

Status prepareLpNorm(PrepareContext& c) {
  const int64_t p = c.integer("p");
  if (p != 1 && p != 2) return c.unsupported("p must be 1 or 2");
  return c.needType(types::f32);
}
Status runLpNorm(RunContext& c) {
  const TensorView& x = c.in(0);
  const int64_t given = c.reader().integer("axis");
  const size_t axes[1] = {static_cast<size_t>(given < 0 ? given + static_cast<int64_t>(x.rank()) : given)};
  std::vector<int64_t> dims = x.dims;
  dims[axes[0]] = 1;
  const size_t count = TensorView::countOf(dims);
  const Scratch scratch(std::max<size_t>(count, 1) * sizeof(float));
  if (!scratch.data()) return Status::memory("no memory for the norms of " + c.reader().label());
  auto* norms = scratch.as<float>();
  const Reduction norm = c.reader().integer("p") == 1 ? Reduction::l1 : Reduction::l2;
  if (Status status = reduce(*c.execution, norm, x.floats(), x.dims, axes, norms); !status.ok()) return status;
  // What has no length stays zero.
  for (size_t i = 0; i < count; i++)
    if (norms[i] == 0) norms[i] = __builtin_inff();
  return mapBinary(*c.execution, Binary::div, x.floats(), x.dims, norms, dims, c.out(0).floats());
}

// (x − mean) / (deviation + 1e-9), both over the axes.
Status runMeanVariance(RunContext& c) {
  const TensorView& x = c.in(0);
  const auto rank = static_cast<int64_t>(x.rank());
  std::vector<size_t> axes;
  for (const int64_t axis : c.reader().integers("axes").value_or(std::vector<int64_t>())) {
    if (axis < -rank || axis >= rank)
      return Status::shape(c.reader().label() + ": one of axes is " + std::to_string(axis) + " of " +
                           std::to_string(rank) + " dimensions.");
    axes.push_back(static_cast<size_t>(axis < 0 ? axis + rank : axis));
  }
  std::sort(axes.begin(), axes.end());
  axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
  std::vector<int64_t> dims = x.dims;
  double each = 1;
  for (const size_t axis : axes) {
    each *= static_cast<double>(dims[axis]);
    dims[axis] = 1;
  }
  const size_t count = TensorView::countOf(dims);
  const Scratch scratch(std::max<size_t>(count, 1) * sizeof(float));
  if (!scratch.data()) return Status::memory("no memory for the means of " + c.reader().label());
  auto* statistics = scratch.as<float>();
  const Execution& execution = *c.execution;
  UnalignedFloat* y = c.out(0).floats();
  if (Status status = reduce(execution, Reduction::mean, x.floats(), x.dims, axes, statistics); !status.ok())
    return status;
  if (Status status = mapBinary(execution, Binary::sub, x.floats(), x.dims, statistics, dims, y); !status.ok())
    return status;
  if (Status status = reduce(execution, Reduction::sumSquare, y, x.dims, axes, statistics); !status.ok()) return status;
  for (size_t i = 0; i < count; i++) statistics[i] = static_cast<float>(std::sqrt(statistics[i] / each) + 1e-9);
  return mapBinary(execution, Binary::div, y, x.dims, statistics, dims, y);
}

const OpRuns runs({
    {"BatchNormalization", runBatchNorm, prepareBatchNorm},
    {"InstanceNormalization", runInstanceNorm, prepareEpsilon},
    {"GroupNormalization", runGroupNorm, prepareEpsilon},
    {"LayerNormalization", runLayerNorm<true>, prepareEpsilon},
    {"LayerNormalization", runLayerNorm<true>, prepareEpsilon, row::microsoft},
    {"RMSNormalization", runLayerNorm<false>, prepareEpsilon},
    {"SimplifiedLayerNormalization", runLayerNorm<false>, prepareEpsilon},
    {"SkipLayerNormalization", runSkipLayerNorm<true>, prepareEpsilon, row::microsoft},
    {"SkipSimplifiedLayerNormalization", runSkipLayerNorm<false>, prepareEpsilon, row::microsoft},
    {"LRN", runNeighbours, prepareNeighbours},
    {"LpNormalization", runLpNorm, prepareLpNorm},
    {"MeanVarianceNormalization", runMeanVariance, prepareFloat},
});

}  // namespace
}  // namespace pare
