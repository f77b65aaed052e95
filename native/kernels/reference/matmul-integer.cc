// The slow, obvious version of matmul-integer.h: a unit is one value, and nothing is shifted.
#include "kernels/matmul-integer.h"

#include <cstring>

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t tileRows = 2, stripColumns = 3;

uint32_t wordAt(const void* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint32_t widened(uint8_t byte, bool isSigned) {
  return static_cast<uint32_t>(isSigned ? static_cast<int32_t>(static_cast<int8_t>(byte)) : byte);
}

void multiply(const MatmulTile& tile) {
  for (size_t i = 0; i < tile.rows; i++)
    for (size_t j = 0; j < tile.columns; j++) {
      const uint8_t* b = tile.b + j / stripColumns * tile.bStripStride + j % stripColumns * 4;
      uint8_t* c = tile.c + i * tile.cStride + j * 4;
      uint32_t sum = tile.accumulate ? wordAt(c) : 0;
      for (size_t u = 0; u < tile.depth; u++) sum += tile.a[u * tile.rows + i] * wordAt(b + u * tile.bStride);
      std::memcpy(c, &sum, sizeof sum);
    }
}

void packRows(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
              size_t stride) {
  for (size_t u = 0; u < k; u++)
    for (size_t i = 0; i < stride; i++)
      to[u * stride + i] = i < count ? widened(from[i * rowStride + u], bytes.isSigned) : 0;
}

void packColumns(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
                 size_t stride) {
  for (size_t strip = 0; strip < count; strip += stride)
    for (size_t u = 0; u < k; u++)
      for (size_t i = 0; i < stride; i++)
        to[strip * k + u * stride + i] =
            strip + i < count ? widened(from[u * rowStride + strip + i], bytes.isSigned) : 0;
}

void rowSums(const uint8_t* from, size_t rowStride, size_t count, size_t k, bool isSigned, int32_t* sums) {
  for (size_t i = 0; i < count; i++) {
    uint32_t sum = 0;
    for (size_t u = 0; u < k; u++) sum += widened(from[i * rowStride + u], isSigned);
    sums[i] = static_cast<int32_t>(sum);
  }
}

void columnSums(const uint32_t* strip, size_t depth, int32_t* sums) {
  for (size_t j = 0; j < stripColumns; j++) {
    auto sum = static_cast<uint32_t>(sums[j]);
    for (size_t u = 0; u < depth; u++) sum += strip[u * stripColumns + j];
    sums[j] = static_cast<int32_t>(sum);
  }
}

void correct(UnalignedInt32* c, size_t cStride, size_t rows, size_t columns, const int32_t* aZero, const int32_t* sums,
             const int32_t* columnTerms, const int32_t* bZero) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      auto value = static_cast<uint32_t>(c[i * cStride + j]);
      value += (aZero ? static_cast<uint32_t>(aZero[i]) : 1) * static_cast<uint32_t>(columnTerms[j]);
      if (bZero) value -= static_cast<uint32_t>(sums[i]) * static_cast<uint32_t>(bZero[j]);
      c[i * cStride + j] = static_cast<int32_t>(value);
    }
}

}  // namespace

extern const MatmulIntegerKernels matmulIntegerKernels;
const MatmulIntegerKernels matmulIntegerKernels{
    .tile = {false, tileRows, stripColumns, 1, multiply},
    .unitDepth = 1,
    .aShift = {0, 0},
    .bShift = {0, 0},
    .packRows = packRows,
    .packColumns = packColumns,
    .rowSums = rowSums,
    .columnSums = columnSums,
    .correct = correct,
    .saturating = nullptr,
};

}  // namespace pare::PARE_LEVEL
