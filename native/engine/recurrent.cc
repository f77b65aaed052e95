// Running recurrent layers (see recurrent.h): the inputs' products of all steps at once, then a product a step.
#include "engine/recurrent.h"

#include <algorithm>
#include <cstring>

#include "engine/matmul.h"

namespace pare {
namespace {

void activate(const KernelTable& kernels, const RecurrentActivation& activation, UnalignedFloat* x, size_t count) {
  const auto [alpha, beta] = activation.parameters;
  if (activation.extra == RecurrentActivation::Extra::none) {
    (*kernels.math)[activation.function](x, x, count, activation.parameters);
    return;
  }
  if (activation.extra == RecurrentActivation::Extra::affine) {
    for (size_t i = 0; i < count; i++) x[i] = alpha * x[i] + beta;
    return;
  }
  for (size_t i = 0; i < count; i++) x[i] *= beta;
  (*kernels.math)[Unary::tanh](x, x, count, {});
  for (size_t i = 0; i < count; i++) x[i] *= alpha;
}

class Runner {
 public:
  Runner(const Execution& execution, const RecurrentLayer& layer, const RecurrentDirection& direction)
      : execution_(execution), kernels_(execution.kernels), layer_(layer), of_(direction) {}

  Status run() {
    const size_t width = layer_.gates() * layer_.hidden, rows = layer_.sequence * layer_.batch;
    const size_t states = std::max<size_t>(layer_.batch * layer_.hidden, 1);
    const auto gates = Blob::allocate(std::max<size_t>(rows * width, 1) * sizeof(float));
    const auto recurrence = Blob::allocate(std::max<size_t>(layer_.batch * width, 1) * sizeof(float));
    const auto state = Blob::allocate(3 * states * sizeof(float));
    if (!gates || !recurrence || !state) return Status::memory("no memory for a recurrent layer");
    gates_ = reinterpret_cast<UnalignedFloat*>(gates->data());
    recurrence_ = reinterpret_cast<UnalignedFloat*>(recurrence->data());
    h_ = reinterpret_cast<UnalignedFloat*>(state->data());
    c_ = h_ + states;
    reset_ = c_ + states;
    begin(of_.initialH, h_);
    begin(of_.initialC, c_);
    if (rows > 0) {
      if (Status status = multiply(of_.x, rows, layer_.input, width, of_.w, gates_); !status.ok()) return status;
      addBias(rows, width);
    }
    for (size_t step = 0; step < layer_.sequence && layer_.batch > 0; step++) {
      if (execution_.isCancelled()) return Status::aborted();
      if (Status status = runStep(step, width); !status.ok()) return status;
    }
    finish(h_, of_.yh);
    finish(c_, of_.yc);
    return execution_.outcome();
  }

 private:
  // The place of a state of one batch: [directions, batch, hidden], or the batch first.
  size_t placeOfState(size_t batch) const {
    return layer_.isBatchFirst ? batch * layer_.directions * layer_.hidden : batch * layer_.hidden;
  }
  void begin(const UnalignedFloat* from, UnalignedFloat* state) const {
    for (size_t b = 0; b < layer_.batch && from; b++)
      std::memcpy(state + b * layer_.hidden, from + placeOfState(b), layer_.hidden * sizeof(float));
  }
  void finish(const UnalignedFloat* state, UnalignedFloat* to) const {
    for (size_t b = 0; b < layer_.batch && to; b++)
      std::memcpy(to + placeOfState(b), state + b * layer_.hidden, layer_.hidden * sizeof(float));
  }

  Status multiply(const UnalignedFloat* a, size_t m, size_t k, size_t n, const RecurrentWeights& weights,
                  UnalignedFloat* to) const {
    const auto* packed = weights.packed ? reinterpret_cast<const uint32_t*>(weights.packed->data()) : nullptr;
    return matmul(
        execution_,
        {.m = m, .n = n, .k = k, .transposeB = true, .a = a, .b = weights.matrix, .packedB = packed, .c = to});
  }

  // The bias of the recurrence joins that of the input, unless a gate's reset comes between them.
  void addBias(size_t rows, size_t width) const {
    if (!of_.bias) return;
    const size_t joined = layer_.kind == RecurrentKind::gru && layer_.linearBeforeReset ? 2 * layer_.hidden : width;
    std::vector<float> sum(width);
    for (size_t i = 0; i < width; i++)
      sum[i] = i < joined ? of_.bias[i] + of_.bias[width + i] : static_cast<float>(of_.bias[i]);
    execution_.forEachChunk(rows, std::max<size_t>(1, elementwiseGrain / width), [&](size_t first, size_t end) {
      for (size_t row = first; row < end; row++)
        for (size_t i = 0; i < width; i++) gates_[row * width + i] += sum[i];
    });
  }

  Status runStep(size_t step, size_t width) {
    const size_t hidden = layer_.hidden, firstRows = layer_.firstRows();
    if (Status status = multiply(h_, layer_.batch, hidden, firstRows, of_.r, recurrence_); !status.ok()) return status;
    const auto eachActive = [&](auto&& visit) {
      for (size_t b = 0; b < layer_.batch; b++)
        if (step < length(b)) visit(b, gates_ + row(step, b) * width, recurrence_ + b * firstRows);
    };
    if (layer_.kind == RecurrentKind::lstm) {
      eachActive([&](size_t b, UnalignedFloat* gates, const UnalignedFloat* added) { runLstm(b, gates, added); });
    } else if (layer_.kind == RecurrentKind::rnn) {
      eachActive([&](size_t b, UnalignedFloat* gates, const UnalignedFloat* added) {
        add(gates, added, hidden);
        clip(gates, hidden);
        activate(kernels_, of_.activations[0], gates, hidden);
        std::memcpy(h_ + b * hidden, gates, hidden * sizeof(float));
      });
    } else {
      eachActive([&](size_t b, UnalignedFloat* gates, const UnalignedFloat* added) { runReset(b, gates, added); });
      if (!layer_.linearBeforeReset)
        if (Status status = multiply(reset_, layer_.batch, hidden, hidden, of_.rLast, recurrence_); !status.ok())
          return status;
      eachActive([&](size_t b, UnalignedFloat* gates, const UnalignedFloat*) { runUpdate(b, gates); });
    }
    for (size_t b = 0; b < layer_.batch && of_.y; b++) {
      const bool isActive = step < length(b);
      const size_t at = isActive ? time(step, b) : step;
      const size_t place = layer_.isBatchFirst ? (b * layer_.sequence + at) * layer_.directions
                                               : at * layer_.directions * layer_.batch + b;
      if (isActive)
        std::memcpy(of_.y + place * hidden, h_ + b * hidden, hidden * sizeof(float));
      else
        std::memset(of_.y + place * hidden, 0, hidden * sizeof(float));
    }
    return Status::success();
  }

  size_t length(size_t batch) const { return of_.lengths ? (*of_.lengths)[batch] : layer_.sequence; }
  size_t time(size_t step, size_t batch) const { return of_.isReverse ? length(batch) - 1 - step : step; }
  size_t row(size_t step, size_t batch) const {
    const size_t at = time(step, batch);
    return layer_.isBatchFirst ? batch * layer_.sequence + at : at * layer_.batch + batch;
  }

  static void add(UnalignedFloat* to, const UnalignedFloat* from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
  }
  void clip(UnalignedFloat* x, size_t count) const {
    if (layer_.clip > 0) (*kernels_.math)[Unary::clip](x, x, count, {-layer_.clip, layer_.clip});
  }

  // Gates i, o, f, c; peepholes i, o, f.
  void runLstm(size_t b, UnalignedFloat* gates, const UnalignedFloat* added) const {
    const size_t hidden = layer_.hidden;
    UnalignedFloat *i = gates, *o = i + hidden, *f = o + hidden, *g = f + hidden, *cell = c_ + b * hidden;
    const UnalignedFloat* peep = of_.peepholes;
    add(gates, added, 4 * hidden);
    for (size_t j = 0; peep && j < hidden; j++) {
      i[j] += peep[j] * cell[j];
      f[j] += peep[2 * hidden + j] * cell[j];
    }
    clip(i, hidden);
    activate(kernels_, of_.activations[0], i, hidden);
    if (layer_.inputForget) {
      for (size_t j = 0; j < hidden; j++) f[j] = 1 - i[j];
    } else {
      clip(f, hidden);
      activate(kernels_, of_.activations[0], f, hidden);
    }
    clip(g, hidden);
    activate(kernels_, of_.activations[1], g, hidden);
    for (size_t j = 0; j < hidden; j++) cell[j] = f[j] * cell[j] + i[j] * g[j];
    for (size_t j = 0; peep && j < hidden; j++) o[j] += peep[hidden + j] * cell[j];
    clip(o, hidden);
    activate(kernels_, of_.activations[0], o, hidden);
    UnalignedFloat* h = h_ + b * hidden;
    std::memcpy(g, cell, hidden * sizeof(float));
    activate(kernels_, of_.activations[2], g, hidden);
    for (size_t j = 0; j < hidden; j++) h[j] = o[j] * g[j];
  }

  // Gates z, r, h: the first two, and what the last one takes of the state.
  void runReset(size_t b, UnalignedFloat* gates, const UnalignedFloat* added) const {
    const size_t hidden = layer_.hidden;
    add(gates, added, 2 * hidden);
    clip(gates, 2 * hidden);
    activate(kernels_, of_.activations[0], gates, 2 * hidden);
    const UnalignedFloat *r = gates + hidden, *h = h_ + b * hidden;
    UnalignedFloat* to = reset_ + b * hidden;
    if (!layer_.linearBeforeReset) {
      for (size_t j = 0; j < hidden; j++) to[j] = r[j] * h[j];
      return;
    }
    const UnalignedFloat* bias = of_.bias ? of_.bias + 5 * hidden : nullptr;
    for (size_t j = 0; j < hidden; j++) to[j] = r[j] * (added[2 * hidden + j] + (bias ? bias[j] : 0));
  }
  void runUpdate(size_t b, UnalignedFloat* gates) const {
    const size_t hidden = layer_.hidden;
    const UnalignedFloat* z = gates;
    UnalignedFloat *candidate = gates + 2 * hidden, *h = h_ + b * hidden;
    add(candidate, (layer_.linearBeforeReset ? reset_ : recurrence_) + b * hidden, hidden);
    clip(candidate, hidden);
    activate(kernels_, of_.activations[1], candidate, hidden);
    for (size_t j = 0; j < hidden; j++) h[j] = (1 - z[j]) * candidate[j] + z[j] * h[j];
  }

  const Execution& execution_;
  const KernelTable& kernels_;
  const RecurrentLayer& layer_;
  const RecurrentDirection& of_;
  UnalignedFloat *gates_ = nullptr, *recurrence_ = nullptr, *h_ = nullptr, *c_ = nullptr, *reset_ = nullptr;
};

}  // namespace

Status runDirection(const Execution& execution, const RecurrentLayer& layer, const RecurrentDirection& direction) {
  return Runner(execution, layer, direction).run();
}

}  // namespace pare
