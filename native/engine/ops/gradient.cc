// Rows of pare's own domain: what training needs that ONNX has no operator for. Gradients take that of the result
// first.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

constexpr const char* pare = "pare";

// Output i has the dimensions of input `like[i]`.
template <size_t... like>
Status dimsOf(ShapeContext& c) {
  size_t output = 0;
  const auto copy = [&](size_t input) {
    if (const Dims* dims = c.dims(input); dims && output < c.outputCount()) c.setDims(output, *dims);
    output++;
  };
  (copy(like), ...);
  return Status::success();
}

std::vector<AttributeDef> windowAttributes(std::vector<AttributeDef> more) {
  more.insert(more.end(), {{"auto_pad", text, "NOTSET"},
                           {"dilations", integerList},
                           {"kernel_shape", integerList},
                           {"pads", integerList},
                           {"strides", integerList}});
  return more;
}

// w ← a step along the gradient; see kernels/update.h for the attributes. With `right` the gradient is the product
// gradientᵀ·right, of matrices with a row an example. A loss that is not finite leaves all as it is.
OpDef update(const char* name, std::vector<AttributeDef> more) {
  more.insert(more.end(), {{"l1", real, 0}, {"l2", real, 0}, {"decay", real, 0}, {"proximal", real, 0}});
  return {.domain = pare,
          .name = name,
          .inputs = {{"weights", f32},
                     {"gradient", f32},
                     {"lr", f32},
                     {"step", i64},
                     {"scale", f32, optional},
                     {"mask", f32, optional},
                     {"first", f32, optional},
                     {"second", f32, optional},
                     {"loss", f32, optional},
                     {"right", f32, optional}},
          .outputs = {{"weights_out", f32}, {"first_out", f32, optional}, {"second_out", f32, optional}},
          .attributes = std::move(more),
          .traits = trait::elementwise | trait::inPlace,
          .shape = dimsOf<0, 0, 0>};
}

OpDef elementwiseGradient(const char* name) {
  return {.domain = pare,
          .name = name,
          .inputs = {{"gradient", f32}, {"Y", f32}},
          .outputs = {{"dX", f32}},
          .traits = trait::elementwise | trait::inPlace,
          .shape = dimsOf<0>};
}

const OpRows rows({
    update("SgdUpdate", {{"momentum", real, 0}, {"nesterov", row::integer, 0}}),
    update("AdamUpdate", {{"beta1", real, 0.9}, {"beta2", real, 0.999}, {"epsilon", real, 1e-8}}),
    update("RmspropUpdate", {{"alpha", real, 0.99}, {"momentum", real, 0}, {"epsilon", real, 1e-8}}),
    // Zero with the probability `ratio`, else 1 / (1 − ratio); the same for one seed, node and step.
    {.domain = pare,
     .name = "DropoutMask",
     .inputs = {{"X", f32}, {"step", i64}},
     .outputs = {{"mask", f32}},
     .attributes = {{"ratio", real, 0.5}, {"seed", row::integer, 0}, {"node", row::integer, 0}},
     .traits = trait::random | trait::shapeOnly,
     .shape = dimsOf<0>},
    elementwiseGradient("ReluGrad"),
    elementwiseGradient("SigmoidGrad"),
    elementwiseGradient("TanhGrad"),
    {.domain = pare,
     .name = "GeluGrad",
     .inputs = {{"gradient", f32}, {"X", f32}},
     .outputs = {{"dX", f32}},
     .attributes = {{"approximate", text, "none"}},
     .traits = trait::elementwise | trait::inPlace,
     .shape = dimsOf<0>},
    {.domain = pare,
     .name = "SoftmaxGrad",
     .inputs = {{"gradient", f32}, {"Y", f32}},
     .outputs = {{"dX", f32}},
     .attributes = {{"axis", row::integer, -1}},
     .traits = trait::inPlace,
     .shape = dimsOf<0>},
    {.domain = pare,
     .name = "SoftmaxCrossEntropyGrad",
     .inputs = {{"gradient", f32}, {"log_prob", f32}, {"labels", "Tind"}, {"weights", f32, optional}},
     .outputs = {{"dScores", f32}},
     .attributes = {{"ignore_index", integer}, {"reduction", text, "mean"}},
     .types = {{"Tind", index}},
     .shape = dimsOf<1>},
    // The same for NegativeLogLikelihoodLoss, whose input is logarithms already.
    {.domain = pare,
     .name = "NegativeLogLikelihoodGrad",
     .inputs = {{"gradient", f32}, {"input", f32}, {"target", "Tind"}, {"weight", f32, optional}},
     .outputs = {{"dInput", f32}},
     .attributes = {{"ignore_index", integer}, {"reduction", text, "mean"}},
     .types = {{"Tind", index}},
     .shape = dimsOf<1>},
    {.domain = pare,
     .name = "BatchNormTraining",
     .inputs = {{"X", f32}, {"scale", f32}, {"bias", f32}},
     .outputs = {{"Y", f32}, {"mean", f32}, {"inverse_deviation", f32}, {"variance", f32}},
     .attributes = {{"epsilon", real, 1e-5}},
     .shape = dimsOf<0, 1, 1, 1>},
    {.domain = pare,
     .name = "BatchNormGrad",
     .inputs = {{"gradient", f32}, {"X", f32}, {"scale", f32}, {"mean", f32}, {"inverse_deviation", f32}},
     .outputs = {{"dX", f32, optional}, {"dScale", f32}, {"dBias", f32}},
     .shape = dimsOf<1, 2, 2>},
    {.domain = pare,
     .name = "LayerNormGrad",
     .inputs = {{"gradient", f32}, {"X", f32}, {"scale", f32}},
     .outputs = {{"dX", f32}, {"dScale", f32}, {"dBias", f32}},
     .attributes = {{"axis", row::integer, -1}, {"epsilon", real, 1e-5}},
     .shape = dimsOf<1, 2, 2>},
    {.domain = pare,
     .name = "ConvGrad",
     .inputs = {{"gradient", f32}, {"X", f32}, {"W", f32}},
     .outputs = {{"dX", f32, optional}, {"dW", f32, optional}},
     .attributes = windowAttributes({{"group", row::integer, 1}}),
     .shape = dimsOf<1, 2>},
    {.domain = pare,
     .name = "MaxPoolGrad",
     .inputs = {{"gradient", f32}, {"X", f32}},
     .outputs = {{"dX", f32}},
     .attributes = windowAttributes({{"ceil_mode", row::integer, 0}, {"storage_order", row::integer, 0}}),
     .shape = dimsOf<1>},
    {.domain = pare,
     .name = "AveragePoolGrad",
     .inputs = {{"gradient", f32}, {"X", f32}},
     .outputs = {{"dX", f32}},
     .attributes = windowAttributes({{"ceil_mode", row::integer, 0}, {"count_include_pad", row::integer, 0}}),
     .shape = dimsOf<1>},
    // Rows of the gradient added up where they were gathered from.
    {.domain = pare,
     .name = "GatherGrad",
     .inputs = {{"gradient", f32}, {"indices", "Tind"}, {"X", f32}},
     .outputs = {{"dX", f32}},
     .attributes = {{"axis", row::integer, 0}},
     .types = {{"Tind", index}},
     .shape = dimsOf<2>},
    // The gradient where the slice was, else zeros.
    {.domain = pare,
     .name = "SliceGrad",
     .inputs = {{"gradient", f32},
                {"X", f32},
                {"starts", "Tind"},
                {"ends", "Tind"},
                {"axes", "Tind", optional},
                {"steps", "Tind", optional}},
     .outputs = {{"dX", f32}},
     .types = {{"Tind", index}},
     .shape = dimsOf<1>},
});

}  // namespace
}  // namespace pare
