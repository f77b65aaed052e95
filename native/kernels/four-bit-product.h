// Products of float32 rows by four-bit weights that stay packed: every code stands for one of sixteen values, and a
// block of a column's codes shares a scale.
//
// Operation: y[r][j] = Σ_b scale[j][b] · Σ_i a[r][i] · values[code[j][i]], i over block b, less Σ_b zeroScale[j][b] ·
// Σ_i a[r][i]. A byte holds two codes; A is split to fit: of 32 values first the 16 whose codes lie in the lower
// halves, then those of the upper ones. Floor: ½ byte read a weight, or six vector operations for 32 of them and a row.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct FourBitProduct {
  const float* a;  // as splitRow leaves it
  size_t aStride, rows;
  const uint8_t* codes;
  size_t bytes;  // of a column: blocks × blockSize / 2
  size_t columns, blocks, blockSize;
  const UnalignedFloat* scales;  // [columns, blocks]
  const float* values;           // 16
  const float* zeroScales;       // [columns, blocks], or null
  const float* blockSums;        // [rows, blocks]: Σ of A's blocks; where there are zeroScales
  UnalignedFloat* y;
  size_t yStride;
};

struct FourBitProductKernels {
  static constexpr size_t group = 32;

  // `count` values, filled up with zeros to whole groups; upperFirst: codes begin in the upper halves of bytes.
  void (*splitRow)(const UnalignedFloat* a, size_t count, bool upperFirst, float* to);
  void (*multiply)(const FourBitProduct& product);
  // out[i] = values[code i], from the first half of a byte on.
  void (*decode)(const uint8_t* codes, size_t count, bool upperFirst, const float* values, float* out);
};

}  // namespace pare
