// Running the losses over classes, and their gradients.
#include <cmath>

#include "engine/row-ops.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

enum class Reduction : uint8_t { none, mean, sum };

// Scores [batch, classes, inner…], labels [batch, inner…].
struct Loss {
  size_t batch, classes, inner;
  Reduction reduction;
  const TensorView* labels;
  const UnalignedFloat* weights;  // of each class, or null
  bool ignores;
  int64_t ignored;

  size_t count() const { return batch * inner; }
  int64_t label(size_t i) const {
    return labels->dtype == DataType::int32 ? int64_t{labels->as<int32_t>()[i]} : int64_t{labels->as<int64_t>()[i]};
  }
  bool isIgnored(int64_t label) const { return ignores && label == ignored; }
  float weightOf(int64_t label) const { return weights ? weights[label] : 1.0f; }
  // Of the score of the class `label` for the i-th label.
  size_t place(size_t i, int64_t label) const {
    return (i / inner * classes + static_cast<size_t>(label)) * inner + i % inner;
  }
};

Status readLoss(const RunContext& c, const TensorView& scores, size_t labels, Loss& loss) {
  const NodeReader reader = c.reader();
  const std::string_view reduction = reader.text("reduction");
  loss = {.batch = static_cast<size_t>(scores.dims[0]),
          .classes = static_cast<size_t>(scores.dims[1]),
          .inner = scores.inner(2),
          .reduction = reduction == "none"  ? Reduction::none
                       : reduction == "sum" ? Reduction::sum
                                            : Reduction::mean,
          .labels = &c.in(labels),
          .weights = c.has(labels + 1) ? c.in(labels + 1).floats() : nullptr,
          .ignores = reader.hasAttribute("ignore_index"),
          .ignored = reader.hasAttribute("ignore_index") ? reader.integer("ignore_index") : 0};
  if (loss.labels->count() != loss.count() || (loss.weights && c.in(labels + 1).count() != loss.classes))
    return Status::shape(reader.label() + ": labels or weights do not fit the scores");
  for (size_t i = 0; i < loss.count(); i++) {
    const int64_t label = loss.label(i);
    if (loss.isIgnored(label) || (label >= 0 && static_cast<size_t>(label) < loss.classes)) continue;
    return Status::option(reader.label() + ": label " + std::to_string(i) + " is " + std::to_string(label) +
                          "; there are " + std::to_string(loss.classes) + " classes, from 0 on");
  }
  return Status::success();
}

double totalWeight(const Loss& loss) {
  double total = 0;
  for (size_t i = 0; i < loss.count(); i++)
    if (const int64_t label = loss.label(i); !loss.isIgnored(label)) total += loss.weightOf(label);
  return total;
}

void computeLoss(const Loss& loss, const UnalignedFloat* logarithms, UnalignedFloat* out) {
  double sum = 0;
  for (size_t i = 0; i < loss.count(); i++) {
    const int64_t label = loss.label(i);
    const float value = loss.isIgnored(label) ? 0.0f : -loss.weightOf(label) * logarithms[loss.place(i, label)];
    sum += value;
    if (loss.reduction == Reduction::none) out[i] = value;
  }
  if (loss.reduction != Reduction::none)
    out[0] = static_cast<float>(loss.reduction == Reduction::mean ? sum / totalWeight(loss) : sum);
}

Status runSoftmaxCrossEntropy(RunContext& c) {
  const TensorView& scores = c.in(0);
  Loss loss{};
  if (Status status = readLoss(c, scores, 1, loss); !status.ok()) return status;
  const Scratch scratch(c.wants(1) ? 0 : scores.byteLength());
  UnalignedFloat* logarithms = c.wants(1) ? c.out(1).floats() : scratch.as<UnalignedFloat>();
  if (!logarithms && scores.count() > 0) return Status::memory("no memory for logarithms of probabilities");
  if (Status status = softmax(*c.execution, scores.floats(), logarithms, loss.batch, loss.classes, loss.inner, true);
      !status.ok())
    return status;
  computeLoss(loss, logarithms, c.out(0).floats());
  return Status::success();
}

Status runNegativeLogLikelihood(RunContext& c) {
  Loss loss{};
  if (Status status = readLoss(c, c.in(0), 1, loss); !status.ok()) return status;
  computeLoss(loss, c.in(0).floats(), c.out(0).floats());
  return Status::success();
}

// What the i-th label's loss counts for.
template <class Visit>
Status eachLabel(RunContext& c, Visit&& visit) {
  Loss loss{};
  if (Status status = readLoss(c, c.in(1), 2, loss); !status.ok()) return status;
  const TensorView& gradient = c.in(0);
  const bool isEach = loss.reduction == Reduction::none;
  if (gradient.count() != (isEach ? loss.count() : 1))
    return Status::shape(c.reader().label() + ": the gradient does not have the loss's dimensions");
  const double share = loss.reduction == Reduction::mean ? 1 / totalWeight(loss) : 1;
  const size_t grain = std::max<size_t>(1, elementwiseGrain / std::max<size_t>(1, loss.classes));
  c.execution->forEachChunk(loss.count(), grain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const int64_t label = loss.label(i);
      const double factor =
          loss.isIgnored(label) ? 0 : share * double{gradient.floats()[isEach ? i : 0]} * loss.weightOf(label);
      visit(loss, i, label, static_cast<float>(factor));
    }
  });
  return c.execution->outcome();
}

// d = factor · (softmax − one at the label)
Status runSoftmaxCrossEntropyGrad(RunContext& c) {
  const UnalignedFloat* logarithms = c.in(1).floats();
  UnalignedFloat* out = c.out(0).floats();
  const MathKernels::Map exponential = (*c.execution->kernels.math)[Unary::exp];
  return eachLabel(c, [&](const Loss& loss, size_t i, int64_t label, float factor) {
    const size_t first = loss.place(i, 0);
    if (loss.inner == 1) {
      if (factor == 0) {
        std::fill_n(out + first, loss.classes, 0.0f);
        return;
      }
      exponential(logarithms + first, out + first, loss.classes, {});
      for (size_t k = 0; k < loss.classes; k++) out[first + k] *= factor;
    } else {
      for (size_t k = 0; k < loss.classes; k++)
        out[first + k * loss.inner] = factor == 0 ? 0 : factor * std::exp(logarithms[first + k * loss.inner]);
    }
    if (factor != 0) out[loss.place(i, label)] -= factor;
  });
}

Status runNegativeLogLikelihoodGrad(RunContext& c) {
  UnalignedFloat* out = c.out(0).floats();
  return eachLabel(c, [&](const Loss& loss, size_t i, int64_t label, float factor) {
    for (size_t k = 0; k < loss.classes; k++) out[loss.place(i, static_cast<int64_t>(k))] = 0;
    if (factor != 0) out[loss.place(i, label)] = -factor;
  });
}

Status prepareLoss(PrepareContext& c) { return c.needType(types::f32); }

const OpRuns runs({
    {"SoftmaxCrossEntropyLoss", runSoftmaxCrossEntropy, prepareLoss},
    {"NegativeLogLikelihoodLoss", runNegativeLogLikelihood, prepareLoss},
    {"SoftmaxCrossEntropyGrad", runSoftmaxCrossEntropyGrad, nullptr, "pare"},
    {"NegativeLogLikelihoodGrad", runNegativeLogLikelihoodGrad, nullptr, "pare"},
});

}  // namespace
}  // namespace pare
