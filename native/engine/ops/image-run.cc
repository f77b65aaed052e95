// Running what reads images at places that are computed: GridSample, AffineGrid, RoiAlign, MaxRoiPool.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "engine/run.h"

namespace pare {
namespace {

enum class Sampling : uint8_t { nearest, linear, cubic };
enum class Padding : uint8_t { zeros, border, reflection };

struct GridState : NodeState {
  Sampling sampling = Sampling::linear;
  Padding padding = Padding::zeros;
  bool alignsCorners = false;
};

Status prepareGridSample(PrepareContext& c) {
  auto& state = c.make<GridState>();
  const std::string_view mode = c.text("mode"), padding = c.text("padding_mode");
  if (mode == "nearest")
    state.sampling = Sampling::nearest;
  else if (mode == "cubic" || mode == "bicubic")
    state.sampling = Sampling::cubic;
  else if (mode != "linear" && mode != "bilinear")
    return c.unsupported("mode " + std::string(mode) + " does not run");
  if (padding == "border")
    state.padding = Padding::border;
  else if (padding == "reflection")
    state.padding = Padding::reflection;
  else if (padding != "zeros")
    return c.unsupported("padding_mode " + std::string(padding) + " does not run");
  state.alignsCorners = c.integer("align_corners") != 0;
  if (Status status = c.needType(types::f32, 1); !status.ok()) return status;
  return c.needType(types::f32);
}

double reflect(double x, double least, double most) {
  const double range = most - least;
  if (!(range > 0)) return least;
  if (x >= least && x <= most) return x;
  const double away = x < least ? least - x : x - most, times = std::floor(away / range);
  const double rest = away - times * range;
  const bool isEven = std::fmod(times, 2) == 0;
  if (x < least) return isEven ? least + rest : most - rest;
  return isEven ? most - rest : least + rest;
}

// The elements along one axis that a coordinate is made of, with their weights; −1: a zero.
struct Taps {
  size_t count = 0;
  ptrdiff_t index[4] = {};
  float weight[4] = {};
};

class Sampler {
 public:
  Sampler(const GridState& state, size_t size)
      : state_(state),
        size_(static_cast<double>(size)),
        least_(state.alignsCorners ? 0 : -0.5),
        most_(state.alignsCorners ? size_ - 1 : size_ - 0.5) {}

  Taps taps(float given) const {
    const double x = coordinate(static_cast<double>(given));
    Taps taps;
    if (state_.sampling == Sampling::nearest) {
      taps.count = 1;
      taps.index[0] = indexOf(std::nearbyint(x));
      taps.weight[0] = 1;
      return taps;
    }
    const double low = std::floor(x), part = x - low;
    if (state_.sampling == Sampling::linear) {
      taps.count = 2;
      taps.index[0] = indexOf(low);
      taps.index[1] = indexOf(low + 1);
      taps.weight[0] = static_cast<float>(1 - part);
      taps.weight[1] = static_cast<float>(part);
      return taps;
    }
    taps.count = 4;
    for (size_t i = 0; i < 4; i++) {
      const double at = std::fabs(static_cast<double>(i) - 1 - part), a = -0.75;
      taps.index[i] = indexOf(low - 1 + static_cast<double>(i));
      taps.weight[i] = static_cast<float>(at <= 1 ? ((a + 2) * at - (a + 3)) * at * at + 1
                                                  : ((a * at - 5 * a) * at + 8 * a) * at - 4 * a);
    }
    return taps;
  }

 private:
  double coordinate(double given) const {
    double x = state_.alignsCorners ? (given + 1) / 2 * (size_ - 1) : ((given + 1) * size_ - 1) / 2;
    if (!(x > -1e9 && x < 1e9)) x = x > 0 ? 1e9 : -1e9;  // NaN is outside as well
    if (state_.sampling == Sampling::nearest) x = std::nearbyint(x);
    if ((x >= least_ && x <= most_) || state_.sampling == Sampling::cubic) return x;
    if (state_.padding == Padding::border) return std::clamp(x, 0.0, size_ - 1);
    if (state_.padding == Padding::reflection) return reflect(x, least_, most_);
    return x;
  }
  ptrdiff_t indexOf(double at) const {
    if (state_.padding == Padding::border) at = std::clamp(at, 0.0, size_ - 1);
    if (state_.padding == Padding::reflection) at = std::clamp(std::trunc(reflect(at, least_, most_)), 0.0, size_ - 1);
    return at >= 0 && at <= size_ - 1 ? static_cast<ptrdiff_t>(at) : -1;
  }

  const GridState& state_;
  double size_, least_, most_;
};

// X [batch, channels, spatial…], grid [batch, places…, coordinates], of which the first is that of the last axis.
Status runGridSample(RunContext& c) {
  const TensorView &x = c.in(0), &grid = c.in(1), &y = c.out(0);
  const auto& state = c.state<GridState>();
  const NodeReader reader = c.reader();
  const size_t axes = x.rank() < 3 ? 0 : x.rank() - 2;
  if (axes == 0 || axes > 3 || grid.rank() != x.rank() || grid.dims[0] != x.dims[0] ||
      grid.dims.back() != static_cast<int64_t>(axes))
    return Status::shape(reader.label() + ": X must have 1 to 3 spatial dimensions and the grid as many coordinates");
  const size_t batch = x.outer(1), channels = static_cast<size_t>(x.dims[1]), inner = x.inner(2);
  const size_t places = grid.inner(1) / axes;
  if (batch * channels * places == 0) return Status::success();
  if (inner == 0) return Status::shape(reader.label() + ": X is empty");
  std::vector<Sampler> samplers;
  for (size_t axis = 0; axis < axes; axis++) samplers.emplace_back(state, static_cast<size_t>(x.dims[axis + 2]));
  c.execution->forEachChunk(batch * places, std::max<size_t>(1, elementwiseGrain / 8 / channels),
                            [&](size_t begin, size_t end) {
                              ptrdiff_t index[64];
                              float weight[64];
                              for (size_t i = begin; i < end; i++) {
                                size_t count = 1;
                                index[0] = 0;
                                weight[0] = 1;
                                for (size_t axis = 0; axis < axes; axis++) {
                                  const Taps taps = samplers[axis].taps(grid.floats()[i * axes + axes - 1 - axis]);
                                  const auto size = static_cast<ptrdiff_t>(x.dims[axis + 2]);
                                  for (size_t j = count; j-- > 0;)
                                    for (size_t t = taps.count; t-- > 0;) {
                                      const bool isZero = index[j] < 0 || taps.index[t] < 0;
                                      const ptrdiff_t at = isZero ? -1 : index[j] * size + taps.index[t];
                                      const float product = weight[j] * taps.weight[t];
                                      index[j * taps.count + t] = at;
                                      weight[j * taps.count + t] = product;
                                    }
                                  count *= taps.count;
                                }
                                const size_t image = i / places;
                                for (size_t channel = 0; channel < channels; channel++) {
                                  const UnalignedFloat* from = x.floats() + (image * channels + channel) * inner;
                                  float sum = 0;
                                  for (size_t j = 0; j < count; j++)
                                    if (index[j] >= 0) sum += weight[j] * from[index[j]];
                                  y.floats()[(image * channels + channel) * places + i % places] = sum;
                                }
                              }
                            });
  return c.execution->outcome();
}

// Each place's coordinates, from −1 to 1, through the batch's affine map.
Status runAffineGrid(RunContext& c) {
  const TensorView &theta = c.in(0), &y = c.out(0);
  const NodeReader reader = c.reader();
  const size_t axes = y.rank() < 4 ? 0 : y.rank() - 2;
  const auto wanted = static_cast<int64_t>(axes);
  if (axes < 2 || axes > 3 || theta.rank() != 3 || theta.dims[0] != y.dims[0] || theta.dims[1] != wanted ||
      theta.dims[2] != wanted + 1)
    return Status::shape(reader.label() + ": theta must be [batch, 2, 3] or, for 3 spatial sizes, [batch, 3, 4]");
  const bool alignsCorners = reader.integer("align_corners") != 0;
  const size_t places = y.inner(1) / axes;
  c.execution->forEachChunk(y.outer(1) * places, elementwiseGrain / 8, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      float at[4] = {1, 1, 1, 1};  // x, y, (z,) 1
      size_t rest = i % places;
      for (size_t axis = axes; axis-- > 0;) {
        const auto size = static_cast<size_t>(y.dims[axis + 1]);
        const auto place = static_cast<float>(rest % size), count = static_cast<float>(size);
        rest /= size;
        at[axes - 1 - axis] = !alignsCorners ? (2 * place + 1) / count - 1
                              : size > 1     ? 2 * place / (count - 1) - 1
                                             : -1;
      }
      const UnalignedFloat* map = theta.floats() + i / places * axes * (axes + 1);
      for (size_t row = 0; row < axes; row++) {
        float sum = map[row * (axes + 1) + axes];
        for (size_t j = 0; j < axes; j++) sum += map[row * (axes + 1) + j] * at[j];
        y.floats()[i * axes + row] = sum;
      }
    }
  });
  return c.execution->outcome();
}

struct Corner {
  size_t at[4];
  float weight[4];
};

// The four elements around a place, as detectron's RoIAlign takes them: nothing beyond one element outside.
Corner cornersAt(float y, float x, size_t height, size_t width) {
  Corner corner{};
  if (!(y >= -1 && y <= static_cast<float>(height) && x >= -1 && x <= static_cast<float>(width))) return corner;
  y = std::max(y, 0.0F);
  x = std::max(x, 0.0F);
  auto top = static_cast<size_t>(y), left = static_cast<size_t>(x);
  const size_t bottom = std::min(top + 1, height - 1), right = std::min(left + 1, width - 1);
  if (top >= height - 1) {
    top = height - 1;
    y = static_cast<float>(top);
  }
  if (left >= width - 1) {
    left = width - 1;
    x = static_cast<float>(left);
  }
  const float down = y - static_cast<float>(top), across = x - static_cast<float>(left);
  return {{top * width + left, top * width + right, bottom * width + left, bottom * width + right},
          {(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across}};
}

Status runRoiAlign(RunContext& c) {
  const TensorView &x = c.in(0), &rois = c.in(1), &images = c.in(2), &y = c.out(0);
  const NodeReader reader = c.reader();
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims[1] != 4 || images.count() != rois.outer(1) || y.rank() != 4)
    return Status::shape(reader.label() + ": regions must be [regions, 4], with one image each");
  const size_t regions = rois.outer(1), channels = static_cast<size_t>(x.dims[1]);
  const auto height = static_cast<size_t>(x.dims[2]), width = static_cast<size_t>(x.dims[3]);
  const auto rows = static_cast<size_t>(y.dims[2]), columns = static_cast<size_t>(y.dims[3]);
  if (y.count() == 0) return Status::success();
  if (height * width == 0) return Status::shape(reader.label() + ": the images are empty");
  const bool isHalfPixel = c.opset >= 16 && reader.text("coordinate_transformation_mode") == "half_pixel";
  const bool takesMax = reader.text("mode") == "max";
  const auto scale = static_cast<float>(reader.real("spatial_scale")), offset = isHalfPixel ? 0.5F : 0.0F;
  const int64_t sampling = reader.integer("sampling_ratio");
  constexpr float mostSamples = 1024;  // an axis of a bin; their coordinates are kept
  for (size_t i = 0; i < regions; i++) {
    const int64_t image = images.as<int64_t>()[i];
    if (image < 0 || image >= x.dims[0])
      return Status::shape(reader.label() + ": a region is of image " + std::to_string(image) + "; there are " +
                           std::to_string(x.dims[0]));
    const UnalignedFloat* roi = rois.floats() + i * 4;
    for (size_t j = 0; j < 4; j++)
      if (!(std::fabs(roi[j] * scale) < 1e6F &&
            std::fabs((roi[j] - roi[(j + 2) % 4]) * scale) < mostSamples * static_cast<float>(j % 2 ? rows : columns)))
        return Status::shape(reader.label() + ": a region is too large, or lies too far outside");
  }
  if (sampling > static_cast<int64_t>(mostSamples))
    return Status::option(reader.label() + ": sampling_ratio is too large");
  c.execution->forEachPiece(regions, [&](size_t region) {
    const UnalignedFloat* roi = rois.floats() + region * 4;
    const float left = roi[0] * scale - offset, top = roi[1] * scale - offset;
    float spanX = roi[2] * scale - offset - left, spanY = roi[3] * scale - offset - top;
    if (!isHalfPixel) {
      spanX = std::max(spanX, 1.0F);
      spanY = std::max(spanY, 1.0F);
    }
    const float stepY = spanY / static_cast<float>(rows), stepX = spanX / static_cast<float>(columns);
    const auto samples = [&](float step) {
      return sampling > 0 ? static_cast<size_t>(sampling) : static_cast<size_t>(std::max(std::ceil(step), 0.0F));
    };
    const size_t samplesY = samples(stepY), samplesX = samples(stepX);
    const auto count = static_cast<float>(std::max<size_t>(samplesY * samplesX, 1));
    const auto image = static_cast<size_t>(images.as<int64_t>()[region]);
    std::vector<Corner> corners(samplesY * samplesX);
    for (size_t bin = 0; bin < rows * columns && !c.execution->isCancelled(); bin++) {
      const size_t binRow = bin / columns, binColumn = bin % columns;
      const auto binY = static_cast<float>(binRow), binX = static_cast<float>(binColumn);
      for (size_t i = 0; i < corners.size(); i++) {
        const size_t row = i / samplesX, column = i % samplesX;
        const auto sampleY = static_cast<float>(row), sampleX = static_cast<float>(column);
        corners[i] =
            cornersAt(top + binY * stepY + (sampleY + 0.5F) * stepY / static_cast<float>(samplesY),
                      left + binX * stepX + (sampleX + 0.5F) * stepX / static_cast<float>(samplesX), height, width);
      }
      for (size_t channel = 0; channel < channels; channel++) {
        const UnalignedFloat* from = x.floats() + (image * channels + channel) * height * width;
        float sum = 0, largest = corners.empty() ? 0 : -std::numeric_limits<float>::infinity();
        for (const Corner& corner : corners)
          for (size_t j = 0; j < 4; j++) {
            const float value = corner.weight[j] * from[corner.at[j]];
            sum += value;
            largest = std::max(largest, value);
          }
        y.floats()[(region * channels + channel) * rows * columns + bin] = takesMax ? largest : sum / count;
      }
    }
  });
  return c.execution->outcome();
}
Status prepareRoiAlign(PrepareContext& c) {
  const std::string_view mode = c.text("mode");
  if (mode != "avg" && mode != "max") return c.unsupported("mode " + std::string(mode) + " does not run");
  return c.needType(types::f32);
}

// Regions [image, left, top, right, bottom] in whole elements, cut into bins.
Status runMaxRoiPool(RunContext& c) {
  const TensorView &x = c.in(0), &rois = c.in(1), &y = c.out(0);
  const NodeReader reader = c.reader();
  if (x.rank() != 4 || rois.rank() != 2 || rois.dims[1] != 5 || y.rank() != 4)
    return Status::shape(reader.label() + ": regions must be [regions, 5]");
  const size_t regions = rois.outer(1), channels = static_cast<size_t>(x.dims[1]);
  const int64_t height = x.dims[2], width = x.dims[3], rows = y.dims[2], columns = y.dims[3];
  const auto scale = static_cast<float>(reader.real("spatial_scale"));
  for (size_t i = 0; i < regions * 5; i++) {
    const float value = rois.floats()[i];
    const bool fits =
        i % 5 == 0 ? value >= 0 && value < static_cast<float>(x.dims[0]) : std::fabs(value * scale) < 1e8F;
    if (!fits) return Status::shape(reader.label() + ": a region is of no image, or lies too far outside");
  }
  c.execution->forEachPiece(regions, [&](size_t region) {
    const UnalignedFloat* roi = rois.floats() + region * 5;
    const auto at = [&](size_t i) { return static_cast<int64_t>(std::round(roi[i] * scale)); };
    const int64_t left = at(1), top = at(2);
    const auto binHeight = static_cast<float>(std::max<int64_t>(at(4) - top + 1, 1)) / static_cast<float>(rows);
    const auto binWidth = static_cast<float>(std::max<int64_t>(at(3) - left + 1, 1)) / static_cast<float>(columns);
    const auto bound = [](int64_t begin, float offset, int64_t size) {
      return static_cast<size_t>(std::clamp<int64_t>(begin + static_cast<int64_t>(offset), 0, size));
    };
    for (size_t channel = 0; channel < channels; channel++) {
      const UnalignedFloat* from = x.floats() + (static_cast<size_t>(roi[0]) * channels + channel) * x.inner(2);
      UnalignedFloat* to = y.floats() + (region * channels + channel) * y.inner(2);
      for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++) {
          const auto r = static_cast<float>(row), s = static_cast<float>(column);
          const size_t beginY = bound(top, std::floor(r * binHeight), height),
                       endY = bound(top, std::ceil((r + 1) * binHeight), height),
                       beginX = bound(left, std::floor(s * binWidth), width),
                       endX = bound(left, std::ceil((s + 1) * binWidth), width);
          const bool isEmpty = endY <= beginY || endX <= beginX;
          float largest = isEmpty ? 0 : -std::numeric_limits<float>::infinity();
          for (size_t i = beginY; i < endY; i++)
            for (size_t j = beginX; j < endX; j++)
              largest = std::max<float>(largest, from[i * static_cast<size_t>(width) + j]);
          *to++ = largest;
        }
    }
  });
  return c.execution->outcome();
}
Status prepareFloats(PrepareContext& c) { return c.needType(types::f32); }

const OpRuns runs({
    {"GridSample", runGridSample, prepareGridSample},
    {"AffineGrid", runAffineGrid, prepareFloats},
    {"RoiAlign", runRoiAlign, prepareRoiAlign},
    {"MaxRoiPool", runMaxRoiPool, prepareFloats},
});

}  // namespace
}  // namespace pare
