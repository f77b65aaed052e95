// Ops that choose elements: TopK, Unique, NonZero, NonMaxSuppression.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status topK(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  Dim k = c.fresh();
  if (c.def().attribute("k")) {
    k = c.integer("k");
  } else if (const Elements* given = c.integerElements(1); given && given->size() == 1) {
    k = given->front().integer;
  }
  if (k.isNumber() && (k.number < 0 || ((*x)[axis].isNumber() && k.number > (*x)[axis].number)))
    return c.shapeError("k is " + std::to_string(k.number) + "; axis " + std::to_string(axis) + " has " +
                        c.name((*x)[axis]));
  Dims result(*x);
  result[axis] = k;
  c.setDims(1, result);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status unique(ShapeContext& c) {
  const Dim found = c.fresh();
  for (const size_t output : {1, 3}) c.setDims(output, {found});
  const Dims* x = c.dims(0);
  if (!c.hasAttribute("axis")) {
    c.setDims(0, {found});
    c.setDims(2, {x ? elementCount(c.symbols(), *x) : c.fresh()});
    return Status::success();
  }
  if (!x) {
    c.setRank(2, 1);
    return Status::success();
  }
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  c.setDims(2, {(*x)[axis]});
  Dims result(*x);
  result[axis] = found;
  c.setDims(0, std::move(result));
  return Status::success();
}

// One column for every element that is not zero, one row a dimension.
Status nonZero(ShapeContext& c) {
  const Dims* x = c.dims(0);
  // What a number gives differs between the specification and ONNX Runtime.
  const Dim rank = x && !x->empty() ? Dim(static_cast<int64_t>(x->size())) : c.fresh();
  c.setDims(0, {rank, c.fresh()});
  return Status::success();
}

Status nonMaxSuppression(ShapeContext& c) {
  for (const size_t input : {0, 1})
    if (Status status = c.needRank(input, 3, 3); !status.ok()) return status;
  if (Status status = rules::needSize(c, 0, 2, 4, "boxes must end in 4 coordinates"); !status.ok()) return status;
  c.setDims(0, {c.fresh(), 3});
  return Status::success();
}

OpDef topKOp(int since, int until, bool hasInput, std::vector<AttributeDef> attributes) {
  OpDef def{.name = "TopK",
            .since = since,
            .until = until,
            .inputs = {{"X", "T"}},
            .outputs = {{"Values", "T"}, {"Indices", i64}},
            .attributes = std::move(attributes),
            .types = {{"T", numbers}},
            .shape = topK};
  if (hasInput) def.inputs.push_back({"K", i64});
  return def;
}

const OpRows rows({
    topKOp(1, 9, false, {{"axis", row::integer, -1}, {"k", row::integer, needed}}),
    topKOp(10, 10, true, {{"axis", row::integer, -1}}),
    topKOp(11, 0, true, {{"axis", row::integer, -1}, {"largest", row::integer, 1}, {"sorted", row::integer, 1}}),
    {.name = "Unique",
     .since = 11,
     .inputs = {{"X", "T"}},
     .outputs = {{"Y", "T"}, {"indices", i64, optional}, {"inverse_indices", i64, optional}, {"counts", i64, optional}},
     .attributes = {{"axis", integer}, {"sorted", integer, 1}},
     .types = {{"T", any}},
     .shape = unique},
    {.name = "NonZero",
     .since = 9,
     .inputs = {{"X", "T"}},
     .outputs = {{"Y", i64}},
     .types = {{"T", any}},
     .shape = nonZero},
    {.name = "NonMaxSuppression",
     .since = 10,
     .inputs = {{"boxes", f32},
                {"scores", f32},
                {"max_output_boxes_per_class", i64, optional},
                {"iou_threshold", f32, optional},
                {"score_threshold", f32, optional}},
     .outputs = {{"selected_indices", i64}},
     .attributes = {{"center_point_box", integer, 0}},
     .shape = nonMaxSuppression},
});

}  // namespace
}  // namespace pare
