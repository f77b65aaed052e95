// What this project adds to ONNX's operators for the models that it compiles.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// X [..., k] by W [k, n], or [n, k] with transB, and a bias of n and a residual of the result's shape.
Status linear(ShapeContext& c) {
  if (Status status = c.needRank(0, 1, SIZE_MAX, "vectors of inputs"); !status.ok()) return status;
  if (Status status = c.needRank(1, 2, 2, "a matrix"); !status.ok()) return status;
  const Dims *x = c.dims(0), *w = c.dims(1);
  if (!x || !w) return Status::success();
  const size_t rows = c.integer("transB") != 0 ? 1 : 0;
  if (Status status = rules::needSize(c, 1, rows, x->back(), "W must have one row an input"); !status.ok())
    return status;
  Dims result(x->begin(), x->end() - 1);
  result.push_back((*w)[1 - rows]);
  if (c.has(2) && c.dims(2)) {
    if (c.dims(2)->empty()) return c.shapeError("the bias must have one number an output");
    if (Status status =
            rules::needSize(c, 2, c.dims(2)->size() - 1, result.back(), "the bias must have one number an output");
        !status.ok())
      return status;
  }
  if (const Dims* residual = c.dims(3)) {
    Dims joined;
    if (residual->size() != result.size() || !rules::broadcastDims(c.symbols(), result, *residual, joined) ||
        joined != result)
      return c.shapeError("the residual must have the result's dimensions");
  }
  c.setDims(0, result);
  return Status::success();
}

const OpRows rows({
    {.domain = row::pare,
     .name = "Linear",
     .inputs = {{"X", "T"}, {"W", "T"}, {"bias", "T", optional}, {"residual", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"activation", text}, {"activation_params", realList}, {"transB", integer, 0}},
     .types = {{"T", f32}},
     .shape = linear},
});

}  // namespace
}  // namespace pare
