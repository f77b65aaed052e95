// Functions of one element: https://onnx.ai/onnx/operators (Abs, Exp, Not, …), Identity, Dropout.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

template <ElementMap op>
Status mapped(ShapeContext& c) {
  if (const Elements* x = c.elements(0)) {
    Elements y;
    for (const Element& one : *x) y.push_back(map(c.symbols(), op, c.in(0).dtype, one));
    c.setElements(0, std::move(y));
  }
  return rules::sameAsFirst(c);
}

// Without training all elements pass; the mask has the data's dimensions.
Status dropout(ShapeContext& c) {
  const Elements* training = c.elements(2);
  const bool trains = c.has(2) && !(training && training->size() == 1 && training->front().whole() == 0);
  if (Status status = trains ? rules::sameAsFirst(c) : rules::copyOfFirst(c); !status.ok()) return status;
  if (const Dims* dims = c.dims(0)) c.setDims(1, *dims);
  if (c.opset() >= 12) c.setType(1, DataType::boolean);
  return Status::success();
}

Status bernoulli(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "dtype", c.in(0).dtype); !status.ok()) return status;
  return rules::sameAsFirst(c);
}

OpDef unary(const char* name, int since, TypeSet types, ShapeFunction shape = rules::sameAsFirst, const char* in = "X",
            const char* out = "Y") {
  return {.name = name,
          .since = since,
          .inputs = {{in, "T"}},
          .outputs = {{out, "T"}},
          .types = {{"T", types}},
          .traits = trait::elementwise | trait::inPlace,
          .shape = shape};
}
OpDef unaryFloat(const char* name, int since) {
  return unary(name, since, floats, rules::sameAsFirst, "input", "output");
}

const OpRows rows({
    unary("Abs", 1, numbers, mapped<ElementMap::absolute>),
    unary("Neg", 1, floats | signedIntegers, mapped<ElementMap::negate>),
    unary("Ceil", 1, floats, mapped<ElementMap::ceil>),
    unary("Floor", 1, floats, mapped<ElementMap::floor>),
    unary("Round", 11, floats, mapped<ElementMap::round>),
    unary("Sqrt", 1, floats, mapped<ElementMap::sqrt>),
    unary("Reciprocal", 1, floats, mapped<ElementMap::reciprocal>),
    unary("Sign", 9, numbers, mapped<ElementMap::sign>, "input", "output"),
    unary("Not", 1, boolean, mapped<ElementMap::negation>),
    unary("BitwiseNot", 18, integers),
    unary("Erf", 9, numbers, rules::sameAsFirst, "input", "output"),
    unaryFloat("Exp", 1),
    unaryFloat("Log", 1),
    unaryFloat("Sin", 7),
    unaryFloat("Cos", 7),
    unaryFloat("Tan", 7),
    unaryFloat("Asin", 7),
    unaryFloat("Acos", 7),
    unaryFloat("Atan", 7),
    unaryFloat("Sinh", 9),
    unaryFloat("Cosh", 9),
    unaryFloat("Tanh", 1),
    unaryFloat("Asinh", 9),
    unaryFloat("Acosh", 9),
    unaryFloat("Atanh", 9),
    {.name = "IsNaN",
     .since = 9,
     .inputs = {{"X", "T1"}},
     .outputs = {{"Y", boolean}},
     .types = {{"T1", floats | float8s}},
     .traits = trait::elementwise,
     .shape = rules::sameAsFirst},
    {.name = "IsInf",
     .since = 10,
     .inputs = {{"X", "T1"}},
     .outputs = {{"Y", boolean}},
     .attributes = {{"detect_negative", integer, 1}, {"detect_positive", integer, 1}},
     .types = {{"T1", floats | float8s}},
     .traits = trait::elementwise,
     .shape = rules::sameAsFirst},
    {.name = "Identity",
     .inputs = {{"input", "T"}},
     .outputs = {{"output", "T"}},
     .types = {{"T", any}},
     .traits = trait::elementwise | trait::inPlace | trait::view,
     .shape = rules::copyOfFirst},
    {.name = "Dropout",
     .since = 1,
     .until = 6,
     .inputs = {{"data", "T"}},
     .outputs = {{"output", "T"}, {"mask", "T", optional}},
     .attributes = {{"is_test", integer, 0}, {"ratio", real, 0.5}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace | trait::random,
     .shape = dropout},
    {.name = "Dropout",
     .since = 7,
     .until = 9,
     .inputs = {{"data", "T"}},
     .outputs = {{"output", "T"}, {"mask", "T", optional}},
     .attributes = {{"ratio", real, 0.5}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace | trait::view,
     .shape = dropout},
    {.name = "Dropout",
     .since = 10,
     .until = 11,
     .inputs = {{"data", "T"}},
     .outputs = {{"output", "T"}, {"mask", boolean, optional}},
     .attributes = {{"ratio", real, 0.5}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace | trait::view,
     .shape = dropout},
    {.name = "Dropout",
     .since = 12,
     .inputs = {{"data", "T"}, {"ratio", "T1", optional}, {"training_mode", "T2", optional}},
     .outputs = {{"output", "T"}, {"mask", boolean, optional}},
     .attributes = {{"seed", integer}},
     .types = {{"T", floats | float8s}, {"T1", floats | float8s}, {"T2", boolean}},
     .traits = trait::elementwise | trait::inPlace | trait::random,
     .shape = dropout},
    {.name = "Bernoulli",
     .since = 15,
     .inputs = {{"input", "T1"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"dtype", integer}, {"seed", real}},
     .types = {{"T1", floats}, {"T2", numbers | boolean}},
     .traits = trait::elementwise | trait::random,
     .shape = bernoulli},
});

}  // namespace
}  // namespace pare
