// Running matrix products of float32: constant right sides are packed once.
#include <algorithm>

#include "engine/blob.h"
#include "engine/matmul.h"
#include "engine/run.h"

namespace pare {
namespace {

struct ProductState : NodeState {
  bool transposeA = false, transposeB = false;
  float alpha = 1, beta = 1;
  std::unique_ptr<Blob> packed;  // of a constant B of two dimensions
};

Status pack(PrepareContext& c, ProductState& state) {
  const Tensor* b = c.constant(1);
  if (!b || b->dims.size() != 2) return Status::success();
  const auto rows = static_cast<size_t>(b->dims[0]), columns = static_cast<size_t>(b->dims[1]);
  const size_t k = state.transposeB ? columns : rows, n = state.transposeB ? rows : columns;
  if (k == 0 || n == 0) return Status::success();
  state.packed = Blob::allocate(packedByteLength(c.execution().kernels, k, n));
  if (!state.packed) return Status::memory("no memory for the packed weights of " + c.label());
  packMatrix(c.execution(), reinterpret_cast<const UnalignedFloat*>(b->bytes.data()), k, n, state.transposeB,
             reinterpret_cast<uint32_t*>(state.packed->data()));
  return Status::success();
}

Status prepareMatmul(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  return pack(c, c.make<ProductState>());
}

// Batches broadcast: where the first axis of both is the same, or one of them has but one matrix, in a row.
Status runMatmul(RunContext& c) {
  const auto& state = c.state<ProductState>();
  const TensorView &a = c.in(0), &b = c.in(1), &y = c.out(0);
  std::vector<int64_t> ad = a.dims, bd = b.dims;
  if (ad.size() == 1) ad.insert(ad.begin(), 1);
  if (bd.size() == 1) bd.push_back(1);
  MatmulArguments of{.m = static_cast<size_t>(ad[ad.size() - 2]),
                     .n = static_cast<size_t>(bd.back()),
                     .k = static_cast<size_t>(ad.back()),
                     .a = a.floats(),
                     .b = b.floats(),
                     .packedB = state.packed ? reinterpret_cast<const uint32_t*>(state.packed->data()) : nullptr,
                     .c = y.floats()};
  const std::span<const int64_t> batchA = std::span(ad).first(ad.size() - 2);
  const std::span<const int64_t> batchB = std::span(bd).first(bd.size() - 2);
  if (TensorView::countOf(batchB) == 1) {
    of.m *= TensorView::countOf(batchA);
    return matmul(*c.execution, of);
  }
  const size_t rank = std::max(batchA.size(), batchB.size());
  std::vector<size_t> index(rank, 0), sizes(rank, 1), strideA(rank, 0), strideB(rank, 0);
  const auto strides = [&](std::span<const int64_t> dims, std::vector<size_t>& stride) {
    size_t step = 1;
    for (size_t i = dims.size(); i-- > 0;) {
      const size_t axis = rank - dims.size() + i;
      const auto size = static_cast<size_t>(dims[i]);
      if (size != 1) {
        sizes[axis] = size;
        stride[axis] = step;
      }
      step *= size;
    }
  };
  strides(batchA, strideA);
  strides(batchB, strideB);
  size_t count = 1;
  for (const size_t size : sizes) count *= size;
  // Small products side by side, large ones one after the other with all threads each.
  const bool isSmall = of.m * of.n * of.k < (size_t{1} << 21);
  const Execution single{.kernels = c.execution->kernels, .threads = 1, .cancelled = c.execution->cancelled};
  std::atomic<bool> failed{false};
  const auto one = [&](const Execution& execution, size_t i) {
    size_t atA = 0, atB = 0, rest = i;
    for (size_t axis = rank; axis-- > 0; rest /= sizes[axis]) {
      atA += rest % sizes[axis] * strideA[axis];
      atB += rest % sizes[axis] * strideB[axis];
    }
    MatmulArguments each = of;
    each.a += atA * of.m * of.k;
    each.b += atB * of.k * of.n;
    each.c += i * of.m * of.n;
    if (!matmul(execution, each).ok()) failed = true;
  };
  if (isSmall)
    c.execution->forEachPiece(count, [&](size_t i) { one(single, i); });
  else
    for (size_t i = 0; i < count; i++) one(*c.execution, i);
  if (failed && !c.execution->isCancelled()) return Status::memory("no memory for a product of matrices");
  return c.execution->outcome();
}

Status prepareGemm(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  auto& state = c.make<ProductState>();
  state.transposeA = c.integer("transA") != 0;
  state.transposeB = c.integer("transB") != 0;
  state.alpha = static_cast<float>(c.real("alpha"));
  state.beta = static_cast<float>(c.real("beta"));
  return pack(c, state);
}

Status runGemm(RunContext& c) {
  const auto& state = c.state<ProductState>();
  const TensorView &a = c.in(0), &b = c.in(1), &y = c.out(0);
  const auto m = static_cast<size_t>(y.dims[0]), n = static_cast<size_t>(y.dims[1]);
  const auto k = static_cast<size_t>(a.dims[state.transposeA ? 0 : 1]);
  Status status =
      matmul(*c.execution, {.m = m,
                            .n = n,
                            .k = k,
                            .transposeA = state.transposeA,
                            .transposeB = state.transposeB,
                            .a = a.floats(),
                            .b = b.floats(),
                            .packedB = state.packed ? reinterpret_cast<const uint32_t*>(state.packed->data()) : nullptr,
                            .c = y.floats()});
  if (!status.ok() || (state.alpha == 1 && !c.has(2))) return status;
  // C broadcasts to [m, n].
  const UnalignedFloat* bias = c.has(2) ? c.in(2).floats() : nullptr;
  const std::vector<int64_t> dims = bias ? c.in(2).dims : std::vector<int64_t>{};
  const bool hasColumns = !dims.empty() && dims.back() != 1, hasRows = dims.size() == 2 && dims[0] != 1;
  UnalignedFloat* out = y.floats();
  c.execution->forEachChunk(
      m, std::max<size_t>(1, elementwiseGrain / std::max<size_t>(n, 1)), [&](size_t begin, size_t end) {
        for (size_t row = begin; row < end; row++)
          for (size_t column = 0; column < n; column++) {
            UnalignedFloat& at = out[row * n + column];
            float value = state.alpha * at;
            if (bias)
              value += state.beta * bias[(hasRows ? row * (hasColumns ? n : 1) : 0) + (hasColumns ? column : 0)];
            at = value;
          }
      });
  return c.execution->outcome();
}

const OpRuns runs({
    {"MatMul", runMatmul, prepareMatmul},
    {"Gemm", runGemm, prepareGemm},
});

}  // namespace
}  // namespace pare
