// Parts of tensors and tensors of parts: Concat, Split, Slice, and kin.
#include <algorithm>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status concat(ShapeContext& c) {
  if (c.inputCount() == 0) return Status::success();
  SymbolTable& symbols = c.symbols();
  Dims result;
  bool isKnown = true;
  size_t axis = 0;
  for (size_t i = 0; i < c.inputCount(); ++i) {
    const Dims* one = c.dims(i);
    if (!one) {
      isKnown = false;
      continue;
    }
    if (result.empty()) {
      if (Status status = c.axis(c.integer("axis"), one->size(), axis); !status.ok()) return status;
      result = *one;
      continue;
    }
    if (one->size() != result.size()) return c.shapeError("all inputs must have as many dimensions");
    for (size_t at = 0; at < result.size(); ++at) {
      if (at == axis)
        result[at] = symbols.add(result[at], (*one)[at]);
      else if (!symbols.join(result[at], (*one)[at], result[at]))
        return c.shapeError("all dimensions but the one of axis " + std::to_string(axis) + " must match (" +
                            c.name(result[at]) + ", " + c.name((*one)[at]) + ")");
    }
  }
  if (!isKnown) {
    if (!result.empty()) {
      result[axis] = c.fresh();
      c.setDims(0, std::move(result));
    }
    return Status::success();
  }
  c.setDims(0, std::move(result));
  if (axis != 0) return Status::success();
  // Along the first axis elements follow one another. One part that is known is worth following.
  bool isAnyKnown = false;
  for (size_t i = 0; i < c.inputCount(); ++i) isAnyKnown = isAnyKnown || c.elements(i);
  Elements elements;
  for (size_t i = 0; i < c.inputCount() && isAnyKnown; ++i) {
    const Elements* part = c.elements(i) ? c.elements(i) : c.integerElements(i);
    if (!part || elements.size() + part->size() > maxKnownElements) return Status::success();
    elements.insert(elements.end(), part->begin(), part->end());
  }
  if (isAnyKnown) c.setElements(0, std::move(elements));
  return Status::success();
}

// The elements of a box of the first input: along each axis from `start` by `step`.
void sliceElements(ShapeContext& c, size_t output, const std::vector<int64_t>& start,
                   const std::vector<int64_t>& step) {
  const Elements* elements = c.elements(0);
  if (!elements || output >= c.outputCount()) return;
  const auto from = smallShape(*c.dims(0)), to = smallShape(c.out(output).dims);
  if (!from || !to) return;
  c.setElements(output, arrange(*to, *elements, [&](auto index) {
                  int64_t position = 0;
                  for (size_t axis = 0; axis < from->dims.size(); ++axis)
                    position = position * from->dims[axis] + start[axis] + index[axis] * step[axis];
                  return position;
                }));
}

Status split(ShapeContext& c) {
  const Dims* x = c.dims(0);
  const size_t count = c.outputCount();
  if (!x || count == 0) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  SymbolTable& symbols = c.symbols();
  const Dim whole = (*x)[axis];
  bool isGiven = false;
  const auto sizes = c.listOf(1, "split", isGiven);
  Dims parts;
  if (sizes && !sizes->empty()) {
    if (sizes->size() != count)
      return c.shapeError("split has " + std::to_string(sizes->size()) + " sizes for " + std::to_string(count) +
                          " outputs");
    Dim total = 0;
    for (const int64_t size : *sizes) {
      if (size < 0) return c.shapeError("split has a size of " + std::to_string(size));
      parts.push_back(size);
      total = symbols.add(total, size);
    }
    if (whole.isNumber() && total != whole)
      return c.shapeError("the sizes of split sum to " + c.name(total) + "; axis " + std::to_string(axis) + " has " +
                          c.name(whole));
  } else if (isGiven && !sizes) {
    const Elements* known = c.integerElements(1);
    for (size_t i = 0; i < count; ++i)
      parts.push_back(known && known->size() == count ? (*known)[i].integer : c.fresh());
  } else {
    const auto n = static_cast<int64_t>(c.hasAttribute("num_outputs") ? std::max<int64_t>(c.integer("num_outputs"), 1)
                                                                      : static_cast<int64_t>(count));
    if (c.hasAttribute("num_outputs") && n != static_cast<int64_t>(count))
      return c.shapeError("num_outputs is " + std::to_string(n) + ", the node has " + std::to_string(count));
    // From opset 18 on the last part may be smaller.
    if (c.opset() < 18 && whole.isNumber() && whole.number % n != 0)
      return c.shapeError("axis " + std::to_string(axis) + " does not divide into " + std::to_string(n) +
                          " equal parts");
    const Dim part = symbols.ceilDivide(whole, n);
    parts.assign(count, part);
    if (whole.isNumber())
      parts.back() = std::max<int64_t>(whole.number - part.number * (n - 1), 0);
    else if (!symbols.modulo(whole, n).is(0) && c.opset() >= 18)
      parts.back() = c.fresh();
    else if (c.opset() < 18)
      parts.assign(count, symbols.floorDivide(whole, n));
  }
  Dim begin = 0;
  for (size_t i = 0; i < count; ++i) {
    Dims dims(*x);
    dims[axis] = parts[i];
    c.setDims(i, std::move(dims));
    if (begin.isNumber()) {
      std::vector<int64_t> start(x->size(), 0);
      start[axis] = begin.number;
      sliceElements(c, i, start, std::vector<int64_t>(x->size(), 1));
    }
    begin = symbols.add(begin, parts[i]);
  }
  return Status::success();
}

// One axis of a Slice: how many elements it leaves, and where it starts if that is known.
struct Cut {
  Dim count;
  std::optional<int64_t> start;
};

// Bounds beyond 2³¹ mean "to the end"; exporters write INT64_MAX, INT32_MAX and their negatives.
constexpr int64_t endless = INT32_MAX;

Cut cutOf(ShapeContext& c, Dim size, Dim start, Dim end, int64_t step) {
  SymbolTable& symbols = c.symbols();
  if (size.isNumber() && start.isNumber() && end.isNumber()) {
    const rules::Cut known = rules::cut(size.number, start.number, end.number, step);
    return {known.count, known.start};
  }
  if (step < 0) {
    const bool isWhole = (start.is(-1) || (start.isNumber() && start.number >= endless)) && end.isNumber() &&
                         end.number <= -endless && step == -1;
    return {isWhole ? size : c.fresh(), std::nullopt};
  }
  const auto bound = [&](Dim at) -> Dim {
    if (at.isNumber()) {
      if (at.number >= endless) return size;
      if (at.number <= -endless) return 0;
      if (at.number < 0)
        return size.isNumber() ? Dim(std::max<int64_t>(size.number + at.number, 0)) : symbols.add(size, at);
      return symbols.minimum(at, size);
    }
    return symbols.minimum(at, size);
  };
  if (!symbols.isDimension(start) || !symbols.isDimension(end)) return {c.fresh(), std::nullopt};
  // A symbolic axis is taken to be long enough for a number it starts at.
  const Dim first = start.isNumber() && start.number >= 0 && start.number < endless ? start : bound(start);
  const bool isNothing = first.isNumber() && end.isNumber() && end.number >= 0 && end.number <= first.number;
  Dim length = isNothing ? Dim(0) : symbols.subtract(bound(end), first);
  if (length.isNumber() && length.number < 0) length = 0;
  return {symbols.ceilDivide(length, step), first.isNumber() ? std::optional(first.number) : std::nullopt};
}

Status slice(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  const size_t rank = x->size();
  const auto listFrom = [&](size_t input, const char* name) -> std::optional<Dims> {
    if (c.def().attribute(name)) {
      const auto list = c.integers(name);
      return list ? std::optional<Dims>(Dims(list->begin(), list->end())) : std::nullopt;
    }
    const Elements* elements = c.integerElements(input);
    if (!elements) return std::nullopt;
    Dims list;
    for (const Element& one : *elements) list.push_back(one.integer);
    return list;
  };
  const auto starts = listFrom(1, "starts"), ends = listFrom(2, "ends");
  bool hasAxes = false, hasSteps = false;
  auto axes = c.listOf(3, "axes", hasAxes);
  auto steps = c.has(4) ? c.listOf(4, "steps", hasSteps) : std::nullopt;
  if (!starts || !ends || (hasAxes && !axes)) {
    c.setRank(0, rank);
    return Status::success();
  }
  if (!hasAxes) {
    axes.emplace();
    for (size_t i = 0; i < starts->size(); ++i) axes->push_back(static_cast<int64_t>(i));
  }
  if (starts->size() != ends->size() || axes->size() != starts->size() || (steps && steps->size() != axes->size()))
    return c.shapeError("starts, ends, axes and steps must be equally long");
  std::vector<size_t> sorted;
  if (Status status = c.axes(*axes, rank, sorted); !status.ok()) return status;
  Dims result(*x);
  std::vector<int64_t> start(rank, 0), step(rank, 1);
  bool isKnown = true;
  for (size_t i = 0; i < axes->size(); ++i) {
    const auto axis = static_cast<size_t>((*axes)[i] < 0 ? (*axes)[i] + static_cast<int64_t>(rank) : (*axes)[i]);
    if (hasSteps && !steps) {
      result[axis] = c.fresh();
      isKnown = false;
      continue;
    }
    step[axis] = steps ? (*steps)[i] : 1;
    if (step[axis] == 0) return c.shapeError("a step is 0");
    const Cut cut = cutOf(c, (*x)[axis], (*starts)[i], (*ends)[i], step[axis]);
    result[axis] = cut.count;
    start[axis] = cut.start.value_or(0);
    isKnown = isKnown && cut.start;
  }
  c.setDims(0, std::move(result));
  if (isKnown) sliceElements(c, 0, start, step);
  return Status::success();
}

Status compress(ShapeContext& c) {
  if (!c.hasAttribute("axis")) {
    c.setRank(0, 1);
    return Status::success();
  }
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  Dims result(*x);
  result[axis] = c.fresh();
  if (const Elements* condition = c.elements(1)) {
    int64_t count = 0;
    bool isKnown = true;
    for (const Element& one : *condition) {
      const auto truth = one.whole();
      isKnown = isKnown && truth;
      count += truth.value_or(0) != 0;
    }
    if (isKnown) result[axis] = count;
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

const OpRows rows({
    {.name = "Concat",
     .since = 4,
     .inputs = {{"inputs", "T", variadic}},
     .outputs = {{"concat_result", "T"}},
     .attributes = {{"axis", integer, needed}},
     .types = {{"T", any}},
     .shape = concat},
    {.name = "Split",
     .since = 2,
     .until = 12,
     .inputs = {{"input", "T"}},
     .outputs = {{"outputs", "T", variadic}},
     .attributes = {{"axis", integer, 0}, {"split", integerList}},
     .types = {{"T", any}},
     .shape = split},
    {.name = "Split",
     .since = 13,
     .until = 17,
     .inputs = {{"input", "T"}, {"split", i64, optional}},
     .outputs = {{"outputs", "T", variadic}},
     .attributes = {{"axis", integer, 0}},
     .types = {{"T", any}},
     .shape = split},
    {.name = "Split",
     .since = 18,
     .inputs = {{"input", "T"}, {"split", i64, optional}},
     .outputs = {{"outputs", "T", variadic}},
     .attributes = {{"axis", integer, 0}, {"num_outputs", integer}},
     .types = {{"T", any}},
     .shape = split},
    {.name = "Slice",
     .since = 1,
     .until = 9,
     .inputs = {{"data", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"axes", integerList}, {"ends", integerList, needed}, {"starts", integerList, needed}},
     .types = {{"T", any}},
     .shape = slice},
    {.name = "Slice",
     .since = 10,
     .inputs =
         {{"data", "T"}, {"starts", "Tind"}, {"ends", "Tind"}, {"axes", "Tind", optional}, {"steps", "Tind", optional}},
     .outputs = {{"output", "T"}},
     .types = {{"T", any}, {"Tind", index}},
     .shape = slice},
    {.name = "Compress",
     .since = 9,
     .inputs = {{"input", "T"}, {"condition", boolean}},
     .outputs = {{"output", "T"}},
     .attributes = {{"axis", integer}},
     .types = {{"T", any}},
     .shape = compress},
    {.name = "ReverseSequence",
     .since = 10,
     .inputs = {{"input", "T"}, {"sequence_lens", i64}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"batch_axis", integer, 1}, {"time_axis", integer, 0}},
     .types = {{"T", any}},
     .shape = rules::sameAsFirst},
    {.name = "Trilu",
     .since = 14,
     .inputs = {{"input", "T"}, {"k", i64, optional}},
     .outputs = {{"output", "T"}},
     .attributes = {{"upper", integer, 1}},
     .types = {{"T", any}},
     .traits = trait::inPlace,
     .shape = rules::sameAsFirst},
});

}  // namespace
}  // namespace pare
