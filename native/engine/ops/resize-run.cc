// Running Resize and Upsample: from attributes and inputs to one table an axis.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/blob.h"
#include "engine/resize.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

struct ResizeState : NodeState {
  ResizeOptions options;
};

template <class Value>
struct Named {
  std::string_view name;
  Value value;
};

constexpr std::array<Named<ResizeMode>, 4> modes{{{"nearest", ResizeMode::nearest},
                                                  {"linear", ResizeMode::linear},
                                                  {"bilinear", ResizeMode::linear},
                                                  {"cubic", ResizeMode::cubic}}};
constexpr std::array<Named<NearestMode>, 4> nearestModes{{{"round_prefer_floor", NearestMode::roundPreferFloor},
                                                          {"round_prefer_ceil", NearestMode::roundPreferCeil},
                                                          {"floor", NearestMode::floor},
                                                          {"ceil", NearestMode::ceil}}};
constexpr std::array<Named<ResizeCoordinates>, 7> coordinateModes{
    {{"half_pixel", ResizeCoordinates::halfPixel},
     {"half_pixel_symmetric", ResizeCoordinates::halfPixelSymmetric},
     {"pytorch_half_pixel", ResizeCoordinates::pytorchHalfPixel},
     {"align_corners", ResizeCoordinates::alignCorners},
     {"asymmetric", ResizeCoordinates::asymmetric},
     {"tf_half_pixel_for_nn", ResizeCoordinates::tfHalfPixelForNn},
     {"tf_crop_and_resize", ResizeCoordinates::tfCropAndResize}}};

template <class Value, size_t count>
Status choose(PrepareContext& c, const char* attribute, const std::array<Named<Value>, count>& names, Value& value) {
  const std::string_view given = c.text(attribute);
  for (const auto& one : names)
    if (one.name == given) {
      value = one.value;
      return Status::success();
    }
  return c.unsupported(std::string(attribute) + " " + std::string(given) + " does not run");
}

Status prepareResize(PrepareContext& c) {
  ResizeOptions& options = c.make<ResizeState>().options;
  if (Status status = choose(c, "mode", modes, options.mode); !status.ok()) return status;
  if (c.def().attribute("coordinate_transformation_mode")) {
    if (Status status = choose(c, "coordinate_transformation_mode", coordinateModes, options.coordinates); !status.ok())
      return status;
    if (Status status = choose(c, "nearest_mode", nearestModes, options.nearest); !status.ok()) return status;
    options.excludeOutside = c.integer("exclude_outside") != 0;
    options.cubicA = static_cast<float>(c.real("cubic_coeff_a"));
    options.extrapolation = static_cast<float>(c.real("extrapolation_value"));
    options.antialias = c.def().attribute("antialias") && c.integer("antialias") != 0;
  } else {
    options.coordinates = ResizeCoordinates::asymmetric;
    options.nearest = NearestMode::simple;
  }
  if (options.coordinates == ResizeCoordinates::tfCropAndResize)
    if (Status status = c.needType(types::f32 | types::f64, 1); !status.ok()) return status;
  if (options.mode == ResizeMode::nearest) return c.needType(wholeByteTypes);
  return c.needType(types::f32 | types::bytes | types::i16 | types::u16);
}

std::vector<size_t> axesOf(const NodeReader& reader, size_t rank) {
  std::vector<size_t> axes;
  if (const auto given = reader.integers("axes"); given && !given->empty()) {
    for (const int64_t one : *given)
      axes.push_back(static_cast<size_t>(one < 0 ? one + static_cast<int64_t>(rank) : one));
  } else {
    for (size_t axis = 0; axis < rank; axis++) axes.push_back(axis);
  }
  return axes;
}

std::vector<double> realsOf(const TensorView& tensor) {
  std::vector<double> values(tensor.count());
  for (size_t i = 0; i < values.size(); i++)
    values[i] = tensor.dtype == DataType::float64 ? tensor.as<double>()[i] : static_cast<double>(tensor.floats()[i]);
  return values;
}

// Scales as they are given; empty where sizes are.
std::vector<double> scalesOf(const RunContext& c, bool isResize) {
  const NodeReader reader = c.reader();
  if (isResize && c.opset >= 11) {
    const bool hasSizes = c.has(3) && c.in(3).count() > 0;
    return hasSizes || !c.has(2) ? std::vector<double>{} : realsOf(c.in(2));
  }
  if (c.inputs.size() > 1 && c.has(1)) return realsOf(c.in(1));
  if (const Attribute* given = c.node->attribute("scales")) return given->reals;
  return {1, 1, reader.real("height_scale"), reader.real("width_scale")};
}

Status makeAxes(const RunContext& c, bool isResize, const ResizeOptions& options, std::vector<ResizeAxis>& axes) {
  const NodeReader reader = c.reader();
  const TensorView &x = c.in(0), &y = c.out(0);
  const size_t rank = x.rank();
  if (y.rank() != rank) return Status::shape(reader.label() + ": the scales, sizes and regions give no result");
  const std::vector<size_t> chosen = axesOf(reader, rank);
  const std::vector<double> scales = scalesOf(c, isResize);
  const bool hasSizes = scales.empty();
  if (!hasSizes && scales.size() != chosen.size())
    return Status::shape(reader.label() + ": there are " + std::to_string(scales.size()) + " scales for " +
                         std::to_string(chosen.size()) + " dimensions");
  std::vector<double> roi;
  if (options.coordinates == ResizeCoordinates::tfCropAndResize) {
    if (c.has(1)) roi = realsOf(c.in(1));
    if (roi.size() != 2 * chosen.size())
      return Status::shape(reader.label() + ": roi must have a begin and an end for each of " +
                           std::to_string(chosen.size()) + " dimensions");
  }
  axes.resize(rank);
  for (size_t axis = 0; axis < rank; axis++) {
    axes[axis].input = static_cast<size_t>(x.dims[axis]);
    axes[axis].output = static_cast<size_t>(y.dims[axis]);
    if (axes[axis].input > INT32_MAX || axes[axis].output > INT32_MAX)
      return Status::shape(reader.label() + ": a dimension has more than 2^31 elements");
    axes[axis].scale = static_cast<float>(axes[axis].output) / static_cast<float>(axes[axis].input);
  }
  // One scale for all axes, of which the sizes are roundings.
  const std::string_view policy = isResize && c.opset >= 18 ? reader.text("keep_aspect_ratio_policy") : "";
  if (hasSizes && (policy == "not_larger" || policy == "not_smaller")) {
    float one = policy == "not_larger" ? INFINITY : 0;
    for (size_t i = 0; i < chosen.size(); i++) {
      const float ratio = static_cast<float>(c.in(3).as<int64_t>()[i]) / static_cast<float>(axes[chosen[i]].input);
      one = policy == "not_larger" ? std::min(one, ratio) : std::max(one, ratio);
    }
    for (const size_t axis : chosen) axes[axis].scale = one;
  }
  for (size_t i = 0; i < chosen.size(); i++) {
    ResizeAxis& axis = axes[chosen[i]];
    if (!hasSizes) axis.scale = static_cast<float>(scales[i]);
    if (!(axis.scale > 0) || !std::isfinite(axis.scale))
      return Status::option(reader.label() + ": a scale is " + std::to_string(axis.scale) + "; it must be positive");
    if (roi.empty()) continue;
    axis.roiBegin = static_cast<float>(roi[i]);
    axis.roiEnd = static_cast<float>(roi[i + chosen.size()]);
  }
  for (ResizeAxis& axis : axes) makeResizeTable(options, hasSizes, axis);
  return Status::success();
}

// Integers through float32, which holds them exactly; results are cut off, and rounded where a filter smoothes them.
template <class T>
Status resizeIntegers(RunContext& c, const ResizeOptions& options, std::span<const ResizeAxis> axes) {
  const size_t count = c.in(0).count(), total = c.out(0).count();
  const auto in = Blob::allocate(count * sizeof(float)), out = Blob::allocate(total * sizeof(float));
  if (!in || !out) return Status::memory("no memory for resizing");
  auto *from = reinterpret_cast<UnalignedFloat*>(in->data()), *to = reinterpret_cast<UnalignedFloat*>(out->data());
  for (size_t i = 0; i < count; i++) from[i] = static_cast<float>(c.in(0).as<T>()[i]);
  if (Status status = resize(*c.execution, options, axes, from, to); !status.ok()) return status;
  constexpr auto least = static_cast<float>(std::numeric_limits<T>::min()),
                 most = static_cast<float>(std::numeric_limits<T>::max());
  for (size_t i = 0; i < total; i++) {
    const float value = options.antialias ? std::round(to[i]) : to[i];
    c.out(0).as<T>()[i] = static_cast<T>(std::clamp(value, least, most));
  }
  return c.execution->outcome();
}

template <bool isResize>
Status runResize(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const ResizeOptions& options = c.state<ResizeState>().options;
  if (y.count() == 0 && y.rank() == x.rank()) return Status::success();
  if (x.count() == 0) return Status::shape(c.reader().label() + ": nothing cannot become something");
  std::vector<ResizeAxis> axes;
  if (Status status = makeAxes(c, isResize, options, axes); !status.ok()) return status;
  if (options.mode == ResizeMode::nearest) {
    uint64_t fill = 0;
    if (visitedTypes.contains(x.dtype)) {
      Status status = visitType(x.dtype, [&]<class T>() {
        const T value = static_cast<T>(options.extrapolation);
        std::memcpy(&fill, &value, sizeof value);
        return Status::success();
      });
      if (!status.ok()) return status;
    }
    return resizeNearest(*c.execution, axes, bitsOf(x.dtype) / 8, x.data, y.data, reinterpret_cast<uint8_t*>(&fill));
  }
  switch (x.dtype) {
    case DataType::float32:
      return resize(*c.execution, options, axes, x.floats(), y.floats());
    case DataType::uint8:
      return resizeIntegers<uint8_t>(c, options, axes);
    case DataType::int8:
      return resizeIntegers<int8_t>(c, options, axes);
    case DataType::int16:
      return resizeIntegers<int16_t>(c, options, axes);
    default:
      return resizeIntegers<uint16_t>(c, options, axes);
  }
}

const OpRuns runs({
    {"Resize", runResize<true>, prepareResize},
    {"Upsample", runResize<false>, prepareResize},
});

}  // namespace
}  // namespace pare
