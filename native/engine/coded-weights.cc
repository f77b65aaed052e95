// The product by packed weights (see coded-weights.h).
#include "engine/coded-weights.h"

#include <cstring>

#include "engine/matmul-blocks.h"

namespace pare {
namespace {

// From more rows on decoding pays: a row by codes costs what six rows by floats do.
constexpr size_t fewRows = 16;

struct CodedOperands {
  const KernelTable& table;
  const CodedWeights& weights;
  const UnalignedFloat* a;
  UnalignedFloat* y;
  const UnalignedFloat* bias;
  const MatmulKernels& kernels = *table.matmul;

  static constexpr size_t unitsEach = 128;

  void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const {
    kernels.packRows(a + row * weights.k + unit, weights.k, rows, units, to, rows);
  }
  void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const {
    const size_t stride = kernels.tile.stripColumns;
    constexpr size_t mostColumns = 64;
    float values[mostColumns * unitsEach];
    for (size_t j = 0; j < columns; j += stride) {
      const size_t count = std::min({stride, columns - j, mostColumns});
      for (size_t u = 0; u < units; u += unitsEach) {
        const size_t here = std::min(unitsEach, units - u);
        for (size_t i = 0; i < count; i++) weights.decode(table, column + j + i, unit + u, here, values + i * here);
        kernels.packRows(values, here, count, here, to + j * units + u * stride, stride);
      }
    }
  }
  static constexpr bool addsParts = false;
  static constexpr bool sumsColumns = false;
  static bool needsSums() { return false; }
  void sumColumns(const uint32_t*, size_t, int32_t*) const {}
  void finish(size_t row, size_t rows, size_t column, size_t columns, int32_t*) const {
    if (!bias) return;
    for (size_t i = row; i < row + rows; i++)
      for (size_t j = column; j < column + columns; j++) y[i * weights.n + j] += bias[j];
  }
};

Status multiplyRows(const Execution& execution, const CodedWeights& weights, const UnalignedFloat* a, size_t m,
                    const UnalignedFloat* bias, UnalignedFloat* y) {
  const FourBitProductKernels& kernels = *execution.kernels.fourBitProduct;
  constexpr size_t group = FourBitProductKernels::group;
  const size_t blocks = weights.blocks(), aStride = ceilDivide(weights.stride, group) * group;
  const size_t sumCount = weights.zeroScales ? m * blocks : 0;
  const Scratch scratch((m * aStride + sumCount) * sizeof(float));
  if (!scratch.data()) return Status::memory("no memory for the rows of a product");
  auto* rows = scratch.as<float>();
  float* sums = rows + m * aStride;
  for (size_t i = 0; i < m; i++) {
    const UnalignedFloat* row = a + i * weights.k;
    float* split = rows + i * aStride;
    std::fill_n(split, aStride, 0.0f);
    kernels.splitRow(row, weights.k, weights.isUpperFirst, split);
    for (size_t b = 0; b < blocks && sumCount > 0; b++) {
      float sum = 0;
      for (size_t at = b * weights.blockSize; at < std::min(weights.k, (b + 1) * weights.blockSize); at++)
        sum += row[at];
      sums[i * blocks + b] = sum;
    }
  }
  constexpr size_t weightsEach = size_t{1} << 17;
  execution.forEachChunk(weights.n, std::max<size_t>(1, weightsEach / weights.stride), [&](size_t begin, size_t end) {
    kernels.multiply({.a = rows,
                      .aStride = aStride,
                      .rows = m,
                      .codes = weights.codes + begin * weights.stride / 2,
                      .bytes = weights.stride / 2,
                      .columns = end - begin,
                      .blocks = blocks,
                      .blockSize = weights.blockSize,
                      .scales = weights.scales + begin * blocks,
                      .values = weights.values,
                      .zeroScales = weights.zeroScales ? weights.zeroScales + begin * blocks : nullptr,
                      .blockSums = sums,
                      .y = y + begin,
                      .yStride = weights.n});
    for (size_t i = 0; i < m && bias; i++)
      for (size_t j = begin; j < end; j++) y[i * weights.n + j] += bias[j];
  });
  return execution.outcome();
}

}  // namespace

void CodedWeights::decode(const KernelTable& kernels, size_t column, size_t begin, size_t count, float* to) const {
  size_t at = column * stride + begin;
  const size_t end = at + count;
  while (at < end) {
    const size_t block = at / blockSize, stop = std::min(end, (block + 1) * blockSize);
    const float scale = scales[block], zero = zeroScales ? zeroScales[block] : 0;
    if (hasBytes) {
      for (; at < stop; at++) *to++ = static_cast<float>(codes[at]) * scale - zero;
      continue;
    }
    float table[16];
    for (size_t i = 0; i < 16; i++) table[i] = values[i] * scale - zero;
    if (at % 2) {
      *to++ = table[codes[at / 2] >> (isUpperFirst ? 0 : 4) & 15];
      at++;
    }
    if (at < stop) kernels.fourBitProduct->decode(codes + at / 2, stop - at, isUpperFirst, table, to);
    to += stop - at;
    at = stop;
  }
}

Status multiplyCoded(const Execution& execution, const CodedWeights& weights, const UnalignedFloat* a, size_t m,
                     const UnalignedFloat* bias, UnalignedFloat* y) {
  if (m == 0 || weights.n == 0) return execution.outcome();
  if (m <= fewRows && !weights.hasBytes && weights.stride % weights.blockSize == 0)
    return multiplyRows(execution, weights, a, m, bias, y);
  const CodedOperands operands{execution.kernels, weights, a, y, bias};
  return MatmulBlocks(execution, operands.kernels.tile, operands, MatmulRight{}, m, weights.n, weights.k, y).run();
}

}  // namespace pare
