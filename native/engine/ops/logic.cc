// Comparisons, logic, bits, and Where; all broadcast.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// torch.expand writes Where(sizes == −1, 1, sizes).
Status where(ShapeContext& c) {
  if (Status status = rules::broadcastAll(c); !status.ok()) return status;
  if (!c.elements(0) || c.outputCount() == 0) return Status::success();
  const auto shape = smallShape(c.out(0).dims);
  if (!shape) return Status::success();
  Elements choice = rules::spread(c, 0, *shape);
  const Elements left = rules::spread(c, 1, *shape), right = rules::spread(c, 2, *shape);
  for (size_t i = 0; i < choice.size(); ++i) {
    const auto truth = choice[i].whole();
    choice[i] = !truth ? Element() : *truth != 0 ? left[i] : right[i];
  }
  c.setElements(0, std::move(choice));
  return Status::success();
}

OpDef oldComparison(const char* name, TypeSet types) {
  return {.name = name,
          .since = 1,
          .until = 6,
          .inputs = {{"A", "T"}, {"B", "T"}},
          .outputs = {{"C", boolean}},
          .attributes = {{"axis", row::integer}, {"broadcast", row::integer, 0}},
          .types = {{"T", types}},
          .traits = trait::elementwise,
          .shape = rules::sameAsFirst};
}
OpDef comparison(const char* name, int since, TypeSet types, ShapeFunction shape) {
  return {.name = name,
          .since = since,
          .inputs = {{"A", "T"}, {"B", "T"}},
          .outputs = {{"C", boolean}},
          .types = {{"T", types}},
          .traits = trait::elementwise,
          .shape = shape};
}
OpDef bitwise(const char* name) {
  return {.name = name,
          .since = 18,
          .inputs = {{"A", "T"}, {"B", "T"}},
          .outputs = {{"C", "T"}},
          .types = {{"T", integers}},
          .traits = trait::elementwise | trait::inPlace,
          .shape = rules::broadcastAll};
}

const OpRows rows({
    oldComparison("And", boolean),
    comparison("And", 7, boolean, rules::combined<ElementOp::conjunction>),
    oldComparison("Or", boolean),
    comparison("Or", 7, boolean, rules::combined<ElementOp::disjunction>),
    oldComparison("Xor", boolean),
    comparison("Xor", 7, boolean, rules::combined<ElementOp::exclusive>),
    oldComparison("Equal", boolean | index),
    comparison("Equal", 7, numbers | boolean | string, rules::combined<ElementOp::equal>),
    oldComparison("Greater", floats),
    comparison("Greater", 7, numbers, rules::combined<ElementOp::greater>),
    oldComparison("Less", floats),
    comparison("Less", 7, numbers, rules::combined<ElementOp::less>),
    comparison("GreaterOrEqual", 12, numbers, rules::combined<ElementOp::greaterOrEqual>),
    comparison("LessOrEqual", 12, numbers, rules::combined<ElementOp::lessOrEqual>),
    bitwise("BitwiseAnd"),
    bitwise("BitwiseOr"),
    bitwise("BitwiseXor"),
    {.name = "Where",
     .since = 9,
     .inputs = {{"condition", boolean}, {"X", "T"}, {"Y", "T"}},
     .outputs = {{"output", "T"}},
     .types = {{"T", any}},
     .traits = trait::elementwise,
     .shape = where},
});

}  // namespace
}  // namespace pare
