// Normalizations over channels, groups, layers or neighbours.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// Inputs from the second on have one number a channel: X's second dimension.
Status perChannel(ShapeContext& c) {
  const Dims* x = c.dims(0);
  const bool isOneChannel = x && x->size() == 1;
  // Before opset 9, spatial = 0 has parameters for every place.
  if (x && !x->empty() && !(c.def().attribute("spatial") && c.integer("spatial") == 0)) {
    const Dim channels = isOneChannel ? Dim(1) : (*x)[1];
    for (size_t i = 1; i < c.inputCount(); ++i) {
      if (Status status = c.needRank(i, 1, 1, "one number a channel"); !status.ok()) return status;
      if (Status status = rules::needSize(c, i, 0, channels, "every parameter must have one number a channel");
          !status.ok())
        return status;
    }
  }
  return rules::sameAsFirst(c);
}

Status batchNormalization(ShapeContext& c) {
  if (Status status = c.needRank(0, 1, SIZE_MAX, "batch, channels, …"); !status.ok()) return status;
  if (Status status = perChannel(c); !status.ok()) return status;
  for (size_t i = 1; i < c.outputCount(); ++i) {
    if (const Dims* mean = c.dims(3))
      c.setDims(i, *mean);
    else if (const Dims* x = c.dims(0); x && x->size() > 1)
      c.setDims(i, {(*x)[1]});
  }
  return Status::success();
}

Status groupNormalization(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, SIZE_MAX, "batch, channels, …"); !status.ok()) return status;
  const Dims* x = c.dims(0);
  const int64_t groups = c.integer("num_groups");
  if (groups < 1) return c.optionError("num_groups is " + std::to_string(groups) + "; it must be 1 or more");
  if (x && (*x)[1].isNumber() && (*x)[1].number % groups != 0)
    return c.shapeError("the channels do not divide into num_groups " + std::to_string(groups));
  // Opset 18 has one parameter a group, 21 one a channel.
  return c.opset() >= 21 ? perChannel(c) : rules::sameAsFirst(c);
}

Status instanceNormalization(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  return perChannel(c);
}

// Outputs from the second on have 1 for every normalized dimension.
Status layerNormalization(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (c.outputCount() > 1) {
    const DataType stash = dataTypeOf(c.integer("stash_type"));
    for (size_t i = 1; i < c.outputCount(); ++i) c.setType(i, stash);
  }
  if (!x) return Status::success();
  size_t axis = 0;
  if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  Dims joined;
  if (const Dims* scale = c.dims(1))
    if (!rules::broadcastDims(c.symbols(), *x, *scale, joined) || joined.size() != x->size())
      return c.shapeError("the scale must have X's dimensions from axis " + std::to_string(axis) + " on");
  Dims statistics(x->begin(), x->begin() + static_cast<ptrdiff_t>(axis));
  statistics.resize(x->size(), 1);
  for (size_t i = 1; i < c.outputCount(); ++i) c.setDims(i, statistics);
  return rules::sameAsFirst(c);
}

// com.microsoft: outputs are the result, mean, inverse deviation, and the sum that was normalized.
Status skipLayerNormalization(ShapeContext& c) {
  const Dims* x = c.dims(0);
  c.setType(3, c.in(0).dtype);
  if (!x) return Status::success();
  if (x->empty()) return c.needRank(0, 2, 3);
  if (Status status = rules::needSize(c, 2, 0, x->back(), "gamma must have one number a hidden unit"); !status.ok())
    return status;
  Dims statistics(*x);
  statistics.back() = 1;
  c.setDims(1, statistics);
  c.setDims(2, statistics);
  c.setDims(3, *x);
  return rules::sameAsFirst(c);
}

Status alongAxis(ShapeContext& c) {
  size_t axis = 0;
  if (const Dims* x = c.dims(0))
    if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
  return rules::sameAsFirst(c);
}

OpDef batchNorm(int since, int until, std::vector<AttributeDef> more) {
  more.insert(more.end(), {{"epsilon", real, 1e-5}, {"momentum", real, 0.9}});
  OpDef def{.name = "BatchNormalization",
            .since = since,
            .until = until,
            .attributes = std::move(more),
            .types = {{"T", floats}, {"T1", floats}, {"T2", floats}},
            .traits = trait::inPlace,
            .shape = batchNormalization};
  if (since < 14) {
    def.inputs = {{"X", "T"}, {"scale", "T"}, {"B", "T"}, {"mean", "T"}, {"var", "T"}};
    def.outputs = {{"Y", "T"},
                   {"mean", "T", optional},
                   {"var", "T", optional},
                   {"saved_mean", "T", optional},
                   {"saved_var", "T", optional}};
  } else {
    def.inputs = {{"X", "T"}, {"scale", "T1"}, {"B", "T1"}, {"input_mean", "T2"}, {"input_var", "T2"}};
    def.outputs = {{"Y", "T"}, {"running_mean", "T2", optional}, {"running_var", "T2", optional}};
  }
  return def;
}

const std::vector<AttributeDef> layerNormAttributes{
    {"axis", row::integer, -1}, {"epsilon", real, 1e-5}, {"stash_type", row::integer, 1}};

const OpRows rows({
    batchNorm(1, 6, {{"is_test", row::integer, 0}, {"spatial", row::integer, 1}}),
    batchNorm(7, 8, {{"spatial", row::integer, 1}}),
    batchNorm(9, 13, {}),
    batchNorm(14, 0, {{"training_mode", row::integer, 0}}),
    {.name = "InstanceNormalization",
     .inputs = {{"input", "T"}, {"scale", "T"}, {"B", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"epsilon", real, 1e-5}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = instanceNormalization},
    {.name = "LayerNormalization",
     .since = 17,
     .inputs = {{"X", "T"}, {"Scale", "T"}, {"B", "T", optional}},
     .outputs = {{"Y", "T"}, {"Mean", "U", optional}, {"InvStdDev", "U", optional}},
     .attributes = layerNormAttributes,
     .types = {{"T", floats}, {"U", f32 | bf16}},
     .traits = trait::inPlace,
     .shape = layerNormalization},
    {.name = "GroupNormalization",
     .since = 18,
     .until = 20,
     .inputs = {{"X", "T"}, {"scale", "T"}, {"bias", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"epsilon", real, 1e-5}, {"num_groups", integer, needed}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = groupNormalization},
    {.name = "GroupNormalization",
     .since = 21,
     .inputs = {{"X", "T"}, {"scale", "T"}, {"bias", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"epsilon", real, 1e-5}, {"num_groups", integer, needed}, {"stash_type", integer, 1}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = groupNormalization},
    {.name = "RMSNormalization",
     .since = 23,
     .inputs = {{"X", "T"}, {"scale", "V"}},
     .outputs = {{"Y", "V"}},
     .attributes = layerNormAttributes,
     .types = {{"T", floats}, {"V", floats}},
     .traits = trait::inPlace,
     .shape = layerNormalization},
    {.name = "LRN",
     .inputs = {{"X", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"alpha", real, 1e-4}, {"beta", real, 0.75}, {"bias", real, 1}, {"size", integer, needed}},
     .types = {{"T", floats}},
     .shape = rules::sameAsFirst},
    {.name = "MeanVarianceNormalization",
     .since = 9,
     .inputs = {{"X", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"axes", integerList, std::vector<int64_t>{0, 2, 3}}},
     .types = {{"T", floats}},
     .shape = rules::sameAsFirst},
    {.name = "LpNormalization",
     .inputs = {{"input", "T"}},
     .outputs = {{"output", "T"}},
     .attributes = {{"axis", integer, -1}, {"p", integer, 2}},
     .types = {{"T", floats}},
     .shape = alongAxis},
    {.domain = microsoft,
     .name = "LayerNormalization",
     .inputs = {{"X", "T"}, {"Scale", "V"}, {"B", "V", optional}},
     .outputs = {{"Y", "V"}, {"Mean", "U", optional}, {"InvStdDev", "U", optional}},
     .attributes = layerNormAttributes,
     .types = {{"T", floats}, {"U", floats}, {"V", floats}},
     .traits = trait::inPlace,
     .shape = layerNormalization},
    // ONNX Runtime keeps this one in ONNX's own domain.
    {.name = "SimplifiedLayerNormalization",
     .inputs = {{"X", "T"}, {"scale", "V"}},
     .outputs = {{"Y", "V"}, {"inv_std_var", "U", optional}},
     .attributes = layerNormAttributes,
     .types = {{"T", floats}, {"U", floats}, {"V", floats}},
     .traits = trait::inPlace,
     .shape = layerNormalization},
    {.domain = microsoft,
     .name = "SkipLayerNormalization",
     .inputs = {{"input", "T"}, {"skip", "T"}, {"gamma", "T"}, {"beta", "T", optional}, {"bias", "T", optional}},
     .outputs = {{"output", "T"},
                 {"mean", f32, optional},
                 {"inv_std_var", f32, optional},
                 {"input_skip_bias_sum", "T", optional}},
     .attributes = {{"epsilon", real, 1e-12}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = skipLayerNormalization},
    {.domain = microsoft,
     .name = "SkipSimplifiedLayerNormalization",
     .inputs = {{"input", "T"}, {"skip", "T"}, {"gamma", "T"}, {"bias", "T", optional}},
     .outputs = {{"output", "T"},
                 {"mean", f32, optional},
                 {"inv_std_var", f32, optional},
                 {"input_skip_bias_sum", "T", optional}},
     .attributes = {{"epsilon", real, 1e-5}},
     .types = {{"T", floats}},
     .traits = trait::inPlace,
     .shape = skipLayerNormalization},
});

}  // namespace
}  // namespace pare
