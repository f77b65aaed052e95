// The matrix product of 8-bit integers as ONNX MatMulInteger has it: C = (A − a₀)·(B − b₀) in 32 bits, which wrap.
//
// Zero points are taken out afterwards: Σ(a − a₀)(b − b₀) = Σab − b₀Σa − a₀Σb + k·a₀b₀, so the inner loop sees bytes
// only. How a level multiplies decides its unit of depth, and what packing does to the values:
// - dot products of four bytes: VNNI takes A unsigned and B signed, Arm's takes both signed; packing shifts by 128 what
//   has the other sign, and the zero point moves along.
// - elsewhere pairs of 16-bit values, exact: |a·b| ≤ 255·255, and a sum of two fits 32 bits. Pairs of bytes, as x86 has
//   them, saturate; they are there as well, for a B that cannot make them do so.
// Floor: 2·m·n·k operations at that rate, or for few rows the bytes of B at the memory's bandwidth.
#pragma once

#include "kernels/matmul-tile.h"
#include "kernels/unaligned.h"

namespace pare {

enum class MatmulSide { a, b };

// How the bytes of an operand are to be read.
struct MatmulBytes {
  MatmulSide side;
  bool isSigned;
};

struct MatmulIntegerKernels {
  TileKernel tile;
  size_t unitDepth;  // values along k in a unit
  // What packing adds to each value, by isSigned.
  int32_t aShift[2];
  int32_t bShift[2];

  // As in MatmulKernels, over bytes: k values become ⌈k / unitDepth⌉ units, the last one filled up with zeros.
  void (*packRows)(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
                   size_t stride);
  // packColumns: more than `stride` columns become one strip after another.
  void (*packColumns)(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
                      size_t stride);
  // sums[i] = Σ of row i's values, not shifted.
  void (*rowSums)(const uint8_t* from, size_t rowStride, size_t count, size_t k, bool isSigned, int32_t* sums);
  // sums[j] += Σ of the shifted values of column j of a packed strip of B.
  void (*columnSums)(const uint32_t* strip, size_t depth, int32_t* sums);
  // c[i][j] += aZero[i]·columnTerms[j] − rowSums[i]·bZero[j]; without aZero its factor is 1, without bZero 0.
  void (*correct)(UnalignedInt32* c, size_t cStride, size_t rows, size_t columns, const int32_t* aZero,
                  const int32_t* rowSums, const int32_t* columnTerms, const int32_t* bZero);
  // Where exact kernels multiply 16-bit values: faster ones of bytes, A unsigned and B signed, right as long as no two
  // neighbouring values of B, those of rows 2i and 2i + 1, add up to more than 128 either way; or null.
  const MatmulIntegerKernels* saturating;
};

}  // namespace pare
