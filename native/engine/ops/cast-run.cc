// Running Cast and CastLike.
#include "engine/convert.h"
#include "engine/run.h"

namespace pare {
namespace {

struct CastState : NodeState {
  Conversion conversion;
};

Status prepareCast(PrepareContext& c) {
  using PowerRounding = Conversion::PowerRounding;
  const DataType from = c.in(0).dtype, to = c.out(0).dtype;
  if (!convertibles.contains(from) || !convertibles.contains(to))
    return c.unsupported(std::string("from ") + dataTypeName(from) + " to " + dataTypeName(to) + " does not run");
  const std::string_view rounding = c.text("round_mode");
  // Rows of versions that do not saturate lack the attribute, and the types that it is for.
  c.make<CastState>().conversion = {.from = from,
                                    .to = to,
                                    .saturates = !c.def().attribute("saturate") || c.integer("saturate") != 0,
                                    .powerRounding = rounding == "down"      ? PowerRounding::down
                                                     : rounding == "nearest" ? PowerRounding::nearest
                                                                             : PowerRounding::up};
  return Status::success();
}

Status runCast(RunContext& c) {
  const TensorView& x = c.in(0);
  return convert(*c.execution, c.state<CastState>().conversion, x.data, c.out(0).data, x.count());
}

const OpRuns runs({
    {"Cast", runCast, prepareCast},
    {"CastLike", runCast, prepareCast},
});

}  // namespace
}  // namespace pare
