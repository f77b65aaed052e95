// How far packed four-bit weights are from the floats that they stand for (see four-bit.h).
#include <cmath>
#include <vector>

#include "engine/four-bit.h"

namespace pare {
namespace {

// What each code stands for, as ONNX Runtime's MatMulBnb4 reads it.
constexpr float nf4Values[16] = {-1.0f,
                                 -0.6961928009986877f,
                                 -0.5250730514526367f,
                                 -0.39491748809814453f,
                                 -0.28444138169288635f,
                                 -0.18477343022823334f,
                                 -0.09105003625154495f,
                                 0.0f,
                                 0.07958029955625534f,
                                 0.16093020141124725f,
                                 0.24611230194568634f,
                                 0.33791524171829224f,
                                 0.44070982933044434f,
                                 0.5626170039176941f,
                                 0.7229568362236023f,
                                 1.0f};
constexpr float fp4Values[16] = {
    0.0f,  0.005208333333f,  0.66666667f,  1.0f,  0.33333333f,  0.5f,  0.16666667f,  0.25f,
    -0.0f, -0.005208333333f, -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f};

constexpr size_t tile = FourBitKernels::tileColumns;

uint8_t nibble(const uint8_t* bytes, size_t index, bool lowFirst) {
  return (index % 2 != 0) == lowFirst ? bytes[index / 2] >> 4 : bytes[index / 2] & 0xf;
}

// Compares `count` floats with what stands for them; infinities saturate, so that their error says nothing.
void add(const Execution& execution, const UnalignedFloat* x, float* restored, size_t count, Comparison* part) {
  for (size_t i = 0; i < count; i++)
    if (std::isinf(x[i])) restored[i] = x[i];
  execution.kernels.compare->compare(x, restored, count, part);
}

Status sum(const Execution& execution, const std::vector<Comparison>& parts, QuantizationError* error) {
  *error = {};
  for (const Comparison& part : parts) {
    error->signal += part.sumSquareA;
    error->noise += part.sumSquareError;
    error->maxError = std::max(error->maxError, part.maxError);
    error->count += part.count;
  }
  return execution.outcome();
}

}  // namespace

Status matMulNBitsError(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize,
                        const uint8_t* data, const UnalignedFloat* scales, const uint8_t* zeroPoints,
                        QuantizationError* error) {
  const size_t blocks = (k + blockSize - 1) / blockSize, pairs = (blocks + 1) / 2;
  const size_t columnTiles = (n + tile - 1) / tile;
  std::vector<Comparison> parts(columnTiles * blocks);
  execution.forEachPiece(parts.size(), [&](size_t piece) {
    const size_t block = piece / columnTiles, column = piece % columnTiles * tile;
    const size_t columns = std::min(tile, n - column), row = block * blockSize;
    float scale[tile], zeroPoint[tile], restored[tile];
    for (size_t c = 0; c < columns; c++) {
      scale[c] = scales[(column + c) * blocks + block];
      zeroPoint[c] = zeroPoints ? nibble(zeroPoints + (column + c) * pairs, block, true) : 8;
    }
    const uint8_t* codes = data + (column * blocks + block) * (blockSize / 2);
    for (size_t r = 0; r < std::min(blockSize, k - row); r++) {
      for (size_t c = 0; c < columns; c++)
        restored[c] = (nibble(codes + c * blocks * (blockSize / 2), r, true) - zeroPoint[c]) * scale[c];
      add(execution, x + (row + r) * n + column, restored, columns, &parts[piece]);
    }
  });
  return sum(execution, parts, error);
}

Status bnb4Error(const Execution& execution, const UnalignedFloat* x, size_t k, size_t n, size_t blockSize, bool isNf4,
                 const uint8_t* data, const UnalignedFloat* absmax, QuantizationError* error) {
  const float* values = isNf4 ? nf4Values : fp4Values;
  constexpr size_t rowsPerPiece = 64;
  const size_t columnTiles = (n + tile - 1) / tile;
  std::vector<Comparison> parts(columnTiles * ((k + rowsPerPiece - 1) / rowsPerPiece));
  execution.forEachPiece(parts.size(), [&](size_t piece) {
    const size_t column = piece % columnTiles * tile, columns = std::min(tile, n - column);
    const size_t begin = piece / columnTiles * rowsPerPiece, end = std::min(k, begin + rowsPerPiece);
    float restored[tile];
    for (size_t row = begin; row < end; row++) {
      // The packed order is that of the transpose.
      for (size_t c = 0; c < columns; c++) {
        const size_t at = (column + c) * k + row;
        restored[c] = values[nibble(data, at, false)] * absmax[at / blockSize];
      }
      add(execution, x + row * n + column, restored, columns, &parts[piece]);
    }
  });
  return sum(execution, parts, error);
}

}  // namespace pare
