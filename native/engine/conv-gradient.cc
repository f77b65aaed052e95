// Gradients of a convolution (see conv-gradient.h).
#include "engine/conv-gradient.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/conv-transpose.h"
#include "engine/conv.h"
#include "engine/matmul.h"
#include "engine/scratch.h"

namespace pare {
namespace {

// Columns of a product: enough that packing costs little beside it, few enough for the second cache level.
constexpr size_t columnsEach = 256;

size_t ceilDivide(size_t a, size_t b) { return (a + b - 1) / b; }

// Places whose element `k` of the window lies in the image.
struct Inside {
  size_t begin, end;

  Inside(const PoolAxis& axis, size_t k) {
    const size_t offset = k * axis.dilation;
    begin = offset >= axis.padBegin ? 0 : ceilDivide(axis.padBegin - offset, axis.stride);
    const size_t limit = axis.input + axis.padBegin;
    end = limit <= offset ? 0 : std::min(axis.output, ceilDivide(limit - offset, axis.stride));
    begin = std::min(begin, end);
  }
  size_t count() const { return end - begin; }
};

// The planes of one element of the window: rows of an image, and of the matrix's row for that element.
struct TapPlane {
  size_t imageAt, imageStride;  // the first element inside, and from one row to the next
  size_t columnAt, columnStride;
  size_t rows, columns;
};

// Calls row(number, isWhole) for each element of the window, and plane(number, plane) for its planes.
template <class Row, class Plane>
void eachTap(const ConvGradient& of, Row&& row, Plane&& plane) {
  const PoolAxis *deep = &of.axes[0], *high = &of.axes[1], *wide = &of.axes[2];
  size_t number = 0;
  for (size_t channel = 0; channel < of.inputs; channel++)
    for (size_t kd = 0; kd < deep->kernel; kd++)
      for (size_t kh = 0; kh < high->kernel; kh++)
        for (size_t kw = 0; kw < wide->kernel; kw++, number++) {
          const Inside d(*deep, kd), h(*high, kh), w(*wide, kw);
          row(number, d.count() * h.count() * w.count() == of.places());
          if (h.count() == 0 || w.count() == 0) continue;
          for (size_t at = d.begin; at < d.end; at++) {
            const size_t imageD = at * deep->stride + kd * deep->dilation - deep->padBegin,
                         imageH = h.begin * high->stride + kh * high->dilation - high->padBegin,
                         imageW = w.begin * wide->stride + kw * wide->dilation - wide->padBegin;
            plane(number,
                  TapPlane{.imageAt = channel * of.image() + (imageD * high->input + imageH) * wide->input + imageW,
                           .imageStride = high->stride * wide->input,
                           .columnAt = (at * high->output + h.begin) * wide->output + w.begin,
                           .columnStride = wide->output,
                           .rows = h.count(),
                           .columns = w.count()});
          }
        }
}

// An image's columns, rows of the matrix `stride` elements apart.
void unfold(const KernelTable& kernels, const ConvGradient& of, const UnalignedFloat* image, UnalignedFloat* columns,
            size_t stride) {
  const size_t step = of.axes[2].stride;
  eachTap(
      of,
      [&](size_t row, bool isWhole) {
        if (!isWhole) std::memset(columns + row * stride, 0, of.places() * sizeof(float));
      },
      [&](size_t row, const TapPlane& tap) {
        const UnalignedFloat* from = image + tap.imageAt;
        UnalignedFloat* to = columns + row * stride + tap.columnAt;
        if (step == 1)
          return kernels.gradient->copyRows({from, tap.imageStride, to, tap.columnStride, tap.rows, tap.columns});
        for (size_t i = 0; i < tap.rows; i++)
          for (size_t j = 0; j < tap.columns; j++) to[i * tap.columnStride + j] = from[i * tap.imageStride + j * step];
      });
}

// The reverse: columns added up into an image of zeros.
void fold(const KernelTable& kernels, const ConvGradient& of, const UnalignedFloat* columns, size_t stride,
          UnalignedFloat* image) {
  const size_t step = of.axes[2].stride;
  std::memset(image, 0, of.inputs * of.image() * sizeof(float));
  eachTap(
      of, [](size_t, bool) {},
      [&](size_t row, const TapPlane& tap) {
        const UnalignedFloat* from = columns + row * stride + tap.columnAt;
        UnalignedFloat* to = image + tap.imageAt;
        if (step == 1)
          return kernels.gradient->addRows({from, tap.columnStride, to, tap.imageStride, tap.rows, tap.columns});
        for (size_t i = 0; i < tap.rows; i++)
          for (size_t j = 0; j < tap.columns; j++) to[i * tap.imageStride + j * step] += from[i * tap.columnStride + j];
      });
}

// dY of some images' group as one matrix [outputs, images × places]: where it lies, or copied.
const UnalignedFloat* gatherGradient(const KernelTable& kernels, const ConvGradient& of, size_t first, size_t images,
                                     size_t group, float* copy) {
  const size_t places = of.places();
  const auto begin = [&](size_t image) { return of.dy + (image * of.groups + group) * of.outputs * places; };
  if (images == 1) return begin(first);
  auto* to = reinterpret_cast<UnalignedFloat*>(copy);
  for (size_t i = 0; i < images; i++)
    kernels.gradient->copyRows({begin(first + i), places, to + i * places, images * places, of.outputs, places});
  return to;
}

// What pieces work in, and whether one of them failed.
class Failure {
 public:
  void note(const Status& status) {
    if (!status.ok()) failed_ = true;
  }
  void noMemory() { failed_ = true; }
  Status outcome(const Execution& execution) const {
    if (failed_ && !execution.isCancelled()) return Status::memory("no memory for the columns of a convolution");
    return execution.outcome();
  }

 private:
  std::atomic<bool> failed_{false};
};

Execution singleOf(const Execution& execution) {
  return {.kernels = execution.kernels, .threads = 1, .cancelled = execution.cancelled};
}

// By columns, some images a piece.
Status inputByColumns(const Execution& execution, const ConvGradient& of, UnalignedFloat* dx) {
  const size_t places = of.places(), window = of.window();
  const size_t imagesEach = std::clamp<size_t>(columnsEach / places, 1, of.batch);
  const Execution single = singleOf(execution);
  Failure failure;
  execution.forEachPiece(ceilDivide(of.batch, imagesEach) * of.groups, [&](size_t piece) {
    const size_t group = piece % of.groups, first = piece / of.groups * imagesEach,
                 images = std::min(imagesEach, of.batch - first), stride = images * places;
    const Scratch columns(window * stride * sizeof(float)), copy(of.outputs * stride * sizeof(float));
    if (!columns.data() || !copy.data()) return failure.noMemory();
    failure.note(matmul(single, {.m = window,
                                 .n = stride,
                                 .k = of.outputs,
                                 .transposeA = true,
                                 .a = of.filters + group * of.outputs * window,
                                 .b = gatherGradient(execution.kernels, of, first, images, group, copy.as<float>()),
                                 .c = columns.as<UnalignedFloat>()}));
    for (size_t i = 0; i < images; i++)
      fold(execution.kernels, of, columns.as<UnalignedFloat>() + i * places, stride,
           dx + ((first + i) * of.groups + group) * of.inputs * of.image());
  });
  return failure.outcome(execution);
}

Status inputByTranspose(const Execution& execution, const ConvGradient& of, UnalignedFloat* dx) {
  ConvTransposeShape shape{.batch = of.batch,
                           .groups = of.groups,
                           .inputChannels = of.groups * of.outputs,
                           .outputChannels = of.groups * of.inputs,
                           .axes = {}};
  for (size_t i = 0; i < 3; i++) {
    const PoolAxis& from = of.axes[i];
    ConvTransposeAxis& axis = shape.axes[i];
    axis = {.input = from.output,
            .kernel = from.kernel,
            .stride = from.stride,
            .dilation = from.dilation,
            .padBegin = from.padBegin,
            .padEnd = from.padEnd};
    // The image's end that no window reaches.
    if (axis.output() < from.input) axis.outputPadding = from.input - axis.output();
    if (axis.output() != from.input) return Status::shape("the gradient's dimensions are not those of the convolution");
  }
  PreparedConvTranspose prepared;
  if (Status status = prepared.prepare(execution, shape, of.filters); !status.ok()) return status;
  return convTranspose(execution, prepared, shape, of.dy, dx);
}

// Whether the image's gradient is a depthwise convolution that has a kernel: of dY, apart by the strides, with the
// filters turned by half.
bool isDepthwise(const Execution& execution, const ConvGradient& of) {
  const PoolAxis &deep = of.axes[0], &high = of.axes[1], &wide = of.axes[2];
  if (of.inputs != 1 || of.outputs != 1 || deep.input != 1 || deep.kernel != 1 || high.dilation != 1) return false;
  for (const PoolAxis* axis : {&high, &wide})
    if (axis->padBegin > (axis->kernel - 1) * axis->dilation) return false;
  return execution.kernels.depthwise->has(high.kernel, wide.kernel, 1, 1);
}

// Some images a piece.
Status inputByDepthwise(const Execution& execution, const ConvGradient& of, UnalignedFloat* dx) {
  const size_t kernel = of.window(), places = of.places();
  ConvShape shape{
      .batch = 1, .groups = of.groups, .inputChannels = of.groups, .outputChannels = of.groups, .rank = 2, .axes = {}};
  for (const size_t i : {1, 2}) {
    const PoolAxis& from = of.axes[i];
    const size_t reach = (from.kernel - 1) * from.dilation, apart = (from.output - 1) * from.stride + 1;
    shape.axes[i] = {.input = apart,
                     .kernel = from.kernel,
                     .stride = 1,
                     .dilation = from.dilation,
                     .padBegin = reach - from.padBegin,
                     // The image's end that no window reaches is padding too.
                     .padEnd = from.input + from.padBegin - apart};
  }
  const Scratch turned(of.groups * kernel * sizeof(float));
  if (!turned.data()) return Status::memory("no memory for the filters of a convolution");
  for (size_t group = 0; group < of.groups; group++)
    std::reverse_copy(of.filters + group * kernel, of.filters + (group + 1) * kernel,
                      turned.as<UnalignedFloat>() + group * kernel);
  const Execution single = singleOf(execution);
  PreparedConv prepared;
  if (Status status = prepared.prepare(single, shape, turned.as<UnalignedFloat>()); !status.ok()) return status;
  const PoolAxis &high = of.axes[1], &wide = of.axes[2];
  const size_t apart = shape.axes[1].input * shape.axes[2].input;
  const bool isApart = apart != places;
  Failure failure;
  execution.forEachPiece(of.batch, [&](size_t image) {
    const UnalignedFloat* dy = of.dy + image * of.groups * places;
    const Scratch spread(isApart ? of.groups * apart * sizeof(float) : 1);
    if (!spread.data()) return failure.noMemory();
    if (isApart) {
      auto* to = spread.as<UnalignedFloat>();
      std::memset(spread.data(), 0, of.groups * apart * sizeof(float));
      for (size_t group = 0; group < of.groups; group++)
        for (size_t row = 0; row < high.output; row++)
          for (size_t i = 0; i < wide.output; i++)
            to[group * apart + row * high.stride * shape.axes[2].input + i * wide.stride] =
                dy[(group * high.output + row) * wide.output + i];
      dy = to;
    }
    failure.note(conv(single, prepared, shape, dy, dx + image * of.groups * of.image()));
  });
  return failure.outcome(execution);
}

}  // namespace

Status inputGradient(const Execution& execution, const ConvGradient& of, UnalignedFloat* dx) {
  if (isDepthwise(execution, of)) return inputByDepthwise(execution, of, dx);
  const size_t strides = of.axes[0].stride * of.axes[1].stride * of.axes[2].stride;
  // The transposed convolution multiplies at every place of the image, in as many phases as there are strides.
  const bool isSparse = of.places() * strides * 4 < of.image() * 3;
  return isSparse ? inputByColumns(execution, of, dx) : inputByTranspose(execution, of, dx);
}

// Pieces that depend on the shape alone take some images each, and have sums of their own.
Status filterGradient(const Execution& execution, const ConvGradient& of, UnalignedFloat* dFilters) {
  const size_t places = of.places(), window = of.window(), filters = of.outputs * window, whole = of.groups * filters;
  constexpr size_t mostPieces = 16, mostSums = size_t{1} << 24;
  const size_t pieces = std::clamp<size_t>(mostSums / std::max<size_t>(1, whole), 1, mostPieces);
  const size_t imagesEach = std::max(ceilDivide(of.batch, pieces), std::min(of.batch, ceilDivide(columnsEach, places)));
  const size_t count = ceilDivide(of.batch, imagesEach);
  const size_t together = std::clamp<size_t>(columnsEach / places, 1, imagesEach);
  const Scratch sums(count * whole * sizeof(float));
  if (!sums.data()) return Status::memory("no memory for the gradient of filters");
  const BinaryKernels::Function add = (*execution.kernels.binary)[Binary::add].arrays;
  const Execution single = singleOf(execution);
  Failure failure;
  execution.forEachPiece(count, [&](size_t piece) {
    auto* sum = sums.as<UnalignedFloat>() + piece * whole;
    const Scratch columns(window * together * places * sizeof(float)),
        copy(of.outputs * together * places * sizeof(float)), part(filters * sizeof(float));
    if (!columns.data() || !copy.data() || !part.data()) return failure.noMemory();
    const size_t begin = piece * imagesEach, end = std::min(of.batch, begin + imagesEach);
    for (size_t first = begin; first < end; first += together)
      for (size_t group = 0; group < of.groups; group++) {
        const size_t images = std::min(together, end - first), stride = images * places;
        for (size_t i = 0; i < images; i++)
          unfold(execution.kernels, of, of.x + ((first + i) * of.groups + group) * of.inputs * of.image(),
                 columns.as<UnalignedFloat>() + i * places, stride);
        UnalignedFloat *own = sum + group * filters, *to = first == begin ? own : part.as<UnalignedFloat>();
        const UnalignedFloat* gradient = gatherGradient(execution.kernels, of, first, images, group, copy.as<float>());
        // One filter a group is a matrix by a vector, which needs no packing.
        if (of.outputs == 1)
          execution.kernels.matmul->matrixVector(columns.as<UnalignedFloat>(), gradient, to, window, stride);
        else
          failure.note(matmul(single, {.m = of.outputs,
                                       .n = window,
                                       .k = stride,
                                       .transposeB = true,
                                       .a = gradient,
                                       .b = columns.as<UnalignedFloat>(),
                                       .c = to}));
        if (to != own) add(own, to, own, filters);
      }
  });
  if (Status status = failure.outcome(execution); !status.ok()) return status;
  execution.forEachChunk(whole, elementwiseGrain, [&](size_t begin, size_t end) {
    std::memcpy(dFilters + begin, sums.as<float>() + begin, (end - begin) * sizeof(float));
    for (size_t piece = 1; piece < count; piece++)
      add(dFilters + begin, sums.as<UnalignedFloat>() + piece * whole + begin, dFilters + begin, end - begin);
  });
  return execution.outcome();
}

}  // namespace pare
