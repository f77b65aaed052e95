// Softmax and its kin, and the losses built on it.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// Before opset 13 everything from the axis on is one row, and an axis at the very end is allowed.
Status softmax(ShapeContext& c) {
  if (const Dims* x = c.dims(0)) {
    size_t axis = 0;
    const int64_t given = c.integer("axis");
    const bool isEnd = c.opset() < 13 && given == static_cast<int64_t>(x->size());
    // A number: opset 13 and ONNX Runtime take axis −1 and 0 of it.
    if (!isEnd && !(x->empty() && given >= -1 && given <= 0))
      if (Status status = c.axis(given, x->size(), axis); !status.ok()) return status;
  }
  return rules::sameAsFirst(c);
}

// The target lacks the scores' second dimension, the classes.
Status classLoss(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, SIZE_MAX, "batch, classes, …"); !status.ok()) return status;
  const Dims *scores = c.dims(0), *target = c.dims(1);
  if (scores) {
    if (Status status = c.needRank(1, scores->size() - 1, scores->size() - 1, "the scores' without the classes");
        !status.ok())
      return status;
    if (Status status = rules::needSize(c, 2, 0, (*scores)[1], "the weights must have one number a class");
        !status.ok())
      return status;
    c.setDims(1, *scores);
  }
  const std::string_view reduction = c.text("reduction");
  if (reduction == "none") {
    if (target) {
      c.setDims(0, *target);
    } else if (scores) {
      Dims dims(*scores);
      dims.erase(dims.begin() + 1);
      c.setDims(0, std::move(dims));
    }
  } else if (reduction == "mean" || reduction == "sum") {
    c.setDims(0, {});
  } else {
    return c.optionError("reduction is " + std::string(reduction) + "; it must be none, mean or sum");
  }
  return Status::success();
}

OpDef softmaxOp(const char* name, int since, int until) {
  return {.name = name,
          .since = since,
          .until = until,
          .inputs = {{"input", "T"}},
          .outputs = {{"output", "T"}},
          .attributes = {{"axis", row::integer, since < 13 ? 1 : -1}},
          .types = {{"T", floats}},
          .traits = trait::inPlace,
          .shape = softmax};
}

const OpRows rows({
    softmaxOp("Softmax", 1, 12),
    softmaxOp("Softmax", 13, 0),
    softmaxOp("LogSoftmax", 1, 12),
    softmaxOp("LogSoftmax", 13, 0),
    softmaxOp("Hardmax", 1, 12),
    softmaxOp("Hardmax", 13, 0),
    {.name = "NegativeLogLikelihoodLoss",
     .since = 12,
     .inputs = {{"input", "T"}, {"target", "Tind"}, {"weight", "T", optional}},
     .outputs = {{"loss", "T"}},
     .attributes = {{"ignore_index", integer}, {"reduction", text, "mean"}},
     .types = {{"T", floats}, {"Tind", index}},
     .shape = classLoss},
    {.name = "SoftmaxCrossEntropyLoss",
     .since = 12,
     .inputs = {{"scores", "T"}, {"labels", "Tind"}, {"weights", "T", optional}},
     .outputs = {{"output", "T"}, {"log_prob", "T", optional}},
     .attributes = {{"ignore_index", integer}, {"reduction", text, "mean"}},
     .types = {{"T", floats}, {"Tind", index}},
     .shape = classLoss},
});

}  // namespace
}  // namespace pare
