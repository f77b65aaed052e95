// The matrix product of float32 over the thread pool, and packing its right side ahead.
#pragma once

#include "engine/execution.h"
#include "engine/fused-activation.h"

namespace pare {

// What becomes of sums while they are near: C = activation(alpha · sums + beta · addend + residual).
struct MatmulEpilogue {
  float alpha = 1, beta = 1;
  const UnalignedFloat* addend = nullptr;
  size_t rowStride = 0,
         columnStride = 0;  // elements from one row, or column, of the addend to the next; the latter ≤ 1
  const UnalignedFloat* residual = nullptr;  // [m, n], apart from C
  FusedActivation activation;

  bool isEmpty() const {
    return alpha == 1 && !addend && !residual && activation.epilogue.kind == Activation::Kind::none &&
           !activation.after;
  }
};

// C [m, n] = op(A)·op(B), row-major, all of any alignment. A is [m, k], or [k, m] when transposed; B is [k, n], or
// [n, k] when transposed, or packed by packMatrix for the kernels of `execution`. Zero for k = 0. C overlaps neither.
struct MatmulArguments {
  size_t m, n, k;
  bool transposeA = false, transposeB = false;
  const UnalignedFloat* a = nullptr;
  const UnalignedFloat* b = nullptr;
  const uint32_t* packedB = nullptr;
  UnalignedFloat* c = nullptr;
  size_t aStride = 0, bStride = 0;  // elements from one row of A, or B, to the next; 0: as many as a row has
  const MatmulEpilogue* epilogue = nullptr;
};
Status matmul(const Execution& execution, const MatmulArguments& arguments);

// Bytes of a packed [k, n] matrix; 0 when size_t cannot hold them.
size_t packedByteLength(const KernelTable& kernels, size_t k, size_t n);
void packMatrix(const Execution& execution, const UnalignedFloat* b, size_t k, size_t n, bool transposed, uint32_t* to);

}  // namespace pare
