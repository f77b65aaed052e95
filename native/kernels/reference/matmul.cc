// The slow, obvious version of matmul.h: sums in double. Odd tiles, so that the blocking around them meets every edge.
#include "kernels/matmul.h"

#include <cstring>

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t tileRows = 3, stripColumns = 5;

float floatAt(const void* from) {
  float value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void multiply(const MatmulTile& tile) {
  for (size_t j = 0; tile.bCopy && j < tile.columns; j++)
    for (size_t u = 0; u < tile.depth; u++) {
      const size_t strip = j / stripColumns, column = j % stripColumns;
      std::memcpy(tile.bCopy + (strip * tile.depth + u) * stripColumns + column,
                  tile.b + strip * tile.bStripStride + u * tile.bStride + column * 4, 4);
    }
  for (size_t i = 0; i < tile.rows; i++)
    for (size_t j = 0; j < tile.columns; j++) {
      const uint8_t* b = tile.b + j / stripColumns * tile.bStripStride + j % stripColumns * 4;
      uint8_t* c = tile.c + i * tile.cStride + j * 4;
      double sum = tile.accumulate ? floatAt(c) : 0;
      for (size_t u = 0; u < tile.depth; u++)
        sum += static_cast<double>(floatAt(tile.a + u * tile.rows + i)) *
               floatAt(b + (tile.bOffsets ? tile.bOffsets[u] : u * tile.bStride));
      if (tile.finishes) {
        if (tile.bias) sum += static_cast<double>(tile.bias[i]);
        if (sum < static_cast<double>(tile.least)) sum = static_cast<double>(tile.least);
        if (sum > static_cast<double>(tile.most)) sum = static_cast<double>(tile.most);
      }
      const auto rounded = static_cast<float>(sum);
      std::memcpy(c, &rounded, sizeof rounded);
    }
}

void packRows(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to, size_t stride) {
  for (size_t k = 0; k < depth; k++)
    for (size_t i = 0; i < stride; i++) {
      const float value = i < count ? from[i * rowStride + k] : 0;
      std::memcpy(to + k * stride + i, &value, sizeof value);
    }
}

void packColumns(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to,
                 size_t stride) {
  for (size_t k = 0; k < depth; k++)
    for (size_t i = 0; i < stride; i++) {
      const float value = i < count ? from[k * rowStride + i] : 0;
      std::memcpy(to + k * stride + i, &value, sizeof value);
    }
}

void matrixVector(const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y, size_t count, size_t k) {
  for (size_t i = 0; i < count; i++) {
    double sum = 0;
    for (size_t u = 0; u < k; u++) sum += static_cast<double>(rows[i * k + u]) * x[u];
    y[i] = static_cast<float>(sum);
  }
}

}  // namespace

extern const MatmulKernels matmulKernels;
const MatmulKernels matmulKernels{{true, tileRows, stripColumns, 1, multiply}, packRows, packColumns, matrixVector};

}  // namespace pare::PARE_LEVEL
