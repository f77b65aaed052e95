// Running the gradients of convolutions and pools.
#include <algorithm>
#include <cstring>
#include <vector>

#include "engine/conv-gradient.h"
#include "engine/pool.h"
#include "engine/run.h"

namespace pare {
namespace {

constexpr const char* domain = "pare";

// The last `rank` of three axes; the places of the window are the gradient's dimensions, the kernel's those of
// `filters` where there are any.
Status readAxes(const RunContext& c, const TensorView& gradient, const TensorView& x, const TensorView* filters,
                PoolAxis (&axes)[3]) {
  const NodeReader reader = c.reader();
  if (x.rank() < 3 || x.rank() > 5 || gradient.rank() != x.rank())
    return Status::unsupported(reader.label() + ": gradients of windows know one to three spatial dimensions");
  const size_t rank = x.rank() - 2;
  bool fits = true;
  const auto read = [&](const char* name, size_t count, int64_t least) {
    auto list = reader.integers(name).value_or(std::vector<int64_t>());
    if (list.empty()) list.assign(count, least);
    fits = fits && list.size() == count && *std::min_element(list.begin(), list.end()) >= least;
    return list;
  };
  const auto strides = read("strides", rank, 1), dilations = read("dilations", rank, 1),
             pads = read("pads", 2 * rank, 0);
  std::vector<int64_t> kernel;
  if (filters && filters->rank() == x.rank())
    kernel.assign(filters->dims.begin() + 2, filters->dims.end());
  else
    kernel = read("kernel_shape", rank, 1);
  if (!fits) return Status::option(reader.label() + ": its window's attributes do not fit X");
  const std::string_view automatic = reader.text("auto_pad");
  for (size_t i = 0; i < rank; i++) {
    PoolAxis& axis = axes[3 - rank + i];
    axis.input = static_cast<size_t>(x.dims[i + 2]);
    axis.output = static_cast<size_t>(gradient.dims[i + 2]);
    axis.kernel = static_cast<size_t>(kernel[i]);
    axis.stride = static_cast<size_t>(strides[i]);
    axis.dilation = static_cast<size_t>(dilations[i]);
    if (automatic == "NOTSET") {
      axis.padBegin = static_cast<size_t>(pads[i]);
      axis.padEnd = static_cast<size_t>(pads[i + rank]);
    } else if (automatic != "VALID" && axis.output > 0) {
      const size_t reach = (axis.output - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
      const size_t whole = reach > axis.input ? reach - axis.input : 0;
      axis.padBegin = automatic == "SAME_LOWER" ? whole - whole / 2 : whole / 2;
      axis.padEnd = whole - axis.padBegin;
    }
  }
  return Status::success();
}

size_t imageOf(const PoolAxis (&axes)[3]) { return axes[0].input * axes[1].input * axes[2].input; }
size_t placesOf(const PoolAxis (&axes)[3]) { return axes[0].output * axes[1].output * axes[2].output; }

// Calls visit(place, element of the image) for all that a window at `place` meets.
template <class Visit>
void eachElement(const PoolAxis (&axes)[3], const size_t (&place)[3], Visit&& visit) {
  const auto inside = [&](size_t axis, size_t k, size_t& at) {
    const size_t padded = place[axis] * axes[axis].stride + k * axes[axis].dilation;
    at = padded - axes[axis].padBegin;
    return padded >= axes[axis].padBegin && at < axes[axis].input;
  };
  size_t d = 0, h = 0, w = 0;
  for (size_t kd = 0; kd < axes[0].kernel; kd++) {
    if (!inside(0, kd, d)) continue;
    for (size_t kh = 0; kh < axes[1].kernel; kh++) {
      if (!inside(1, kh, h)) continue;
      for (size_t kw = 0; kw < axes[2].kernel; kw++)
        if (inside(2, kw, w)) visit((d * axes[1].input + h) * axes[2].input + w);
    }
  }
}

template <class Visit>
void eachPlace(const PoolAxis (&axes)[3], Visit&& visit) {
  size_t number = 0;
  for (size_t d = 0; d < axes[0].output; d++)
    for (size_t h = 0; h < axes[1].output; h++)
      for (size_t w = 0; w < axes[2].output; w++) visit(number++, {d, h, w});
}

// Planes side by side.
template <class Plane>
void eachPlane(const RunContext& c, size_t planes, size_t elements, Plane&& plane) {
  const size_t grain = std::max<size_t>(1, elementwiseGrain / 4 / std::max<size_t>(1, elements));
  c.execution->forEachChunk(planes, grain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) plane(i);
  });
}

// Windows of 2×2 side by side, all of them in the image.
bool isPairs(const PoolAxis (&axes)[3]) {
  const auto isPair = [](const PoolAxis& axis) {
    return axis.kernel == 2 && axis.stride == 2 && axis.dilation == 1 && axis.padBegin == 0 &&
           2 * axis.output <= axis.input;
  };
  return axes[0].kernel == 1 && axes[0].input == axes[0].output && isPair(axes[1]) && isPair(axes[2]);
}

void maxPoolPairs(const KernelTable& kernels, const PoolAxis (&axes)[3], const UnalignedFloat* x,
                  const UnalignedFloat* dy, UnalignedFloat* dx) {
  const size_t width = axes[2].input, height = axes[1].input, rows = axes[1].output, columns = axes[2].output;
  if (2 * rows < height || 2 * columns < width) std::memset(dx, 0, imageOf(axes) * sizeof(float));
  for (size_t plane = 0; plane < axes[0].input; plane++)
    for (size_t row = 0; row < rows; row++) {
      const size_t at = (plane * height + 2 * row) * width;
      kernels.gradient->maxPoolPairs({.upper = x + at,
                                      .lower = x + at + width,
                                      .dy = dy + (plane * rows + row) * columns,
                                      .dUpper = dx + at,
                                      .dLower = dx + at + width,
                                      .count = columns});
    }
}

// The first of a window's largest takes it all.
Status runMaxPoolGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &x = c.in(1);
  PoolAxis axes[3];
  if (Status status = readAxes(c, gradient, x, nullptr, axes); !status.ok()) return status;
  const size_t image = imageOf(axes), places = placesOf(axes);
  const bool pairs = isPairs(axes);
  eachPlane(c, x.outer(2), image, [&](size_t plane) {
    const UnalignedFloat *in = x.floats() + plane * image, *dy = gradient.floats() + plane * places;
    UnalignedFloat* dx = c.out(0).floats() + plane * image;
    if (pairs) return maxPoolPairs(c.execution->kernels, axes, in, dy, dx);
    std::memset(dx, 0, image * sizeof(float));
    eachPlace(axes, [&](size_t number, const size_t(&place)[3]) {
      size_t best = image;
      eachElement(axes, place, [&](size_t element) {
        if (best == image || in[element] > in[best] || (in[element] != in[element] && in[best] == in[best]))
          best = element;
      });
      if (best < image) dx[best] += dy[number];
    });
  });
  return c.execution->outcome();
}

Status runAveragePoolGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &x = c.in(1);
  PoolAxis axes[3];
  if (Status status = readAxes(c, gradient, x, nullptr, axes); !status.ok()) return status;
  const bool countsPadding = c.reader().integer("count_include_pad") != 0;
  const size_t image = imageOf(axes), places = placesOf(axes);
  eachPlane(c, x.outer(2), image, [&](size_t plane) {
    const UnalignedFloat* dy = gradient.floats() + plane * places;
    UnalignedFloat* dx = c.out(0).floats() + plane * image;
    std::memset(dx, 0, image * sizeof(float));
    eachPlace(axes, [&](size_t number, const size_t(&place)[3]) {
      size_t count = 1;
      for (size_t axis = 0; axis < 3; axis++) count *= axes[axis].count(place[axis], countsPadding);
      if (count == 0) return;
      const float share = dy[number] / static_cast<float>(count);
      eachElement(axes, place, [&](size_t element) { dx[element] += share; });
    });
  });
  return c.execution->outcome();
}

// ---- Convolution
Status runConvGrad(RunContext& c) {
  const TensorView &gradient = c.in(0), &x = c.in(1), &w = c.in(2);
  PoolAxis axes[3];
  if (Status status = readAxes(c, gradient, x, &w, axes); !status.ok()) return status;
  const std::string label = c.reader().label();
  const int64_t groups = c.reader().integer("group");
  if (w.rank() != x.rank() || groups < 1 || x.dims[1] != w.dims[1] * groups || gradient.dims[1] != w.dims[0] ||
      w.dims[0] % groups != 0 || gradient.dims[0] != x.dims[0])
    return Status::shape(label + ": the gradient, X and W do not fit each other");
  ConvGradient of{.batch = static_cast<size_t>(x.dims[0]),
                  .groups = static_cast<size_t>(groups),
                  .inputs = static_cast<size_t>(w.dims[1]),
                  .outputs = static_cast<size_t>(w.dims[0] / groups),
                  .axes = {axes[0], axes[1], axes[2]},
                  .dy = gradient.floats(),
                  .x = x.floats(),
                  .filters = w.floats()};
  for (const PoolAxis& axis : axes)
    if (axis.kernel == 0 || axis.stride == 0 || axis.dilation == 0 || axis.output == 0 || axis.input == 0)
      return Status::shape(label + ": a window of nothing has no gradient");
  if (c.wants(1))
    if (Status status = filterGradient(*c.execution, of, c.out(1).floats()); !status.ok()) return status;
  return c.wants(0) ? inputGradient(*c.execution, of, c.out(0).floats()) : Status::success();
}

const OpRuns runs({
    {"ConvGrad", runConvGrad, nullptr, domain},
    {"MaxPoolGrad", runMaxPoolGrad, nullptr, domain},
    {"AveragePoolGrad", runAveragePoolGrad, nullptr, domain},
});

}  // namespace
}  // namespace pare
