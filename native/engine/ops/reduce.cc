// Reductions over axes, ArgMax, ArgMin, CumSum.
#include <algorithm>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status reduced(ShapeContext& c, bool& isTotal) {
  isTotal = false;
  const Dims* x = c.dims(0);
  const bool keeps = c.integer("keepdims") != 0;
  bool isGiven = false;
  const auto list = c.listOf(1, "axes", isGiven);
  if (!x) return Status::success();
  if (isGiven && !list) {
    if (keeps) c.setRank(0, x->size());
    return Status::success();
  }
  if ((!list || list->empty()) && c.integer("noop_with_empty_axes") != 0) return rules::copyOfFirst(c);
  std::vector<size_t> axes;
  if (list && !list->empty()) {
    if (Status status = c.axes(*list, x->size(), axes); !status.ok()) return status;
  } else {
    for (size_t axis = 0; axis < x->size(); ++axis) axes.push_back(axis);
  }
  Dims result;
  for (size_t axis = 0; axis < x->size(); ++axis) {
    if (!std::binary_search(axes.begin(), axes.end(), axis))
      result.push_back((*x)[axis]);
    else if (keeps)
      result.push_back(1);
  }
  isTotal = axes.size() == x->size();
  c.setDims(0, std::move(result));
  return Status::success();
}

Status reduce(ShapeContext& c) {
  bool isTotal = false;
  return reduced(c, isTotal);
}

// Sums and products of sizes: x.numel() and the like.
template <ElementOp op>
Status reduceElements(ShapeContext& c) {
  bool isTotal = false;
  if (Status status = reduced(c, isTotal); !status.ok() || !isTotal) return status;
  const Elements* x = c.elements(0);
  if (!x || x->empty()) return Status::success();
  Element total = x->front();
  for (size_t i = 1; i < x->size(); ++i) total = combine(c.symbols(), op, c.in(0).dtype, total, (*x)[i]);
  c.setElements(0, {total});
  return Status::success();
}

Status argExtreme(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  size_t axis = 0;
  // A number: ONNX Runtime takes axis 0 of it.
  if (x->empty()) {
    c.setDims(0, {});
    return Status::success();
  }
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  Dims result(*x);
  if (c.integer("keepdims") != 0)
    result[axis] = 1;
  else
    result.erase(result.begin() + static_cast<ptrdiff_t>(axis));
  c.setDims(0, std::move(result));
  return Status::success();
}

Status cumSum(ShapeContext& c) {
  if (const Dims* x = c.dims(0)) {
    const auto given = c.numbers(1);
    size_t axis = 0;
    if (given && given->size() == 1)
      if (Status status = c.axis((*given)[0], x->size(), axis); !status.ok()) return status;
  }
  return rules::sameAsFirst(c);
}

OpDef oldReduce(const char* name, int until, ShapeFunction shape) {
  return {.name = name,
          .since = 1,
          .until = until,
          .inputs = {{"data", "T"}},
          .outputs = {{"reduced", "T"}},
          .attributes = {{"axes", integerList}, {"keepdims", row::integer, 1}},
          .types = {{"T", numbers | boolean}},
          .shape = shape};
}
OpDef newReduce(const char* name, int since, ShapeFunction shape) {
  return {.name = name,
          .since = since,
          .inputs = {{"data", "T"}, {"axes", i64, optional}},
          .outputs = {{"reduced", "T"}},
          .attributes = {{"keepdims", row::integer, 1}, {"noop_with_empty_axes", row::integer, 0}},
          .types = {{"T", numbers | boolean}},
          .shape = shape};
}
OpDef arg(const char* name, int since, int until) {
  OpDef def{.name = name,
            .since = since,
            .until = until,
            .inputs = {{"data", "T"}},
            .outputs = {{"reduced", i64}},
            .attributes = {{"axis", row::integer, 0}, {"keepdims", row::integer, 1}},
            .types = {{"T", numbers}},
            .shape = argExtreme};
  if (since >= 12) def.attributes.push_back({"select_last_index", row::integer, 0});
  return def;
}

const OpRows rows({
    oldReduce("ReduceSum", 12, reduceElements<ElementOp::add>),
    newReduce("ReduceSum", 13, reduceElements<ElementOp::add>),
    oldReduce("ReduceProd", 17, reduceElements<ElementOp::multiply>),
    newReduce("ReduceProd", 18, reduceElements<ElementOp::multiply>),
    oldReduce("ReduceMax", 17, reduceElements<ElementOp::maximum>),
    newReduce("ReduceMax", 18, reduceElements<ElementOp::maximum>),
    oldReduce("ReduceMin", 17, reduceElements<ElementOp::minimum>),
    newReduce("ReduceMin", 18, reduceElements<ElementOp::minimum>),
    oldReduce("ReduceMean", 17, reduce),
    newReduce("ReduceMean", 18, reduce),
    oldReduce("ReduceL1", 17, reduce),
    newReduce("ReduceL1", 18, reduce),
    oldReduce("ReduceL2", 17, reduce),
    newReduce("ReduceL2", 18, reduce),
    oldReduce("ReduceLogSum", 17, reduce),
    newReduce("ReduceLogSum", 18, reduce),
    oldReduce("ReduceLogSumExp", 17, reduce),
    newReduce("ReduceLogSumExp", 18, reduce),
    oldReduce("ReduceSumSquare", 17, reduce),
    newReduce("ReduceSumSquare", 18, reduce),
    arg("ArgMax", 1, 11),
    arg("ArgMax", 12, 0),
    arg("ArgMin", 1, 11),
    arg("ArgMin", 12, 0),
    {.name = "CumSum",
     .since = 11,
     .inputs = {{"x", "T"}, {"axis", "T2"}},
     .outputs = {{"y", "T"}},
     .attributes = {{"exclusive", integer, 0}, {"reverse", integer, 0}},
     .types = {{"T", numbers}, {"T2", index}},
     .shape = cumSum},
});

}  // namespace
}  // namespace pare
