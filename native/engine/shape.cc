// Reading inputs, and wording errors, for shape rules (see shape.h).
#include "engine/shape.h"

#include <algorithm>

namespace pare {

ShapeContext::ShapeContext(const Node& node, int opset, SymbolTable& symbols, BlockInference& blocks,
                           std::vector<TensorType*> inputs, std::vector<TensorType>& outputs)
    : NodeReader(node, opset), symbols_(symbols), blocks_(blocks), inputs_(std::move(inputs)), outputs_(outputs) {}

const Elements* ShapeContext::integerElements(size_t input) {
  if (!has(input)) return nullptr;
  TensorType& type = *inputs_[input];
  if (type.elements && std::all_of(type.elements->begin(), type.elements->end(),
                                   [](const Element& one) { return one.kind == Element::Kind::integer; }))
    return type.elements.get();
  if (!type.ranked || (type.dtype != DataType::int64 && type.dtype != DataType::int32)) return nullptr;
  const auto shape = smallShape(type.dims);
  // A rank that high is no rank; longer lists are data.
  if (!shape || shape->count > 64) return nullptr;
  auto elements = std::make_shared<Elements>(type.elements ? *type.elements : Elements());
  elements->resize(static_cast<size_t>(shape->count));
  for (Element& one : *elements)
    if (one.kind != Element::Kind::integer) one = symbols_.freshValue();
  type.elements = elements;
  return type.elements.get();
}

std::optional<std::vector<int64_t>> ShapeContext::numbers(size_t input) const {
  const Elements* known = elements(input);
  if (!known) return std::nullopt;
  std::vector<int64_t> result;
  for (const Element& one : *known) {
    const auto whole = one.whole();
    if (!whole) return std::nullopt;
    result.push_back(*whole);
  }
  return result;
}

std::optional<std::vector<int64_t>> ShapeContext::listOf(size_t input, std::string_view name, bool& given) const {
  if (def().attribute(name)) {
    auto list = integers(name);
    given = list.has_value();
    return list;
  }
  given = has(input);
  return numbers(input);
}

void ShapeContext::setDims(size_t output, Dims dims) {
  if (output >= outputs_.size()) return;
  outputs_[output].ranked = true;
  outputs_[output].dims = std::move(dims);
}

void ShapeContext::setRank(size_t output, size_t rank) {
  if (output >= outputs_.size()) return;
  Dims dims;
  for (size_t i = 0; i < rank; ++i) dims.push_back(fresh());
  setDims(output, std::move(dims));
}

void ShapeContext::setElements(size_t output, Elements elements) {
  if (output >= outputs_.size()) return;
  const bool nothing = !elements.empty() &&
                       std::none_of(elements.begin(), elements.end(), [](const Element& one) { return one.isKnown(); });
  if (!nothing) outputs_[output].elements = std::make_shared<const Elements>(std::move(elements));
}

Status ShapeContext::shapeError(const std::string& wanted) const {
  std::string text = label() + ": ";
  int listed = 0;
  for (size_t i = 0; i < inputs_.size() && listed < 4; ++i) {
    if (!in(i).ranked) continue;
    if (listed++ > 0) text += ", ";
    text += inputName(i) + " is " + symbols_.name(in(i).dims);
  }
  return Status::shape(text + (listed > 0 ? "; " : "") + wanted + ".");
}

Status ShapeContext::optionError(const std::string& what) const { return Status::option(label() + ": " + what + "."); }

Status ShapeContext::needRank(size_t input, size_t least, size_t most, const char* of) const {
  const Dims* given = dims(input);
  if (!given || (given->size() >= least && given->size() <= most)) return Status::success();
  std::string wanted = inputName(input) + " must have " + std::to_string(least);
  if (most == SIZE_MAX)
    wanted += " or more";
  else if (most > least)
    wanted += " to " + std::to_string(most);
  wanted += most == 1 ? " dimension" : " dimensions";
  if (of) wanted += std::string(" (") + of + ")";
  return shapeError(wanted);
}

Status ShapeContext::axis(int64_t given, size_t rank, size_t& axis, const char* what) const {
  const auto count = static_cast<int64_t>(rank);
  if (given < -count || given >= count)
    return shapeError(std::string(what) + " is " + std::to_string(given) +
                      (rank == 0
                           ? ", but there are no dimensions"
                           : "; it must be between " + std::to_string(-count) + " and " + std::to_string(count - 1)));
  axis = static_cast<size_t>(given < 0 ? given + count : given);
  return Status::success();
}

Status ShapeContext::axes(const std::vector<int64_t>& given, size_t rank, std::vector<size_t>& axes) const {
  axes.clear();
  if (given.size() > rank)
    return shapeError(std::to_string(given.size()) + " axes are given for " + std::to_string(rank) + " dimensions");
  for (const int64_t one : given) {
    size_t at = 0;
    if (Status status = axis(one, rank, at, "one of axes"); !status.ok()) return status;
    axes.push_back(at);
  }
  std::sort(axes.begin(), axes.end());
  if (const auto twice = std::adjacent_find(axes.begin(), axes.end()); twice != axes.end())
    return shapeError("axis " + std::to_string(*twice) + " is given twice");
  return Status::success();
}

Dim elementCount(SymbolTable& symbols, const Dims& dims) {
  Dim count = 1;
  for (const Dim dim : dims) {
    if (dim.is(0)) return 0;
    count = symbols.multiply(count, dim);
  }
  return count;
}

}  // namespace pare
