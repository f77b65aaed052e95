// Softmax and normalization (see row-ops.h).
#include "engine/row-ops.h"

namespace pare {
namespace {

// Elements a piece has: some microseconds of work for functions that take a few cycles a vector.
constexpr size_t rowGrain = 16384;

// out = in · factor + offset.
void affine(const KernelTable& kernels, const UnalignedFloat* in, UnalignedFloat* out, size_t count, float factor,
            float offset) {
  const BinaryKernels& binary = *kernels.binary;
  // Parts that the first cache level holds between the two steps.
  constexpr size_t partLength = 4096;
  for (size_t i = 0; i < count; i += partLength) {
    const size_t part = std::min(partLength, count - i);
    binary[Binary::mul].numberRight(in + i, &factor, out + i, part);
    binary[Binary::add].numberRight(out + i, &offset, out + i, part);
  }
}

size_t rowsPerPiece(size_t length) { return std::max<size_t>(1, rowGrain / std::max<size_t>(1, length)); }

}  // namespace

Status softmax(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t outer, size_t axis,
               size_t inner, bool logarithm) {
  const SoftmaxKernels& table = *execution.kernels.softmax;
  if (axis == 0 || inner == 0) return execution.outcome();
  if (inner == 1) {
    const auto rows = logarithm ? table.logRows : table.rows;
    execution.forEachChunk(outer, rowsPerPiece(axis), [&](size_t begin, size_t end) {
      rows(in + begin * axis, axis, out + begin * axis, axis, end - begin, axis);
    });
    return execution.outcome();
  }
  const auto columns = logarithm ? table.logColumns : table.columns;
  constexpr size_t widest = 256;  // columns side by side: few enough that what is read is still there when read again
  const size_t width = std::min(inner, widest), across = (inner + width - 1) / width;
  execution.forEachChunk(outer * across, rowsPerPiece(axis * width), [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const size_t first = i % across * width, start = i / across * axis * inner + first;
      columns(in + start, inner, out + start, inner, axis, std::min(width, inner - first));
    }
  });
  return execution.outcome();
}

Status normalizeRows(const Execution& execution, const LayerNormRows& rows, size_t skipRowCount) {
  const size_t period = rows.skip && skipRowCount ? skipRowCount : rows.rowCount;
  execution.forEachChunk(rows.rowCount, rowsPerPiece(rows.length), [&](size_t begin, size_t end) {
    while (begin < end) {
      // As far as the skip's rows go on.
      const size_t skipRow = begin % period, stop = std::min(end, begin + period - skipRow);
      LayerNormRows part = rows;
      part.in += begin * rows.length;
      part.out += begin * rows.length;
      part.rowCount = stop - begin;
      if (rows.skip) part.skip += skipRow * rows.length;
      if (rows.sum) part.sum += begin * rows.length;
      if (rows.mean) part.mean += begin;
      if (rows.inverseDeviation) part.inverseDeviation += begin;
      execution.kernels.layerNorm->normalize(part);
      begin = stop;
    }
  });
  return execution.outcome();
}

Status scaleChannels(const Execution& execution, const UnalignedFloat* in, UnalignedFloat* out, size_t batch,
                     size_t channels, size_t inner, const float* factors, const float* offsets) {
  execution.forEachChunk(batch * channels, rowsPerPiece(inner), [&](size_t begin, size_t end) {
    for (size_t plane = begin; plane < end; plane++)
      affine(execution.kernels, in + plane * inner, out + plane * inner, inner, factors[plane % channels],
             offsets[plane % channels]);
  });
  return execution.outcome();
}

Status normalizeGroups(const Execution& execution, const GroupNorm& of) {
  const size_t each = of.channels / of.groups, length = each * of.inner;
  if (length == 0) return execution.outcome();
  execution.forEachChunk(of.batch * of.groups, rowsPerPiece(length), [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; row++) {
      UnalignedFloat* to = of.out + row * length;
      execution.kernels.layerNorm->normalize(
          {.in = of.in + row * length, .rowCount = 1, .length = length, .epsilon = of.epsilon, .out = to});
      for (size_t i = 0; i < each; i++) {
        const size_t group = row % of.groups, parameter = of.perGroup ? group : group * each + i;
        affine(execution.kernels, to + i * of.inner, to + i * of.inner, of.inner, of.scale[parameter],
               of.bias[parameter]);
      }
    }
  });
  return execution.outcome();
}

}  // namespace pare
