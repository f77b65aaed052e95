// The same elements under other dimensions, and Transpose, Expand, Tile, DepthToSpace.
#include <algorithm>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

void keepElements(ShapeContext& c) {
  if (c.outputCount() > 0) c.out(0).elements = c.in(0).elements;
}

// The dimension that makes `data` and `wanted` have as many elements; equal factors cancel first, so that symbols
// survive: [batch, seq, 768] into [batch, seq, 12, ?] leaves 768/12.
Dim missingFactor(ShapeContext& c, Dims data, Dims wanted) {
  for (auto one = wanted.begin(); one != wanted.end();) {
    const auto same = std::find(data.begin(), data.end(), *one);
    if (same == data.end()) {
      ++one;
      continue;
    }
    data.erase(same);
    one = wanted.erase(one);
  }
  SymbolTable& symbols = c.symbols();
  const Dim total = elementCount(symbols, data), known = elementCount(symbols, wanted);
  if (known.is(0)) return total.is(0) ? Dim(0) : c.fresh();
  return symbols.floorDivide(total, known);
}

Status reshape(ShapeContext& c) {
  if (Status status = c.needRank(1, 1, 1, "a list of sizes"); !status.ok()) return status;
  const Elements* shape = c.integerElements(1);
  if (!shape) return Status::success();
  const Dims* data = c.dims(0);
  SymbolTable& symbols = c.symbols();
  const bool allowZero = c.integer("allowzero") != 0;
  Dims result;
  std::vector<size_t> inferred, unknown;
  for (size_t i = 0; i < shape->size(); ++i) {
    const Dim size = (*shape)[i].integer;
    if (size.is(0) && !allowZero) {
      if (data && i >= data->size())
        return c.shapeError("shape has 0 (as in data) at " + std::to_string(i) + ", where data has no dimension");
      result.push_back(data ? (*data)[i] : c.fresh());
    } else if (size.is(-1)) {
      inferred.push_back(i);
      result.push_back(c.fresh());
    } else if (size.isNumber() && size.number < 0) {
      return c.shapeError("shape has " + std::to_string(size.number) + "; sizes are positive, 0 or -1");
    } else if (!symbols.isDimension(size)) {
      // Of unknown sign: it may be 0 or −1.
      unknown.push_back(i);
      result.push_back(c.fresh());
    } else {
      result.push_back(size);
    }
  }
  if (inferred.size() > 1) return c.shapeError("shape has -1 more than once");
  if (data) {
    std::vector<size_t> open(inferred);
    open.insert(open.end(), unknown.begin(), unknown.end());
    if (open.empty()) {
      const Dim before = elementCount(symbols, *data), after = elementCount(symbols, result);
      if (before.isNumber() && after.isNumber() && before != after)
        return c.shapeError("the " + c.name(before) + " elements of data do not fit " + symbols.name(result));
    } else if (open.size() == 1) {
      Dims others(result);
      others.erase(others.begin() + static_cast<ptrdiff_t>(open[0]));
      const Dim total = elementCount(symbols, *data), known = elementCount(symbols, others);
      const bool isWrong = total.isNumber() && known.isNumber() && known.number > 0 && total.number % known.number != 0;
      if (isWrong && !inferred.empty()) {
        others.insert(others.begin() + static_cast<ptrdiff_t>(open[0]), Dim(-1));
        return c.shapeError("the " + c.name(total) + " elements of data do not divide into " + symbols.name(others));
      }
      if (!isWrong) result[open[0]] = missingFactor(c, *data, others);
    }
  }
  keepElements(c);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status flatten(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) {
    c.setRank(0, 2);
    return Status::success();
  }
  const auto rank = static_cast<int64_t>(x->size());
  int64_t axis = c.integer("axis");
  if (axis < -rank || axis > rank)
    return c.shapeError("axis is " + std::to_string(axis) + "; it must be between " + std::to_string(-rank) + " and " +
                        std::to_string(rank));
  if (axis < 0) axis += rank;
  const auto middle = x->begin() + static_cast<ptrdiff_t>(axis);
  c.setDims(0,
            {elementCount(c.symbols(), Dims(x->begin(), middle)), elementCount(c.symbols(), Dims(middle, x->end()))});
  keepElements(c);
  return Status::success();
}

Status squeeze(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  bool isGiven = false;
  const auto list = c.listOf(1, "axes", isGiven);
  if (isGiven && !list) {
    // As many are dropped as the list is long.
    const Dims* axes = c.dims(1);
    if (axes && axes->size() == 1 && (*axes)[0].isNumber() && (*axes)[0].number <= static_cast<int64_t>(x->size()))
      c.setRank(0, x->size() - static_cast<size_t>((*axes)[0].number));
    return Status::success();
  }
  std::vector<size_t> dropped;
  if (list && !list->empty()) {
    if (Status status = c.axes(*list, x->size(), dropped); !status.ok()) return status;
    for (const size_t axis : dropped)
      if ((*x)[axis].isNumber() && !(*x)[axis].is(1))
        return c.shapeError("axis " + std::to_string(axis) + " has " + c.name((*x)[axis]) +
                            " elements; only dimensions of 1 can be dropped");
  } else {
    for (size_t axis = 0; axis < x->size(); ++axis) {
      if (!(*x)[axis].isNumber()) return Status::success();
      if ((*x)[axis].is(1)) dropped.push_back(axis);
    }
  }
  Dims result;
  for (size_t axis = 0; axis < x->size(); ++axis)
    if (!std::binary_search(dropped.begin(), dropped.end(), axis)) result.push_back((*x)[axis]);
  keepElements(c);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status unsqueeze(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  bool isGiven = false;
  const auto list = c.listOf(1, "axes", isGiven);
  if (!list) {
    const Dims* axes = c.dims(1);
    if (axes && axes->size() == 1 && (*axes)[0].isNumber() && (*axes)[0].number <= 64)
      c.setRank(0, x->size() + static_cast<size_t>((*axes)[0].number));
    return Status::success();
  }
  std::vector<size_t> added;
  if (Status status = c.axes(*list, x->size() + list->size(), added); !status.ok()) return status;
  Dims result;
  auto from = x->begin();
  for (size_t axis = 0; axis < x->size() + added.size(); ++axis)
    result.push_back(std::binary_search(added.begin(), added.end(), axis) ? Dim(1) : *from++);
  keepElements(c);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status transpose(ShapeContext& c) {
  const Dims* x = c.dims(0);
  const auto given = c.integers("perm");
  if (!x) {
    if (given) c.setRank(0, given->size());
    return Status::success();
  }
  std::vector<size_t> order;
  if (given) {
    if (given->size() != x->size())
      return c.shapeError("perm has " + std::to_string(given->size()) + " axes for " + std::to_string(x->size()) +
                          " dimensions");
    std::vector<size_t> sorted;
    if (Status status = c.axes(*given, x->size(), sorted); !status.ok()) return status;
    for (const int64_t axis : *given)
      order.push_back(static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(x->size()) : axis));
  } else {
    for (size_t axis = x->size(); axis-- > 0;) order.push_back(axis);
  }
  Dims result;
  for (const size_t axis : order) result.push_back((*x)[axis]);
  if (const Elements* elements = c.elements(0)) {
    const auto from = smallShape(*x), to = smallShape(result);
    if (from && to) {
      std::vector<int64_t> stride(x->size(), 1);
      for (size_t axis = x->size(); axis-- > 1;) stride[axis - 1] = stride[axis] * from->dims[axis];
      c.setElements(0, arrange(*to, *elements, [&](auto index) {
                      int64_t position = 0;
                      for (size_t i = 0; i < order.size(); ++i) position += index[i] * stride[order[i]];
                      return position;
                    }));
    }
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status expand(ShapeContext& c) {
  Dims shape;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 1, shape, isKnown); !status.ok()) return status;
  const Dims* x = c.dims(0);
  if (!isKnown || !x) return Status::success();
  Dims result;
  if (!rules::broadcastDims(c.symbols(), *x, shape, result))
    return c.shapeError("the input does not broadcast with " + c.symbols().name(shape));
  if (const Elements* elements = c.elements(0)) {
    const auto from = smallShape(*x), to = smallShape(result);
    if (from && to)
      c.setElements(0, arrange(*to, *elements, [&](auto index) { return broadcastPosition(from->dims, index); }));
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status tile(ShapeContext& c) {
  Dims repeats;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 1, repeats, isKnown); !status.ok()) return status;
  const Dims* x = c.dims(0);
  if (!x) {
    if (isKnown) c.setRank(0, repeats.size());
    return Status::success();
  }
  if (!isKnown) {
    c.setRank(0, x->size());
    return Status::success();
  }
  if (repeats.size() != x->size())
    return c.shapeError(std::to_string(repeats.size()) + " repeats are given for " + std::to_string(x->size()) +
                        " dimensions");
  Dims result;
  for (size_t axis = 0; axis < x->size(); ++axis) result.push_back(c.symbols().multiply((*x)[axis], repeats[axis]));
  if (const Elements* elements = c.elements(0)) {
    const auto from = smallShape(*x), to = smallShape(result);
    if (from && to) {
      c.setElements(0, arrange(*to, *elements, [&](auto index) {
                      int64_t position = 0;
                      for (size_t axis = 0; axis < from->dims.size(); ++axis)
                        position = position * from->dims[axis] + index[axis] % from->dims[axis];
                      return position;
                    }));
    }
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

// Blocks of block² channels become block × block places, or the reverse.
Status depthSpace(ShapeContext& c, bool toSpace) {
  if (Status status = c.needRank(0, 4, 4, "batch, channels, height, width"); !status.ok()) return status;
  const Dims* x = c.dims(0);
  const int64_t block = c.integer("blocksize");
  if (block < 1 || block > INT32_MAX) return c.optionError("blocksize is " + std::to_string(block));
  if (!x) {
    c.setRank(0, 4);
    return Status::success();
  }
  SymbolTable& symbols = c.symbols();
  const auto divides = [](Dim dim, int64_t by) { return !dim.isNumber() || dim.number % by == 0; };
  if (toSpace) {
    if (!divides((*x)[1], block * block))
      return c.shapeError("the channels must be a multiple of blocksize² = " + std::to_string(block * block));
    c.setDims(0, {(*x)[0], symbols.floorDivide((*x)[1], block * block), symbols.multiply((*x)[2], block),
                  symbols.multiply((*x)[3], block)});
  } else {
    if (!divides((*x)[2], block) || !divides((*x)[3], block))
      return c.shapeError("height and width must be multiples of blocksize " + std::to_string(block));
    c.setDims(0, {(*x)[0], symbols.multiply((*x)[1], block * block), symbols.floorDivide((*x)[2], block),
                  symbols.floorDivide((*x)[3], block)});
  }
  return Status::success();
}
Status depthToSpace(ShapeContext& c) { return depthSpace(c, true); }
Status spaceToDepth(ShapeContext& c) { return depthSpace(c, false); }

constexpr unsigned view = trait::view | trait::inPlace;

OpDef dataOp(const char* name, int since, int until, std::vector<Parameter> more, const char* out,
             std::vector<AttributeDef> attributes, unsigned traits, ShapeFunction shape) {
  more.insert(more.begin(), {"data", "T"});
  return {.name = name,
          .since = since,
          .until = until,
          .inputs = std::move(more),
          .outputs = {{out, "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", any}},
          .traits = traits,
          .shape = shape};
}

const OpRows rows({
    dataOp("Reshape", 5, 13, {{"shape", i64}}, "reshaped", {}, view, reshape),
    dataOp("Reshape", 14, 0, {{"shape", i64}}, "reshaped", {{"allowzero", row::integer, 0}}, view, reshape),
    dataOp("Flatten", 1, 0, {}, "output", {{"axis", row::integer, 1}}, view, flatten),
    dataOp("Squeeze", 1, 12, {}, "squeezed", {{"axes", integerList}}, view, squeeze),
    dataOp("Squeeze", 13, 0, {{"axes", i64, optional}}, "squeezed", {}, view, squeeze),
    dataOp("Unsqueeze", 1, 12, {}, "expanded", {{"axes", integerList, needed}}, view, unsqueeze),
    dataOp("Unsqueeze", 13, 0, {{"axes", i64}}, "expanded", {}, view, unsqueeze),
    dataOp("Transpose", 1, 0, {}, "transposed", {{"perm", integerList}}, 0, transpose),
    dataOp("Expand", 8, 0, {{"shape", i64}}, "output", {}, 0, expand),
    dataOp("Tile", 6, 0, {{"repeats", i64}}, "output", {}, 0, tile),
    dataOp("DepthToSpace", 1, 10, {}, "output", {{"blocksize", row::integer, needed}}, 0, depthToSpace),
    dataOp("DepthToSpace", 11, 0, {}, "output", {{"blocksize", row::integer, needed}, {"mode", text, "DCR"}}, 0,
           depthToSpace),
    dataOp("SpaceToDepth", 1, 0, {}, "output", {{"blocksize", row::integer, needed}}, 0, spaceToDepth),
});

}  // namespace
}  // namespace pare
