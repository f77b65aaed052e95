// The matrix product of float32: C = A·B, row-major, with the packing that it needs.
//
// Each element of C is one chain of multiply-adds in the order of k, whatever the tile: blocking and threads never show
// in the bits. Only matrixVector, whose rows run along k, sums in lanes. Floor: 2·m·n·k operations at the level's
// multiply-adds, or for few rows the bytes of B at the memory's bandwidth. The blocking follows Goto and van de Geijn,
// "Anatomy of High-Performance Matrix Multiplication", 2008, and BLIS.
#pragma once

#include "kernels/matmul-tile.h"
#include "kernels/unaligned.h"

namespace pare {

struct MatmulKernels {
  TileKernel tile;

  // to[k][i] = from[i × rowStride + k] for i < count: rows along k (A; B transposed). Strides in elements; the columns
  // from count to stride become zero.
  void (*packRows)(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to,
                   size_t stride);
  // to[k][i] = from[k × rowStride + i] for i < count: rows across k (B; A transposed).
  void (*packColumns)(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to,
                      size_t stride);
  // y[i] = Σ rows[i × k + …]·x[…] for i < count.
  void (*matrixVector)(const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y, size_t count, size_t k);
};

}  // namespace pare
