// Running what puts elements where they belong in a larger tensor, or cuts them out: MaxUnpool, Col2Im, CenterCropPad;
// and determinants.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

// Each element goes where its index says, in the tensor that the window's sizes tell; a shape that is asked for adds
// zeros at its ends.
Status runMaxUnpool(RunContext& c) {
  const TensorView &x = c.in(0), &indices = c.in(1), &y = c.out(0);
  const NodeReader reader = c.reader();
  const size_t count = x.count(), axes = x.rank() < 3 ? 0 : x.rank() - 2;
  const auto kernel = reader.integers("kernel_shape").value_or(std::vector<int64_t>());
  const auto strides = reader.integers("strides").value_or(std::vector<int64_t>(axes, 1));
  const auto pads = reader.integers("pads").value_or(std::vector<int64_t>(2 * axes, 0));
  if (axes == 0 || indices.count() != count || y.rank() != x.rank() || kernel.size() != axes ||
      strides.size() != axes || pads.size() != 2 * axes)
    return Status::shape(reader.label() + ": there must be one index an element, and one size a spatial dimension");
  std::vector<int64_t> sizes(x.dims);
  for (size_t axis = 0; axis < axes; axis++) {
    int64_t size = 0;
    if (__builtin_mul_overflow(x.dims[axis + 2] - 1, strides[axis], &size) ||
        __builtin_add_overflow(size, kernel[axis], &size) || __builtin_sub_overflow(size, pads[axis], &size) ||
        __builtin_sub_overflow(size, pads[axis + axes], &size))
      size = 0;
    sizes[axis + 2] = std::max<int64_t>(size, 1);
  }
  if (y.count() > 0) std::memset(y.data, 0, y.byteLength());
  for (size_t i = 0; i < count; i++) {
    const int64_t given = indices.as<int64_t>()[i];
    int64_t rest = std::max<int64_t>(given, 0);
    size_t at = 0, step = 1;
    bool isInside = given >= 0;
    for (size_t axis = x.rank(); axis-- > 0; rest /= sizes[axis]) {
      const int64_t place = axis == 0 ? rest : rest % sizes[axis];
      isInside = isInside && place < y.dims[axis];
      at += static_cast<size_t>(place) * step;
      step *= static_cast<size_t>(y.dims[axis]);
    }
    if (!isInside)
      return Status::shape(reader.label() + ": the index " + std::to_string(given) + " lies outside of the result");
    y.floats()[at] = x.floats()[i];
  }
  return c.execution->outcome();
}

// [batch, channels · block, blocks] → [batch, channels, image…]: blocks that overlap add up.
Status runCol2Im(RunContext& c) {
  const TensorView &x = c.in(0), &image = c.in(1), &block = c.in(2), &y = c.out(0);
  const NodeReader reader = c.reader();
  const size_t axes = image.count();
  if (x.rank() != 3 || axes == 0 || block.count() != axes || y.rank() != axes + 2)
    return Status::shape(reader.label() + ": the input must be [batch, channels by block, blocks]");
  const auto listOf = [&](const char* name, size_t count, int64_t otherwise) {
    auto list = reader.integers(name).value_or(std::vector<int64_t>());
    if (list.empty()) list.assign(count, otherwise);
    return list;
  };
  const std::vector<int64_t> dilations = listOf("dilations", axes, 1), strides = listOf("strides", axes, 1),
                             pads = listOf("pads", 2 * axes, 0);
  if (dilations.size() != axes || strides.size() != axes || pads.size() != 2 * axes)
    return Status::shape(reader.label() + ": dilations, strides and pads must have one number an axis");
  std::vector<int64_t> places(axes), blocks(axes);
  int64_t blockCount = 1, placeCount = 1;
  constexpr int64_t most = int64_t{1} << 30;
  for (size_t axis = 0; axis < axes; axis++) {
    const int64_t size = image.as<int64_t>()[axis], one = block.as<int64_t>()[axis];
    const int64_t begin = pads[axis], end = pads[axis + axes], step = strides[axis], dilation = dilations[axis];
    if (size != y.dims[axis + 2] || std::max({size, one, begin, end, step, dilation}) > most || one < 1 || begin < 0 ||
        end < 0 || step < 1 || dilation < 1)
      return Status::shape(reader.label() + ": sizes, blocks, pads, strides and dilations must be in their bounds");
    const int64_t room = size + begin + end - (dilation * (one - 1) + 1);
    blocks[axis] = one;
    places[axis] = room < 0 ? 0 : room / step + 1;
    if (__builtin_mul_overflow(blockCount, one, &blockCount) ||
        __builtin_mul_overflow(placeCount, places[axis], &placeCount))
      return Status::shape(reader.label() + ": the blocks are too large");
  }
  const int64_t channels = y.dims[1];
  int64_t wanted = 0;
  if (__builtin_mul_overflow(channels, blockCount, &wanted) || x.dims[1] != wanted || x.dims[2] != placeCount ||
      x.dims[0] != y.dims[0])
    return Status::shape(reader.label() + ": the input must have " + std::to_string(blockCount) +
                         " rows a channel and " + std::to_string(placeCount) + " columns");
  const size_t inner = y.inner(2);
  if (y.count() > 0) std::memset(y.data, 0, y.byteLength());
  c.execution->forEachPiece(y.outer(2), [&](size_t plane) {
    UnalignedFloat* to = y.floats() + plane * inner;
    const UnalignedFloat* from = x.floats() + plane * static_cast<size_t>(blockCount * placeCount);
    for (int64_t b = 0; b < blockCount; b++)
      for (int64_t p = 0; p < placeCount; p++) {
        int64_t inBlock = b, place = p;
        size_t at = 0, step = 1;
        bool isInside = true;
        for (size_t axis = axes; axis-- > 0;) {
          const int64_t i =
              place % places[axis] * strides[axis] + inBlock % blocks[axis] * dilations[axis] - pads[axis];
          place /= places[axis];
          inBlock /= blocks[axis];
          isInside = isInside && i >= 0 && i < y.dims[axis + 2];
          at += static_cast<size_t>(i) * step;
          step *= static_cast<size_t>(y.dims[axis + 2]);
        }
        if (isInside) to[at] += from[b * placeCount + p];
      }
  });
  return c.execution->outcome();
}

// The middle of each axis, or the input in the middle of zeros.
Status runCenterCropPad(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  if (x.rank() != y.rank()) return Status::shape(c.reader().label() + ": shape must have one size an axis");
  const size_t bytes = bitsOf(x.dtype) / 8;
  if (y.byteLength() > 0) std::memset(y.data, 0, y.byteLength());
  std::vector<size_t> from(x.rank()), to(x.rank()), sizes(x.rank());
  size_t rows = 1;
  for (size_t axis = 0; axis < x.rank(); axis++) {
    const auto in = static_cast<size_t>(x.dims[axis]), out = static_cast<size_t>(y.dims[axis]);
    sizes[axis] = std::min(in, out);
    from[axis] = (in - sizes[axis]) / 2;
    to[axis] = (out - sizes[axis]) / 2;
    if (axis + 1 < x.rank()) rows *= sizes[axis];
  }
  if (x.rank() == 0) {
    std::memcpy(y.data, x.data, bytes);
    return Status::success();
  }
  const size_t last = x.rank() - 1;
  for (size_t row = 0; row < rows && sizes[last] > 0; row++) {
    size_t inAt = from[last], outAt = to[last], rest = row;
    size_t inStep = static_cast<size_t>(x.dims[last]), outStep = static_cast<size_t>(y.dims[last]);
    for (size_t axis = last; axis-- > 0; rest /= sizes[axis]) {
      inAt += (from[axis] + rest % sizes[axis]) * inStep;
      outAt += (to[axis] + rest % sizes[axis]) * outStep;
      inStep *= static_cast<size_t>(x.dims[axis]);
      outStep *= static_cast<size_t>(y.dims[axis]);
    }
    std::memcpy(y.data + outAt * bytes, x.data + inAt * bytes, sizes[last] * bytes);
  }
  return c.execution->outcome();
}
Status prepareCenterCropPad(PrepareContext& c) { return c.needType(wholeByteTypes); }

// By elimination with the largest pivots, in float64.
Status runDeterminant(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const size_t rank = x.rank();
  if (rank < 2 || x.dims[rank - 1] != x.dims[rank - 2])
    return Status::shape(c.reader().label() + ": matrices must be square");
  const auto n = static_cast<size_t>(x.dims[rank - 1]);
  c.execution->forEachPiece(y.count(), [&](size_t i) {
    const UnalignedFloat* from = x.floats() + i * n * n;
    std::vector<double> a(n * n);
    for (size_t j = 0; j < n * n; j++) a[j] = static_cast<double>(from[j]);
    double product = 1;
    for (size_t k = 0; k < n && product != 0; k++) {
      size_t pivot = k;
      for (size_t row = k + 1; row < n; row++)
        if (std::fabs(a[row * n + k]) > std::fabs(a[pivot * n + k])) pivot = row;
      if (pivot != k) {
        std::swap_ranges(a.begin() + static_cast<ptrdiff_t>(k * n), a.begin() + static_cast<ptrdiff_t>((k + 1) * n),
                         a.begin() + static_cast<ptrdiff_t>(pivot * n));
        product = -product;
      }
      product *= a[k * n + k];
      for (size_t row = k + 1; row < n && product != 0; row++) {
        const double factor = a[row * n + k] / a[k * n + k];
        for (size_t column = k; column < n; column++) a[row * n + column] -= factor * a[k * n + column];
      }
    }
    y.floats()[i] = static_cast<float>(product);
  });
  return c.execution->outcome();
}
Status prepareFloats(PrepareContext& c) { return c.needType(types::f32); }

const OpRuns runs({
    {"MaxUnpool", runMaxUnpool, prepareFloats},
    {"Col2Im", runCol2Im, prepareFloats},
    {"CenterCropPad", runCenterCropPad, prepareCenterCropPad},
    {"Det", runDeterminant, prepareFloats},
});

}  // namespace
}  // namespace pare
