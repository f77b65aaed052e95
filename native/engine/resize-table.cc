// Which elements, with which weights, make each result of a resized axis (see resize.h). Coordinates are computed in
// float32, as ONNX Runtime does: ties of nearest depend on it.
#include <algorithm>
#include <cmath>

#include "engine/resize.h"

namespace pare {
namespace {

float coordinateOf(const ResizeOptions& options, bool hasSizes, const ResizeAxis& axis, size_t at) {
  const auto x = static_cast<float>(at), input = static_cast<float>(axis.input),
             output = static_cast<float>(axis.output);
  // The exact size, of which the result's is a whole part.
  const float width = hasSizes ? output : axis.scale * input;
  switch (options.coordinates) {
    case ResizeCoordinates::halfPixel:
      return (x + 0.5F) / axis.scale - 0.5F;
    case ResizeCoordinates::halfPixelSymmetric:
      return input / 2 * (1 - output / width) + (x + 0.5F) / axis.scale - 0.5F;
    case ResizeCoordinates::pytorchHalfPixel:
      return axis.output > 1 ? (x + 0.5F) / axis.scale - 0.5F : 0;
    case ResizeCoordinates::alignCorners:
      return axis.output > 1 && width != 1 ? x * (input - 1) / (width - 1) : 0;
    case ResizeCoordinates::asymmetric:
      return x / axis.scale;
    case ResizeCoordinates::tfHalfPixelForNn:
      return (x + 0.5F) / axis.scale;
    case ResizeCoordinates::tfCropAndResize:
      return axis.output > 1
                 ? axis.roiBegin * (input - 1) + x * (axis.roiEnd - axis.roiBegin) * (input - 1) / (output - 1)
                 : 0.5F * (axis.roiBegin + axis.roiEnd) * (input - 1);
  }
  return 0;
}

float nearestTo(NearestMode mode, float coordinate, bool shrinks) {
  switch (mode) {
    case NearestMode::roundPreferFloor:
      return coordinate == std::floor(coordinate) + 0.5F ? std::floor(coordinate) : std::round(coordinate);
    case NearestMode::roundPreferCeil:
      return coordinate == std::floor(coordinate) + 0.5F ? std::ceil(coordinate) : std::round(coordinate);
    case NearestMode::floor:
      return std::floor(coordinate);
    case NearestMode::ceil:
      return std::ceil(coordinate);
    case NearestMode::simple:
      return shrinks ? std::ceil(coordinate) : std::floor(coordinate);
  }
  return 0;
}

double filterAt(const ResizeOptions& options, double x) {
  x = std::fabs(x);
  if (options.mode == ResizeMode::linear) return x < 1 ? 1 - x : 0;
  const double a = static_cast<double>(options.cubicA);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// An element of the axis, however far the coordinate (which may be NaN) lies outside.
int64_t clamp(double at, size_t size) {
  return at >= 0 ? static_cast<int64_t>(std::min(at, static_cast<double>(size - 1))) : 0;
}

void makeFilter(const ResizeOptions& options, float coordinate, size_t i, double stretch, ResizeAxis& axis) {
  const double x = static_cast<double>(coordinate), last = static_cast<double>(axis.input) - 1;
  const double bounded = x >= -1e9 && x <= 1e9 ? x : clamp(x, axis.input);
  const double support = (options.mode == ResizeMode::linear ? 1 : 2) * stretch;
  const double first = std::floor(bounded - support) + 1;
  double sum = 0, total = 0;
  for (size_t t = 0; t < axis.taps; t++) {
    const double at = first + static_cast<double>(t);
    const double weight = filterAt(options, (at - bounded) / stretch);
    total += weight;
    const bool isOutside = at < 0 || at > last;
    axis.index[t * axis.output + i] = static_cast<int32_t>(clamp(at, axis.input));
    axis.weights[t * axis.output + i] = isOutside && options.excludeOutside ? 0.0F : static_cast<float>(weight);
    if (!isOutside || !options.excludeOutside) sum += weight;
  }
  const double scale = options.excludeOutside ? sum : total;
  for (size_t t = 0; t < axis.taps && scale != 0 && scale != 1; t++) {
    float& weight = axis.weights[t * axis.output + i];
    weight = static_cast<float>(static_cast<double>(weight) / scale);
  }
}

}  // namespace

bool ResizeAxis::isIdentity() const {
  if (input != output || taps > 4) return false;
  for (const uint8_t outside : isOutside)
    if (outside) return false;
  for (size_t i = 0; i < output; i++)
    for (size_t t = 0; t < taps; t++) {
      const size_t at = t * output + i;
      const bool isItself = static_cast<size_t>(index[at]) == i;
      if (weights.empty() ? !isItself : weights[at] != 0 && !(isItself && weights[at] == 1)) return false;
    }
  return true;
}

void makeResizeTable(const ResizeOptions& options, bool hasSizes, ResizeAxis& axis) {
  const bool isNearest = options.mode == ResizeMode::nearest;
  // An image that shrinks is smoothed by filters as wide as the elements that become one.
  const double stretch = options.antialias && axis.scale < 1 ? 1 / static_cast<double>(axis.scale) : 1;
  const double widest = std::ceil(2 * (options.mode == ResizeMode::linear ? 1 : 2) * stretch);
  axis.taps = isNearest ? 1 : static_cast<size_t>(std::min(widest, 4.0 * static_cast<double>(axis.input) + 8));
  axis.index.assign(axis.taps * axis.output, 0);
  if (!isNearest) axis.weights.assign(axis.taps * axis.output, 0);
  const bool extrapolates = options.coordinates == ResizeCoordinates::tfCropAndResize;
  if (extrapolates) axis.isOutside.assign(axis.output, 0);
  for (size_t i = 0; i < axis.output; i++) {
    const float x = coordinateOf(options, hasSizes, axis, i);
    if (extrapolates) axis.isOutside[i] = !(x >= 0 && x <= static_cast<float>(axis.input - 1));
    if (isNearest)
      axis.index[i] =
          static_cast<int32_t>(clamp(static_cast<double>(nearestTo(options.nearest, x, axis.scale < 1)), axis.input));
    else
      makeFilter(options, x, i, stretch, axis);
  }
}

}  // namespace pare
