// Running normalization as training does it, and the gradients of normalization, gathers and slices.
#include <cmath>
#include <cstring>
#include <vector>

#include "engine/run.h"

namespace pare {
namespace {

constexpr const char* domain = "pare";

// ---- Batch normalization: [batch, channels, inner…], statistics of each channel
class Channels {
 public:
  explicit Channels(const TensorView& x)
      : channels_(static_cast<size_t>(x.dims[1])),
        inner_(x.inner(2)),
        count_(static_cast<size_t>(x.dims[0]) * inner_) {}
  size_t channels() const { return channels_; }
  // Of a channel, in the whole batch.
  size_t count() const { return count_; }

  // Calls block(first, length) for parts of a channel that fit into the first cache level.
  template <class Block>
  void eachBlock(Block&& block) const {
    for (size_t first = 0; first < count_; first += blockLength) block(first, std::min(blockLength, count_ - first));
  }
  // A part of a channel, side by side.
  void gather(const UnalignedFloat* from, size_t channel, size_t first, size_t length, UnalignedFloat* to) const {
    eachRun(channel, first, length, [&](size_t at, size_t done, size_t run) { copy(from + at, to + done, run); });
  }
  void scatter(const UnalignedFloat* from, size_t channel, size_t first, size_t length, UnalignedFloat* to) const {
    eachRun(channel, first, length, [&](size_t at, size_t done, size_t run) { copy(from + done, to + at, run); });
  }

  static constexpr size_t blockLength = 2048;

 private:
  // A call costs more than a single element.
  static void copy(const UnalignedFloat* from, UnalignedFloat* to, size_t run) {
    if (run == 1)
      *to = *from;
    else
      std::memcpy(to, from, run * sizeof(float));
  }
  template <class Run>
  void eachRun(size_t channel, size_t first, size_t length, Run&& run) const {
    for (size_t done = 0; done < length;) {
      const size_t image = (first + done) / inner_, i = (first + done) % inner_;
      const size_t here = std::min(inner_ - i, length - done);
      run((image * channels_ + channel) * inner_ + i, done, here);
      done += here;
    }
  }

  size_t channels_, inner_, count_;
};

// What a block passes through: kernels over contiguous elements, and a number or another block beside them.
class Block {
 public:
  explicit Block(const Execution& execution) : kernels_(execution.kernels) {}
  UnalignedFloat* data() { return reinterpret_cast<UnalignedFloat*>(values_); }
  void apply(Binary function, float number, size_t length) {
    const UnalignedFloat right = number;
    (*kernels_.binary)[function].numberRight(data(), &right, data(), length);
  }
  void apply(Binary function, Block& other, size_t length) {
    (*kernels_.binary)[function].arrays(data(), other.data(), data(), length);
  }
  double reduced(Accumulation how, size_t length) {
    UnalignedFloat result = 0;
    kernels_.reduce->rows[static_cast<size_t>(how)](data(), length, 1, length, {}, &result);
    return result;
  }

 private:
  const KernelTable& kernels_;
  alignas(64) float values_[Channels::blockLength];
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
  c.execution->forEachPiece(of.channels(), [&](size_t channel) {
    Block block(*c.execution);
    const auto count = static_cast<double>(of.count());
    double sum = 0, squares = 0;
    of.eachBlock([&](size_t first, size_t length) {
      of.gather(in, channel, first, length, block.data());
      sum += block.reduced(Accumulation::sum, length);
    });
    const auto center = static_cast<float>(sum / count);
    of.eachBlock([&](size_t first, size_t length) {
      of.gather(in, channel, first, length, block.data());
      block.apply(Binary::sub, center, length);
      squares += block.reduced(Accumulation::sumSquare, length);
    });
    const double variance = squares / count;
    const auto inverse = static_cast<float>(1 / std::sqrt(variance + epsilon));
    of.eachBlock([&](size_t first, size_t length) {
      of.gather(in, channel, first, length, block.data());
      block.apply(Binary::sub, center, length);
      block.apply(Binary::mul, inverse * scale[channel], length);
      block.apply(Binary::add, bias[channel], length);
      of.scatter(block.data(), channel, first, length, c.out(0).floats());
    });
    c.out(1).floats()[channel] = center;
    c.out(2).floats()[channel] = inverse;
    // Running statistics take the unbiased one, as PyTorch does.
    c.out(3).floats()[channel] = static_cast<float>(of.count() > 1 ? squares / (count - 1) : variance);
  });
  return c.execution->outcome();
}

// With x̂ the normalized x: dBias = Σ dy, dScale = Σ dy·x̂, dx = scale/σ · (dy − (dBias + x̂·dScale)/n)
Status runBatchNormGrad(RunContext& c) {
  if (Status status = needChannels(c, 1, {2, 3, 4}); !status.ok()) return status;
  if (c.in(0).dims != c.in(1).dims) return Status::shape(c.reader().label() + ": the gradient is not as X");
  const Channels of(c.in(1));
  const UnalignedFloat *dy = c.in(0).floats(), *x = c.in(1).floats();
  c.execution->forEachPiece(of.channels(), [&](size_t channel) {
    Block gradient(*c.execution), normal(*c.execution);
    const float mean = c.in(3).floats()[channel], inverse = c.in(4).floats()[channel];
    const auto gather = [&](size_t first, size_t length) {
      of.gather(dy, channel, first, length, gradient.data());
      of.gather(x, channel, first, length, normal.data());
      normal.apply(Binary::sub, mean, length);
    };
    double sum = 0, product = 0;
    of.eachBlock([&](size_t first, size_t length) {
      gather(first, length);
      sum += gradient.reduced(Accumulation::sum, length);
      normal.apply(Binary::mul, gradient, length);
      product += normal.reduced(Accumulation::sum, length);
    });
    product *= inverse;
    c.out(1).floats()[channel] = static_cast<float>(product);
    c.out(2).floats()[channel] = static_cast<float>(sum);
    if (!c.wants(0)) return;
    const auto count = static_cast<double>(of.count());
    of.eachBlock([&](size_t first, size_t length) {
      gather(first, length);
      normal.apply(Binary::mul, static_cast<float>(-product / count * inverse), length);
      normal.apply(Binary::add, gradient, length);
      normal.apply(Binary::sub, static_cast<float>(sum / count), length);
      normal.apply(Binary::mul, c.in(2).floats()[channel] * inverse, length);
      of.scatter(normal.data(), channel, first, length, c.out(0).floats());
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
