// More or less at the borders: Pad, CenterCropPad.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status pad(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  const std::string_view mode = c.text("mode");
  if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
    return c.optionError("mode is " + std::string(mode) + "; it must be constant, reflect, edge or wrap");
  std::vector<size_t> axes;
  bool hasAxes = false;
  if (c.has(3)) {
    const auto given = c.listOf(3, "axes", hasAxes);
    if (!given) {
      c.setRank(0, x->size());
      return Status::success();
    }
    std::vector<size_t> sorted;
    if (Status status = c.axes(*given, x->size(), sorted); !status.ok()) return status;
    for (const int64_t one : *given)
      axes.push_back(static_cast<size_t>(one < 0 ? one + static_cast<int64_t>(x->size()) : one));
  } else {
    for (size_t axis = 0; axis < x->size(); ++axis) axes.push_back(axis);
  }
  Dims pads;
  if (c.def().attribute("pads")) {
    const auto given = c.integers("pads").value_or(std::vector<int64_t>());
    pads.assign(given.begin(), given.end());
  } else if (const Elements* elements = c.integerElements(1)) {
    for (const Element& one : *elements) pads.push_back(one.integer);
  } else {
    c.setRank(0, x->size());
    return Status::success();
  }
  if (pads.size() != 2 * axes.size())
    return c.shapeError("pads has " + std::to_string(pads.size()) + " numbers; " + std::to_string(2 * axes.size()) +
                        " fit (all begins, then all ends)");
  SymbolTable& symbols = c.symbols();
  Dims result(*x);
  for (size_t i = 0; i < axes.size(); ++i) {
    const Dim both = symbols.add(pads[i], pads[i + axes.size()]);
    result[axes[i]] = symbols.isDimension(both) ? symbols.add(result[axes[i]], both) : c.fresh();
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status centerCropPad(ShapeContext& c) {
  const Dims* x = c.dims(0);
  Dims wanted;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 1, wanted, isKnown); !status.ok()) return status;
  if (!x) return Status::success();
  const auto axes = c.integers("axes");
  Dims result(*x);
  if (!isKnown) {
    c.setRank(0, x->size());
    return Status::success();
  }
  if (wanted.size() != (axes ? axes->size() : x->size())) return c.shapeError("shape must have one size an axis");
  for (size_t i = 0; i < wanted.size(); ++i) {
    size_t axis = i;
    if (axes)
      if (Status status = c.axis((*axes)[i], x->size(), axis, "one of axes"); !status.ok()) return status;
    result[axis] = wanted[i];
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

const OpRows rows({
    {.name = "Pad",
     .since = 2,
     .until = 10,
     .inputs = {{"data", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"mode", text, "constant"}, {"pads", integerList, needed}, {"value", real, 0}},
     .types = {{"T", floats}},
     .shape = pad},
    {.name = "Pad",
     .since = 11,
     .until = 17,
     .inputs = {{"data", "T"}, {"pads", i64}, {"constant_value", "T", optional}},
     .outputs = {{"output", "T"}},
     .attributes = {{"mode", text, "constant"}},
     .types = {{"T", any}},
     .shape = pad},
    {.name = "Pad",
     .since = 18,
     .inputs = {{"data", "T"}, {"pads", i64}, {"constant_value", "T", optional}, {"axes", "Tind", optional}},
     .outputs = {{"output", "T"}},
     .attributes = {{"mode", text, "constant"}},
     .types = {{"T", any}, {"Tind", index}},
     .shape = pad},
    {.name = "CenterCropPad",
     .since = 18,
     .inputs = {{"input_data", "T"}, {"shape", "Tind"}},
     .outputs = {{"output_data", "T"}},
     .attributes = {{"axes", integerList}},
     .types = {{"T", any}, {"Tind", index}},
     .shape = centerCropPad},
});

}  // namespace
}  // namespace pare
