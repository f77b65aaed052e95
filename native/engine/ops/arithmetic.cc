// Arithmetic on two or more tensors that broadcast: https://onnx.ai/onnx/repo-docs/Broadcasting.html.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

template <ElementOp op>
Status variadicOf(ShapeContext& c) {
  if (c.opset() < 8) return rules::sameAsFirst(c);
  return c.inputCount() == 2 ? rules::combined<op>(c) : rules::broadcastAll(c);
}

// Only remainders with the divisor's sign are followed.
Status modulo(ShapeContext& c) {
  return c.integer("fmod") == 0 ? rules::combined<ElementOp::modulo>(c) : rules::broadcastAll(c);
}

Status summed(ShapeContext& c) { return c.opset() < 8 ? rules::sameAsFirst(c) : rules::broadcastAll(c); }

constexpr unsigned traits = trait::elementwise | trait::inPlace;

// Only B broadcasts, and only with broadcast = 1: the result is as A.
OpDef oldBinary(const char* name, const char* a = "A", const char* b = "B", const char* out = "C") {
  return {.name = name,
          .since = 1,
          .until = 6,
          .inputs = {{a, "T"}, {b, "T"}},
          .outputs = {{out, "T"}},
          .attributes = {{"axis", row::integer}, {"broadcast", row::integer, 0}},
          .types = {{"T", numbers}},
          .traits = traits,
          .shape = rules::sameAsFirst};
}
OpDef newBinary(const char* name, int since, ShapeFunction shape, TypeSet types = numbers, const char* a = "A",
                const char* b = "B", const char* out = "C") {
  return {.name = name,
          .since = since,
          .inputs = {{a, "T"}, {b, "T"}},
          .outputs = {{out, "T"}},
          .types = {{"T", types}},
          .traits = traits,
          .shape = shape};
}
OpDef many(const char* name, const char* out, TypeSet types, ShapeFunction shape) {
  return {.name = name,
          .inputs = {{"data_0", "T", variadic}},
          .outputs = {{out, "T"}},
          .types = {{"T", types}},
          .traits = traits,
          .shape = shape};
}

const OpRows rows({
    oldBinary("Add"),
    newBinary("Add", 7, rules::combined<ElementOp::add>),
    oldBinary("Sub"),
    newBinary("Sub", 7, rules::combined<ElementOp::subtract>),
    oldBinary("Mul"),
    newBinary("Mul", 7, rules::combined<ElementOp::multiply>),
    oldBinary("Div"),
    newBinary("Div", 7, rules::combined<ElementOp::divide>),
    oldBinary("Pow", "X", "Y", "Z"),
    {.name = "Pow",
     .since = 7,
     .inputs = {{"X", "T"}, {"Y", "T1"}},
     .outputs = {{"Z", "T"}},
     .types = {{"T", floats | i32 | i64}, {"T1", numbers}},
     .traits = traits,
     .shape = rules::combined<ElementOp::power>},
    {.name = "Mod",
     .since = 10,
     .inputs = {{"A", "T"}, {"B", "T"}},
     .outputs = {{"C", "T"}},
     .attributes = {{"fmod", integer, 0}},
     .types = {{"T", numbers}},
     .traits = traits,
     .shape = modulo},
    {.name = "BitShift",
     .since = 11,
     .inputs = {{"X", "T"}, {"Y", "T"}},
     .outputs = {{"Z", "T"}},
     .attributes = {{"direction", text, needed}},
     .types = {{"T", unsignedIntegers}},
     .traits = traits,
     .shape = rules::broadcastAll},
    many("Min", "min", numbers, variadicOf<ElementOp::minimum>),
    many("Max", "max", numbers, variadicOf<ElementOp::maximum>),
    many("Sum", "sum", floats, summed),
    many("Mean", "mean", floats, summed),
});

}  // namespace
}  // namespace pare
