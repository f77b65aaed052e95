// Tensors from nothing or from sizes: Constant, ConstantOfShape, Range, Shape, Size, EyeLike, random numbers.
#include <algorithm>
#include <cmath>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

void fromTensor(ShapeContext& c, const Tensor& tensor) {
  c.setType(0, tensor.dtype);
  Dims dims(tensor.dims.begin(), tensor.dims.end());
  const auto shape = smallShape(dims);
  c.setDims(0, std::move(dims));
  if (!shape || !tensor.hasBytes) return;
  if (auto elements = readElements(tensor.dtype, tensor.bytes, shape->count)) c.setElements(0, std::move(*elements));
}

template <class Values>
void fromList(ShapeContext& c, DataType type, const Values& values, bool isList) {
  c.setType(0, type);
  c.setDims(0, isList ? Dims{Dim(static_cast<int64_t>(values.size()))} : Dims{});
  if (static_cast<int64_t>(values.size()) > maxKnownElements) return;
  Elements elements;
  for (const auto value : values) {
    if constexpr (std::is_same_v<typename Values::value_type, double>)
      elements.push_back(Element::of(value));
    else
      elements.push_back(Dim(value));
  }
  c.setElements(0, std::move(elements));
}

Status constant(ShapeContext& c) {
  const auto& attributes = c.node().attributes;
  for (const Attribute& one : attributes) {
    if (one.name == "value")
      fromTensor(c, c.blocks().tensor(one.index));
    else if (one.name == "value_int")
      fromList(c, DataType::int64, std::vector<int64_t>{one.integer}, false);
    else if (one.name == "value_ints")
      fromList(c, DataType::int64, one.integers, true);
    else if (one.name == "value_float")
      fromList(c, DataType::float32, std::vector<double>{one.real}, false);
    else if (one.name == "value_floats")
      fromList(c, DataType::float32, one.reals, true);
    else if (one.name == "value_string" || one.name == "value_strings") {
      c.setType(0, DataType::string);
      c.setDims(0, one.kind == AttributeKind::texts ? Dims{static_cast<int64_t>(one.texts.size())} : Dims{});
    }
  }
  return Status::success();
}

Status constantOfShape(ShapeContext& c) {
  Dims dims;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 0, dims, isKnown); !status.ok()) return status;
  DataType type = DataType::float32;
  Element value = Element::of(0);
  if (const Attribute* given = c.node().attribute("value")) {
    const Tensor& tensor = c.blocks().tensor(given->index);
    type = tensor.dtype;
    const auto elements = tensor.hasBytes ? readElements(type, tensor.bytes, 1) : std::nullopt;
    value = elements ? elements->front() : Element();
  }
  c.setType(0, type);
  if (!isKnown) return Status::success();
  const auto shape = smallShape(dims);
  c.setDims(0, std::move(dims));
  if (shape && value.isKnown()) c.setElements(0, Elements(static_cast<size_t>(shape->count), value));
  return Status::success();
}

// max(⌈(limit − start)/delta⌉, 0) numbers.
Status range(ShapeContext& c) {
  for (const size_t input : {0, 1, 2})
    if (Status status = c.needRank(input, 0, 1, "one number"); !status.ok()) return status;
  const Elements *start = c.elements(0), *limit = c.elements(1), *delta = c.elements(2);
  if (types::index.contains(c.in(0).dtype)) {
    if (!start) start = c.integerElements(0);
    if (!limit) limit = c.integerElements(1);
    if (!delta) delta = c.integerElements(2);
  }
  c.setRank(0, 1);
  if (!start || !limit || !delta || start->size() != 1 || limit->size() != 1 || delta->size() != 1)
    return Status::success();
  const Element &from = start->front(), &to = limit->front(), &step = delta->front();
  const bool isInteger =
      from.kind == Element::Kind::integer && to.kind == Element::Kind::integer && step.kind == Element::Kind::integer;
  if (const auto whole = step.whole(); whole == 0) return c.shapeError("delta is 0");
  if (!isInteger) {
    const auto x = from.number(), y = to.number(), by = step.number();
    if (!x || !y || !by) return Status::success();
    const double count = std::max(std::ceil((*y - *x) / *by), 0.0);
    if (count < 9e15) c.setDims(0, {static_cast<int64_t>(count)});
    return Status::success();
  }
  SymbolTable& symbols = c.symbols();
  if (!step.integer.isNumber()) return Status::success();
  Dim count = symbols.ceilDivide(symbols.subtract(to.integer, from.integer), step.integer);
  if (step.integer.number < 0)
    count = symbols.ceilDivide(symbols.subtract(from.integer, to.integer), symbols.multiply(step.integer, -1));
  if (symbols.takeOverflow()) return Status::success();
  if (count.isNumber() && count.number < 0) count = 0;
  if (!symbols.isDimension(count)) return Status::success();
  c.setDims(0, {count});
  if (!count.isNumber() || count.number > maxKnownElements) return Status::success();
  Elements elements;
  for (int64_t i = 0; i < count.number; ++i)
    elements.push_back(symbols.add(from.integer, symbols.multiply(step.integer, i)));
  symbols.takeOverflow();
  c.setElements(0, std::move(elements));
  return Status::success();
}

Status shapeOf(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) {
    c.setRank(0, 1);
    return Status::success();
  }
  const auto rank = static_cast<int64_t>(x->size());
  const auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = bound(std::max(c.integer("start"), -rank));
  const int64_t end = c.hasAttribute("end") ? bound(std::max(c.integer("end"), -rank)) : rank;
  Elements elements;
  for (int64_t i = start; i < end; ++i) elements.push_back((*x)[static_cast<size_t>(i)]);
  c.setDims(0, {static_cast<int64_t>(elements.size())});
  if (static_cast<int64_t>(elements.size()) <= maxKnownElements) c.setElements(0, std::move(elements));
  return Status::success();
}

Status sizeOf(ShapeContext& c) {
  c.setDims(0, {});
  if (const Dims* x = c.dims(0)) {
    const Dim count = elementCount(c.symbols(), *x);
    if (!c.symbols().takeOverflow()) c.setElements(0, {count});
  }
  return Status::success();
}

Status likeFirst(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "dtype", c.in(0).dtype); !status.ok()) return status;
  return rules::sameAsFirst(c);
}

Status eyeLike(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, 2, "a matrix"); !status.ok()) return status;
  return likeFirst(c);
}

Status randomOfShape(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "dtype", DataType::float32); !status.ok()) return status;
  const auto shape = c.integers("shape").value_or(std::vector<int64_t>());
  c.setDims(0, Dims(shape.begin(), shape.end()));
  return Status::success();
}

Status multinomial(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, 2, "batch, classes"); !status.ok()) return status;
  if (Status status = rules::typeFromAttribute(c, "dtype", DataType::int32); !status.ok()) return status;
  const Dims* x = c.dims(0);
  c.setDims(0, {x ? (*x)[0] : c.fresh(), c.integer("sample_size")});
  return Status::success();
}

OpDef constantOp(int since, int until, std::vector<AttributeDef> attributes) {
  return {.name = "Constant",
          .since = since,
          .until = until,
          .inputs = {},
          .outputs = {{"output", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", any}},
          .shape = constant};
}
OpDef randomOp(const char* name, bool isLike, std::vector<AttributeDef> attributes) {
  OpDef def{.name = name,
            .outputs = {{"output", "T2"}},
            .attributes = std::move(attributes),
            .types = {{"T1", any}, {"T2", floats}},
            .traits = trait::random | (isLike ? trait::shapeOnly : 0),
            .shape = isLike ? likeFirst : randomOfShape};
  def.attributes.push_back({"seed", real});
  if (isLike) {
    def.inputs = {{"input", "T1"}};
    def.attributes.push_back({"dtype", row::integer});
  } else {
    def.attributes.push_back({"dtype", row::integer, 1});
    def.attributes.push_back({"shape", integerList, needed});
  }
  return def;
}

const std::vector<AttributeDef> normal{{"mean", real, 0}, {"scale", real, 1}},
    uniform{{"high", real, 1}, {"low", real, 0}};

const OpRows rows({
    constantOp(1, 10, {{"value", tensor, needed}}),
    constantOp(11, 11, {{"sparse_value", other}, {"value", tensor}}),
    constantOp(12, 0,
               {{"sparse_value", other},
                {"value", tensor},
                {"value_float", real},
                {"value_floats", realList},
                {"value_int", row::integer},
                {"value_ints", integerList},
                {"value_string", text},
                {"value_strings", textList}}),
    {.name = "ConstantOfShape",
     .since = 9,
     .inputs = {{"input", i64}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"value", tensor}},
     .types = {{"T2", numbers | float8s | narrow | boolean}},
     .shape = constantOfShape},
    {.name = "Range",
     .since = 11,
     .inputs = {{"start", "T"}, {"limit", "T"}, {"delta", "T"}},
     .outputs = {{"output", "T"}},
     .types = {{"T", f32 | f64 | i16 | i32 | i64}},
     .shape = range},
    {.name = "Shape",
     .since = 1,
     .until = 14,
     .inputs = {{"data", "T"}},
     .outputs = {{"shape", i64}},
     .types = {{"T", any}},
     .traits = trait::shapeOnly,
     .shape = shapeOf},
    {.name = "Shape",
     .since = 15,
     .inputs = {{"data", "T"}},
     .outputs = {{"shape", i64}},
     .attributes = {{"end", integer}, {"start", integer, 0}},
     .types = {{"T", any}},
     .traits = trait::shapeOnly,
     .shape = shapeOf},
    {.name = "Size",
     .inputs = {{"data", "T"}},
     .outputs = {{"size", i64}},
     .types = {{"T", any}},
     .traits = trait::shapeOnly,
     .shape = sizeOf},
    {.name = "EyeLike",
     .since = 9,
     .inputs = {{"input", "T1"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"dtype", integer}, {"k", integer, 0}},
     .types = {{"T1", numbers | boolean}, {"T2", numbers | boolean}},
     .traits = trait::shapeOnly,
     .shape = eyeLike},
    randomOp("RandomNormal", false, normal),
    randomOp("RandomUniform", false, uniform),
    randomOp("RandomNormalLike", true, normal),
    randomOp("RandomUniformLike", true, uniform),
    {.name = "Multinomial",
     .since = 7,
     .inputs = {{"input", "T1"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"dtype", integer, 6}, {"sample_size", integer, 1}, {"seed", real}},
     .types = {{"T1", floats}, {"T2", index}},
     .traits = trait::random,
     .shape = multinomial},
});

}  // namespace
}  // namespace pare
