// Activations: functions of one element with parameters.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// The slope broadcasts to the data, never the other way round; before opset 7 it is one number or one a channel.
Status prelu(ShapeContext& c) {
  const Dims *x = c.dims(0), *slope = c.dims(1);
  if (x && slope && c.opset() >= 7) {
    Dims joined;
    if (!rules::broadcastDims(c.symbols(), *x, *slope, joined) || joined.size() != x->size())
      return c.shapeError("the slope must broadcast to X");
  }
  return rules::sameAsFirst(c);
}

// Elements that are clipped are still known: PyTorch clamps sizes.
Status clip(ShapeContext& c) {
  if (const Elements* x = c.elements(0); x && c.opset() >= 11) {
    const auto bound = [&](size_t input) -> const Element* {
      const Elements* given = c.elements(input);
      return given && given->size() == 1 ? &given->front() : nullptr;
    };
    Elements y = *x;
    for (Element& one : y) {
      if (c.has(1))
        one = bound(1) ? combine(c.symbols(), ElementOp::maximum, c.in(0).dtype, one, *bound(1)) : Element();
      if (c.has(2))
        one = bound(2) ? combine(c.symbols(), ElementOp::minimum, c.in(0).dtype, one, *bound(2)) : Element();
    }
    c.setElements(0, std::move(y));
  }
  for (const size_t input : {1, 2})
    if (Status status = c.needRank(input, 0, 1, "one number"); !status.ok()) return status;
  return rules::sameAsFirst(c);
}

OpDef activation(const char* name, int since, std::vector<AttributeDef> attributes = {}, TypeSet types = floats,
                 const char* domain = "") {
  return {.domain = domain,
          .name = name,
          .since = since,
          .inputs = {{"X", "T"}},
          .outputs = {{"Y", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", types}},
          .traits = trait::elementwise | trait::inPlace,
          .shape = rules::sameAsFirst};
}

const OpRows rows({
    activation("Relu", 1, {}, floats | signedIntegers),
    activation("LeakyRelu", 1, {{"alpha", real, 0.01}}),
    activation("Elu", 1, {{"alpha", real, 1}}),
    activation("Selu", 1, {{"alpha", real, 1.67326319217681884765625}, {"gamma", real, 1.05070102214813232421875}}),
    activation("Celu", 12, {{"alpha", real, 1}}, f32),
    activation("ThresholdedRelu", 10, {{"alpha", real, 1}}),
    activation("Sigmoid", 1),
    activation("HardSigmoid", 1, {{"alpha", real, 0.2}, {"beta", real, 0.5}}),
    activation("HardSwish", 14),
    activation("Softplus", 1),
    activation("Softsign", 1),
    activation("Mish", 18),
    activation("Gelu", 20, {{"approximate", text, "none"}}),
    activation("Swish", 24, {{"alpha", real, 1}}),
    activation("Shrink", 9, {{"bias", real, 0}, {"lambd", real, 0.5}}, numbers),
    {.name = "PRelu",
     .inputs = {{"X", "T"}, {"slope", "T"}},
     .outputs = {{"Y", "T"}},
     .types = {{"T", floats | i32 | i64 | u32 | u64}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = prelu},
    {.name = "Clip",
     .since = 1,
     .until = 10,
     .inputs = {{"input", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"max", real, 3.4028234663852886e38}, {"min", real, -3.4028234663852886e38}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = clip},
    {.name = "Clip",
     .since = 11,
     .inputs = {{"input", "T"}, {"min", "T", optional}, {"max", "T", optional}},
     .outputs = {{"output", "T"}},
     .types = {{"T", numbers}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = clip},
    activation("Gelu", 1, {}, floats, microsoft),
    activation("QuickGelu", 1, {{"alpha", real, 1.702}}, floats, microsoft),
    {.domain = microsoft,
     .name = "FastGelu",
     .inputs = {{"X", "T"}, {"bias", "T", optional}},
     .outputs = {{"Y", "T"}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = rules::sameAsFirst},
    {.domain = microsoft,
     .name = "BiasGelu",
     .inputs = {{"A", "T"}, {"B", "T"}},
     .outputs = {{"C", "T"}},
     .types = {{"T", floats}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = rules::sameAsFirst},
});

}  // namespace
}  // namespace pare
