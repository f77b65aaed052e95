// Cast and CastLike.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status converted(ShapeContext& c, DataType to) {
  c.setType(0, to);
  if (const Elements* x = c.elements(0)) {
    Elements y;
    for (const Element& one : *x) y.push_back(cast(c.in(0).dtype, to, one));
    c.setElements(0, std::move(y));
  }
  return rules::sameAsFirst(c);
}

Status castTo(ShapeContext& c) {
  if (Status status = rules::typeFromAttribute(c, "to", DataType::undefined); !status.ok()) return status;
  return converted(c, dataTypeOf(c.integer("to")));
}
Status castLike(ShapeContext& c) { return converted(c, c.in(1).dtype); }

constexpr TypeSet castable = numbers | float8s | narrow | boolean | string;

const OpRows rows({
    {.name = "Cast",
     .since = 6,
     .until = 18,
     .inputs = {{"input", "T1"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"to", integer, needed}},
     .types = {{"T1", numbers | boolean | string}, {"T2", numbers | boolean | string}},
     .traits = trait::elementwise,
     .shape = castTo},
    {.name = "Cast",
     .since = 19,
     .inputs = {{"input", "T1"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"round_mode", text, "up"}, {"saturate", integer, 1}, {"to", integer, needed}},
     .types = {{"T1", castable}, {"T2", castable}},
     .traits = trait::elementwise,
     .shape = castTo},
    {.name = "CastLike",
     .since = 15,
     .inputs = {{"input", "T1"}, {"target_type", "T2"}},
     .outputs = {{"output", "T2"}},
     .attributes = {{"round_mode", text, "up"}, {"saturate", integer, 1}},
     .types = {{"T1", castable}, {"T2", castable}},
     .traits = trait::elementwise,
     .shape = castLike},
});

}  // namespace
}  // namespace pare
