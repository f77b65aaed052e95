// Images: Resize, Upsample, GridSample, AffineGrid, RoiAlign, MaxRoiPool.
#include <cmath>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// ⌊size · scale⌋ in float32, as ONNX Runtime computes it.
Dim scaled(ShapeContext& c, Dim size, double scale) {
  if (size.isNumber()) {
    const float result = std::floor(static_cast<float>(size.number) * static_cast<float>(scale));
    return result >= 0 && result < 9e18F ? Dim(static_cast<int64_t>(result)) : c.fresh();
  }
  // Scales of a symbol: numerators over small powers of two, and whole quotients.
  for (int64_t by = 1; by <= 256; by *= 2) {
    const double numerator = scale * static_cast<double>(by);
    if (numerator == std::floor(numerator) && numerator >= 0 && numerator < 1e9)
      return c.symbols().floorDivide(c.symbols().multiply(size, static_cast<int64_t>(numerator)), by);
  }
  return c.fresh();
}

Status scaleAll(ShapeContext& c, const std::vector<size_t>& axes, const std::vector<double>& scales) {
  const Dims& x = *c.dims(0);
  if (scales.size() != axes.size())
    return c.shapeError("there are " + std::to_string(scales.size()) + " scales for " + std::to_string(axes.size()) +
                        " dimensions");
  // With tf_crop_and_resize the output is of the box that roi names.
  const bool crops = c.text("coordinate_transformation_mode") == "tf_crop_and_resize";
  const Elements* roi = crops ? c.elements(1) : nullptr;
  Dims result(x);
  for (size_t i = 0; i < axes.size(); ++i) {
    if (!(scales[i] > 0)) return c.optionError("a scale is " + std::to_string(scales[i]) + "; it must be positive");
    double scale = scales[i];
    if (crops) {
      const auto begin = roi && roi->size() == 2 * axes.size() ? (*roi)[i].number() : std::nullopt;
      const auto end = begin ? (*roi)[i + axes.size()].number() : std::nullopt;
      if (!end || !x[axes[i]].isNumber()) {
        result[axes[i]] = c.fresh();
        continue;
      }
      scale *= *end - *begin;
    }
    result[axes[i]] = scaled(c, x[axes[i]], scale);
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status takeSizes(ShapeContext& c, const std::vector<size_t>& axes, const Elements& sizes) {
  const Dims& x = *c.dims(0);
  if (sizes.size() != axes.size())
    return c.shapeError("there are " + std::to_string(sizes.size()) + " sizes for " + std::to_string(axes.size()) +
                        " dimensions");
  const std::string_view policy = c.text("keep_aspect_ratio_policy");
  Dims result(x);
  if (policy.empty() || policy == "stretch") {
    for (size_t i = 0; i < axes.size(); ++i) {
      const Dim size = sizes[i].integer;
      if (size.isNumber() && size.number < 0) return c.shapeError("a size is negative");
      result[axes[i]] = size;
    }
    c.setDims(0, std::move(result));
    return Status::success();
  }
  // One scale for all axes, the smallest or largest of those asked for; sizes round half up.
  double scale = policy == "not_larger" ? INFINITY : 0;
  bool isKnown = true;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto size = sizes[i].number();
    if (!size || !x[axes[i]].isNumber() || x[axes[i]].number == 0) {
      isKnown = false;
      break;
    }
    const double ratio = *size / static_cast<double>(x[axes[i]].number);
    scale = policy == "not_larger" ? std::fmin(scale, ratio) : std::fmax(scale, ratio);
  }
  for (const size_t axis : axes) {
    const double exact = isKnown ? scale * static_cast<double>(x[axis].number) : -1;
    result[axis] = exact >= 0 && exact < 9e15 ? Dim(static_cast<int64_t>(std::floor(exact + 0.5))) : c.fresh();
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

std::optional<std::vector<double>> realsOf(const Elements* elements) {
  if (!elements) return std::nullopt;
  std::vector<double> values;
  for (const Element& one : *elements) {
    const auto number = one.number();
    if (!number) return std::nullopt;
    values.push_back(*number);
  }
  return values;
}

Status resize(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  std::vector<size_t> axes;
  if (const auto given = c.integers("axes"); given && !given->empty()) {
    std::vector<size_t> sorted;
    if (Status status = c.axes(*given, x->size(), sorted); !status.ok()) return status;
    for (const int64_t one : *given)
      axes.push_back(static_cast<size_t>(one < 0 ? one + static_cast<int64_t>(x->size()) : one));
  } else {
    for (size_t axis = 0; axis < x->size(); ++axis) axes.push_back(axis);
  }
  const bool isOld = c.opset() < 11;
  const size_t scalesInput = isOld ? 1 : 2;
  // An empty tensor stands for an input that is left out.
  const auto isEmpty = [&](size_t input) {
    const Dims* dims = c.dims(input);
    return !c.has(input) || (dims && dims->size() == 1 && (*dims)[0].is(0));
  };
  if (!isOld && !isEmpty(3)) {
    if (const Elements* sizes = c.integerElements(3)) return takeSizes(c, axes, *sizes);
  } else if (!isEmpty(scalesInput)) {
    if (const auto scales = realsOf(c.elements(scalesInput))) return scaleAll(c, axes, *scales);
  } else {
    return c.shapeError("either scales or sizes must be given");
  }
  Dims result(*x);
  for (const size_t axis : axes) result[axis] = c.fresh();
  c.setDims(0, std::move(result));
  return Status::success();
}

Status upsample(ShapeContext& c) {
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  std::vector<size_t> axes;
  for (size_t axis = 0; axis < x->size(); ++axis) axes.push_back(axis);
  std::optional<std::vector<double>> scales;
  if (const Attribute* given = c.node().attribute("scales"); given && c.opset() < 9)
    scales = given->reals;
  else if (c.opset() < 7)
    scales = {1, 1, c.real("height_scale"), c.real("width_scale")};
  else
    scales = realsOf(c.elements(1));
  if (scales) return scaleAll(c, axes, *scales);
  c.setRank(0, x->size());
  return Status::success();
}

// X [batch, channels, spatial…], grid [batch, spatial…, coordinates].
Status gridSample(ShapeContext& c) {
  const Dims *x = c.dims(0), *grid = c.dims(1);
  if (Status status = c.needRank(0, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  if (x)
    if (Status status = c.needRank(1, x->size(), x->size(), "as many as X"); !status.ok()) return status;
  if (!x || !grid) {
    if (x || grid) c.setRank(0, (x ? x : grid)->size());
    return Status::success();
  }
  Dim batch;
  if (!c.symbols().join((*x)[0], (*grid)[0], batch)) return c.shapeError("both must have one batch");
  const auto coordinates = static_cast<int64_t>(x->size()) - 2;
  if (Status status =
          rules::needSize(c, 1, grid->size() - 1, coordinates, "the grid must end in one number a spatial dimension");
      !status.ok())
    return status;
  Dims result{batch, (*x)[1]};
  result.insert(result.end(), grid->begin() + 1, grid->end() - 1);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status affineGrid(ShapeContext& c) {
  Dims size;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 1, size, isKnown); !status.ok()) return status;
  if (!isKnown) return Status::success();
  if (size.size() != 4 && size.size() != 5)
    return c.shapeError("size must be batch, channels and 2 or 3 spatial sizes");
  Dims result(size);
  result.erase(result.begin() + 1);
  result.push_back(static_cast<int64_t>(size.size()) - 2);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status roiAlign(ShapeContext& c) {
  if (Status status = c.needRank(0, 4, 4, "batch, channels, height, width"); !status.ok()) return status;
  if (Status status = c.needRank(1, 2, 2, "regions, 4"); !status.ok()) return status;
  const Dims *x = c.dims(0), *rois = c.dims(1);
  c.setDims(0, {rois ? (*rois)[0] : c.fresh(), x ? (*x)[1] : c.fresh(), c.integer("output_height"),
                c.integer("output_width")});
  return Status::success();
}

Status maxRoiPool(ShapeContext& c) {
  if (Status status = c.needRank(0, 4, 4, "batch, channels, height, width"); !status.ok()) return status;
  if (Status status = c.needRank(1, 2, 2, "regions, 5"); !status.ok()) return status;
  const auto shape = c.integers("pooled_shape").value_or(std::vector<int64_t>());
  if (shape.size() != 2) return c.shapeError("pooled_shape must have 2 sizes");
  const Dims *x = c.dims(0), *rois = c.dims(1);
  c.setDims(0, {rois ? (*rois)[0] : c.fresh(), x ? (*x)[1] : c.fresh(), shape[0], shape[1]});
  return Status::success();
}

const std::vector<AttributeDef> resizeAttributes{{"coordinate_transformation_mode", text, "half_pixel"},
                                                 {"cubic_coeff_a", real, -0.75},
                                                 {"exclude_outside", row::integer, 0},
                                                 {"extrapolation_value", real, 0},
                                                 {"mode", text, "nearest"},
                                                 {"nearest_mode", text, "round_prefer_floor"}};
OpDef resizeOp(int since, int until, std::vector<AttributeDef> more = {}) {
  more.insert(more.end(), resizeAttributes.begin(), resizeAttributes.end());
  return {.name = "Resize",
          .since = since,
          .until = until,
          // Opset 11 lists roi and scales as required, yet takes empty tensors; exporters leave them out.
          .inputs = {{"X", "T1"}, {"roi", "T2", optional}, {"scales", f32, optional}, {"sizes", i64, optional}},
          .outputs = {{"Y", "T1"}},
          .attributes = std::move(more),
          .types = {{"T1", any}, {"T2", floats}},
          .shape = resize};
}
OpDef upsampleOp(int since, int until, std::vector<AttributeDef> more) {
  more.push_back({"mode", text, "nearest"});
  OpDef def{.name = "Upsample",
            .since = since,
            .until = until,
            .inputs = {{"X", "T"}},
            .outputs = {{"Y", "T"}},
            .attributes = std::move(more),
            .types = {{"T", any}},
            .shape = upsample};
  if (since >= 9) def.inputs.push_back({"scales", f32});
  return def;
}
OpDef gridSampleOp(int since, int until, const char* mode) {
  return {.name = "GridSample",
          .since = since,
          .until = until,
          .inputs = {{"X", "T1"}, {"grid", "T2"}},
          .outputs = {{"Y", "T1"}},
          .attributes = {{"align_corners", row::integer, 0}, {"mode", text, mode}, {"padding_mode", text, "zeros"}},
          .types = {{"T1", any}, {"T2", floats}},
          .shape = gridSample};
}
OpDef roiAlignOp(int since, int until) {
  OpDef def{.name = "RoiAlign",
            .since = since,
            .until = until,
            .inputs = {{"X", "T1"}, {"rois", "T1"}, {"batch_indices", i64}},
            .outputs = {{"Y", "T1"}},
            .attributes = {{"mode", text, "avg"},
                           {"output_height", row::integer, 1},
                           {"output_width", row::integer, 1},
                           {"sampling_ratio", row::integer, 0},
                           {"spatial_scale", real, 1}},
            .types = {{"T1", floats}},
            .shape = roiAlign};
  if (since >= 16) def.attributes.push_back({"coordinate_transformation_mode", text, "half_pixel"});
  return def;
}

const OpRows rows({
    {.name = "Resize",
     .since = 10,
     .until = 10,
     .inputs = {{"X", "T"}, {"scales", f32}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"mode", text, "nearest"}},
     .types = {{"T", any}},
     .shape = resize},
    resizeOp(11, 17),
    resizeOp(18, 0,
             {{"antialias", row::integer, 0}, {"axes", integerList}, {"keep_aspect_ratio_policy", text, "stretch"}}),
    upsampleOp(1, 6, {{"height_scale", real, needed}, {"width_scale", real, needed}}),
    upsampleOp(7, 8, {{"scales", realList, needed}}),
    upsampleOp(9, 9, {}),
    gridSampleOp(16, 19, "bilinear"),
    gridSampleOp(20, 0, "linear"),
    {.name = "AffineGrid",
     .since = 20,
     .inputs = {{"theta", "T1"}, {"size", i64}},
     .outputs = {{"grid", "T1"}},
     .attributes = {{"align_corners", integer, 0}},
     .types = {{"T1", floats}},
     .shape = affineGrid},
    roiAlignOp(10, 15),
    roiAlignOp(16, 0),
    {.name = "MaxRoiPool",
     .inputs = {{"X", "T"}, {"rois", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"pooled_shape", integerList, needed}, {"spatial_scale", real, 1}},
     .types = {{"T", floats}},
     .shape = maxRoiPool},
});

}  // namespace
}  // namespace pare
