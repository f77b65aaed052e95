// Running normalization as training does it, and the gradients of normalization, gathers and slices.
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/run.h"

namespace pare {
namespace {

constexpr const char* domain = "pare";

// ---- Batch normalization: [batch, channels, inner…], statistics of each channel
struct Channels {
  size_t batch, channels, inner;

  explicit Channels(const TensorView& x)
      : batch(static_cast<size_t>(x.dims[0])), channels(static_cast<size_t>(x.dims[1])), inner(x.inner(2)) {}
  size_t count() const { return batch * inner; }
  // Calls row(first element, its number in the channel's order) for the runs of a channel's elements.
  template <class Row>
  void eachRow(size_t channel, Row&& row) const {
    for (size_t n = 0; n < batch; n++) row((n * channels + channel) * inner);
  }
};

Status needChannels(const RunContext& c, size_t x, std::initializer_list<size_t> parameters) {
  if (c.in(x).rank() < 2) return Status::shape(c.reader().label() + ": X must have a batch and channels");
  for (const size_t input : parameters)
    if (c.in(input).count() != static_cast<size_t>(c.in(x).dims[1]))
      return Status::shape(c.reader().label() + ": scale, bias and statistics must have one number a channel");
  return Status::success();
}

Status runBatchNormTraining(RunContext& c) {
  if (Status status = needChannels(c, 0, {1, 2}); !status.ok()) return status;
  const TensorView& x = c.in(0);
  const Channels of(x);
  if (of.count() == 0) return Status::shape(c.reader().label() + ": a batch of nothing has no mean");
  const double epsilon = c.reader().real("epsilon");
  const UnalignedFloat *in = x.floats(), *scale = c.in(1).floats(), *bias = c.in(2).floats();
  UnalignedFloat* out = c.out(0).floats();
  c.execution->forEachPiece(of.channels, [&](size_t channel) {
    double sum = 0;
    of.eachRow(channel, [&](size_t first) {
      float part = 0;
      for (size_t i = 0; i < of.inner; i++) part += in[first + i];
      sum += part;
    });
    const double mean = sum / static_cast<double>(of.count());
    const auto center = static_cast<float>(mean);
    double squares = 0;
    of.eachRow(channel, [&](size_t first) {
      float part = 0;
      for (size_t i = 0; i < of.inner; i++) part += (in[first + i] - center) * (in[first + i] - center);
      squares += part;
    });
    const double variance = squares / static_cast<double>(of.count());
    const auto inverse = static_cast<float>(1 / std::sqrt(variance + epsilon));
    const float factor = inverse * scale[channel];
    of.eachRow(channel, [&](size_t first) {
      for (size_t i = 0; i < of.inner; i++) out[first + i] = (in[first + i] - center) * factor + bias[channel];
    });
    c.out(1).floats()[channel] = center;
    c.out(2).floats()[channel] = inverse;
    // Running statistics take the unbiased one, as PyTorch does.
    c.out(3).floats()[channel] =
        static_cast<float>(of.count() > 1 ? squares / static_cast<double>(of.count() - 1) : variance);
  });
  return c.execution->outcome();
}

// With x̂ the normalized x: dBias = Σ dy, dScale = Σ dy·x̂, dx = scale/σ · (dy − (dBias + x̂·dScale)/n)
Status runBatchNormGrad(RunContext& c) {
  if (Status status = needChannels(c, 1, {2, 3, 4}); !status.ok()) return status;
  if (c.in(0).dims != c.in(1).dims) return Status::shape(c.reader().label() + ": the gradient is not as X");
  const Channels of(c.in(1));
  const UnalignedFloat *dy = c.in(0).floats(), *x = c.in(1).floats();
  c.execution->forEachPiece(of.channels, [&](size_t channel) {
    const float mean = c.in(3).floats()[channel], inverse = c.in(4).floats()[channel];
    double sum = 0, product = 0;
    of.eachRow(channel, [&](size_t first) {
      float partSum = 0, partProduct = 0;
      for (size_t i = first; i < first + of.inner; i++) {
        partSum += dy[i];
        partProduct += dy[i] * (x[i] - mean);
      }
      sum += partSum;
      product += partProduct;
    });
    product *= inverse;
    c.out(1).floats()[channel] = static_cast<float>(product);
    c.out(2).floats()[channel] = static_cast<float>(sum);
    if (!c.wants(0)) return;
    const auto count = static_cast<double>(of.count());
    const auto shift = static_cast<float>(sum / count), slope = static_cast<float>(product / count * inverse);
    const float factor = c.in(2).floats()[channel] * inverse;
    UnalignedFloat* dx = c.out(0).floats();
    of.eachRow(channel, [&](size_t first) {
      for (size_t i = first; i < first + of.inner; i++) dx[i] = factor * (dy[i] - shift - (x[i] - mean) * slope);
    });
  });
  return c.execution->outcome();
}

// ---- Layer normalization: rows from an axis on
Status runLayerNormGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &input = c.in(1), &weights = c.in(2);
  const NodeReader reader = c.reader();
  int64_t axis = reader.integer("axis");
  if (axis < 0) axis += static_cast<int64_t>(input.rank());
  if (axis < 0 || axis >= static_cast<int64_t>(input.rank()))
    return Status::option(reader.label() + ": axis is beyond the rank of X");
  const size_t rows = input.outer(static_cast<size_t>(axis)), length = input.inner(static_cast<size_t>(axis));
  if (gradient.dims != input.dims || weights.count() != length)
    return Status::shape(reader.label() + ": the gradient and scale must be as X's rows");
  // Pieces that depend on the shape alone have sums of their own.
  const size_t pieces = std::min<size_t>(16, std::max<size_t>(1, rows)), each = (rows + pieces - 1) / pieces;
  std::vector<float> sums(2 * pieces * length, 0.0f);
  const auto epsilon = static_cast<float>(reader.real("epsilon"));
  c.execution->forEachPiece(pieces, [&](size_t piece) {
    const size_t first = std::min(rows, piece * each), start = first * length;
    float* dScale = &sums[2 * piece * length];
    c.execution->kernels.gradient->layerNormRows({.dy = gradient.floats() + start,
                                                  .x = input.floats() + start,
                                                  .scale = weights.floats(),
                                                  .dx = c.out(0).floats() + start,
                                                  .dScale = dScale,
                                                  .dBias = dScale + length,
                                                  .rowCount = std::min(each, rows - first),
                                                  .length = length,
                                                  .epsilon = epsilon});
  });
  const BinaryKernels::Function add = (*c.execution->kernels.binary)[Binary::add].arrays;
  for (size_t piece = 1; piece < pieces; piece++) add(sums.data(), &sums[2 * piece * length], sums.data(), 2 * length);
  std::memcpy(c.out(1).data, sums.data(), length * sizeof(float));
  std::memcpy(c.out(2).data, sums.data() + length, length * sizeof(float));
  return c.execution->outcome();
}

// ---- Gathers and slices
int64_t indexAt(const TensorView& indices, size_t i) {
  return indices.dtype == DataType::int32 ? int64_t{indices.as<int32_t>()[i]} : int64_t{indices.as<int64_t>()[i]};
}

// Rows that were gathered several times add up in their order: the pieces are parts of rows.
Status runGatherGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &indices = c.in(1), &x = c.in(2);
  const NodeReader reader = c.reader();
  int64_t given = reader.integer("axis");
  if (given < 0) given += static_cast<int64_t>(x.rank());
  if (given < 0 || given >= static_cast<int64_t>(x.rank()))
    return Status::option(reader.label() + ": axis is beyond the rank of X");
  const auto axis = static_cast<size_t>(given);
  const auto size = x.dims[axis];
  const size_t outer = x.outer(axis), inner = x.inner(axis + 1), count = indices.count();
  if (gradient.count() != outer * count * inner)
    return Status::shape(reader.label() + ": the gradient is not as what was gathered");
  for (size_t i = 0; i < count; i++)
    if (const int64_t index = indexAt(indices, i); index < -size || index >= size)
      return Status::option(reader.label() + ": index " + std::to_string(index) + " is beyond " + std::to_string(size));
  UnalignedFloat* dx = c.out(0).floats();
  std::memset(c.out(0).data, 0, c.out(0).byteLength());
  const size_t partLength = std::max<size_t>(16, 4096 / std::max<size_t>(1, count)),
               parts = (inner + partLength - 1) / partLength;
  c.execution->forEachPiece(outer * parts, [&](size_t piece) {
    const size_t block = piece / parts, begin = piece % parts * partLength, end = std::min(inner, begin + partLength);
    for (size_t i = 0; i < count; i++) {
      const int64_t index = indexAt(indices, i);
      const size_t row = block * static_cast<size_t>(size) + static_cast<size_t>(index < 0 ? index + size : index);
      const UnalignedFloat* from = gradient.floats() + (block * count + i) * inner;
      for (size_t k = begin; k < end; k++) dx[row * inner + k] += from[k];
    }
  });
  return c.execution->outcome();
}

Status runSliceGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &x = c.in(1), &starts = c.in(2);
  const std::string label = c.reader().label();
  const size_t rank = x.rank();
  std::vector<int64_t> first(rank, 0), step(rank, 1);
  if (gradient.rank() != rank) return Status::shape(label + ": the gradient has another rank than X");
  for (const size_t input : {4, 5})
    if (c.has(input) && c.in(input).count() != starts.count())
      return Status::shape(label + ": starts, axes and steps must be equally many");
  for (size_t i = 0; i < starts.count(); i++) {
    int64_t axis = c.has(4) ? indexAt(c.in(4), i) : static_cast<int64_t>(i);
    if (axis < 0) axis += static_cast<int64_t>(rank);
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return Status::option(label + ": an axis is beyond the rank");
    const auto at = static_cast<size_t>(axis);
    step[at] = c.has(5) ? indexAt(c.in(5), i) : 1;
    const int64_t start = indexAt(starts, i), size = x.dims[at];
    first[at] = std::clamp<int64_t>(start < 0 ? start + size : start, 0, step[at] < 0 ? size - 1 : size);
  }
  for (size_t axis = 0; axis < rank; axis++) {
    const int64_t last = first[axis] + (gradient.dims[axis] - 1) * step[axis];
    if (gradient.dims[axis] > 0 && (last < 0 || last >= x.dims[axis] || first[axis] >= x.dims[axis]))
      return Status::shape(label + ": the gradient does not fit into the slice");
  }
  std::memset(c.out(0).data, 0, c.out(0).byteLength());
  UnalignedFloat* dx = c.out(0).floats();
  std::vector<int64_t> index(rank, 0);
  for (size_t i = 0; i < gradient.count(); i++) {
    int64_t place = 0;
    for (size_t axis = 0; axis < rank; axis++) place = place * x.dims[axis] + first[axis] + index[axis] * step[axis];
    dx[place] = gradient.floats()[i];
    for (size_t axis = rank; axis-- > 0;) {
      if (++index[axis] < gradient.dims[axis]) break;
      index[axis] = 0;
    }
  }
  return Status::success();
}

const OpRuns runs({
    {"BatchNormTraining", runBatchNormTraining, nullptr, domain},
    {"BatchNormGrad", runBatchNormGrad, nullptr, domain},
    {"LayerNormGrad", runLayerNormGrad, nullptr, domain},
    {"GatherGrad", runGatherGrad, nullptr, domain},
    {"SliceGrad", runSliceGrad, nullptr, domain},
});

}  // namespace
}  // namespace pare
