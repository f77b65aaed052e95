// Running matrix products of float32, alone or with what was fused to them: constant right sides are packed once.
#include <algorithm>
#include <array>

#include "engine/blob.h"
#include "engine/matmul-types.h"
#include "engine/matmul.h"
#include "engine/run.h"

namespace pare {
namespace {

struct ProductState : NodeState {
  bool transposeA = false, transposeB = false;
  bool transposeBatchA = false, transposeBatchB = false;  // rows lie before the batches
  float alpha = 1, beta = 1;
  FusedActivation activation;
  std::unique_ptr<Blob> packed;  // of a constant B of two dimensions

  const uint32_t* packedB() const { return packed ? reinterpret_cast<const uint32_t*>(packed->data()) : nullptr; }
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
  if (c.in(0).dtype != DataType::float32) return prepareOtherMatmul(c);
  auto& state = c.make<ProductState>();
  if (c.def().attribute("transA")) {
    state.transposeA = c.integer("transA") != 0;
    state.transposeB = c.integer("transB") != 0;
    state.transposeBatchA = c.integer("transBatchA") != 0;
    state.transposeBatchB = c.integer("transBatchB") != 0;
    state.alpha = static_cast<float>(c.real("alpha"));
  }
  return pack(c, state);
}

// Matrices of a side as they lie: the batches before them, or between their rows and their columns.
struct Matrices {
  size_t rows, columns, rowStride;
  std::vector<size_t> batch, strides;

  Matrices(std::vector<int64_t> dims, bool isLeft, bool batchIsBetween) {
    if (dims.size() == 1) dims.insert(isLeft ? dims.begin() : dims.end(), 1);
    batchIsBetween = batchIsBetween && dims.size() > 2;
    const size_t rowAxis = batchIsBetween ? 0 : dims.size() - 2;
    rows = static_cast<size_t>(dims[rowAxis]);
    columns = static_cast<size_t>(dims.back());
    rowStride = batchIsBetween ? TensorView::countOf(std::span(dims).subspan(1)) : columns;
    for (size_t i = 0; i + 1 < dims.size(); i++) {
      if (i == rowAxis) continue;
      batch.push_back(static_cast<size_t>(dims[i]));
      strides.push_back(TensorView::countOf(std::span(dims).subspan(i + 1)));
    }
  }
  size_t count() const {
    size_t count = 1;
    for (const size_t size : batch) count *= size;
    return count;
  }
};

// Batches broadcast, aligned at the last.
struct Batches {
  std::vector<size_t> sizes, strideA, strideB;
  size_t count = 1;

  Batches(const Matrices& a, const Matrices& b)
      : sizes(std::max(a.batch.size(), b.batch.size()), 1), strideA(sizes.size(), 0), strideB(sizes.size(), 0) {
    take(a, strideA);
    take(b, strideB);
    for (const size_t size : sizes) count *= size;
  }
  void take(const Matrices& from, std::vector<size_t>& strides) {
    for (size_t i = 0; i < from.batch.size(); i++) {
      if (from.batch[i] == 1) continue;
      const size_t axis = sizes.size() - from.batch.size() + i;
      sizes[axis] = from.batch[i];
      strides[axis] = from.strides[i];
    }
  }
};

Status runMatmul(RunContext& c) {
  if (c.in(0).dtype != DataType::float32) return runOtherMatmul(c);
  const auto& state = c.state<ProductState>();
  const TensorView &left = c.in(0), &right = c.in(1), &y = c.out(0);
  const Matrices a(left.dims, true, state.transposeBatchA), b(right.dims, false, state.transposeBatchB);
  const bool transposeA = state.transposeA && left.rank() > 1, transposeB = state.transposeB && right.rank() > 1;
  const MatmulEpilogue epilogue{.alpha = state.alpha, .activation = {}};
  MatmulArguments of{.m = transposeA ? a.columns : a.rows,
                     .n = transposeB ? b.rows : b.columns,
                     .k = transposeA ? a.rows : a.columns,
                     .transposeA = transposeA,
                     .transposeB = transposeB,
                     .a = left.floats(),
                     .b = right.floats(),
                     .packedB = state.packedB(),
                     .c = y.floats(),
                     .aStride = a.rowStride,
                     .bStride = b.rowStride,
                     .epilogue = &epilogue};
  if (b.count() == 1 && (a.count() == 1 || (!transposeA && !state.transposeBatchA))) {
    of.m *= a.count();
    return matmul(*c.execution, of);
  }
  const Batches batches(a, b);
  // Small products side by side, large ones one after the other with all threads each.
  const bool isSmall = of.m * of.n * of.k < (size_t{1} << 21);
  const Execution single{.kernels = c.execution->kernels, .threads = 1, .cancelled = c.execution->cancelled};
  std::atomic<bool> failed{false};
  const auto one = [&](const Execution& execution, size_t i) {
    MatmulArguments each = of;
    each.c += i * of.m * of.n;
    for (size_t axis = batches.sizes.size(), rest = i; axis-- > 0; rest /= batches.sizes[axis]) {
      each.a += rest % batches.sizes[axis] * batches.strideA[axis];
      each.b += rest % batches.sizes[axis] * batches.strideB[axis];
    }
    if (!matmul(execution, each).ok()) failed = true;
  };
  if (isSmall)
    c.execution->forEachPiece(batches.count, [&](size_t i) { one(single, i); });
  else
    for (size_t i = 0; i < batches.count; i++) one(*c.execution, i);
  if (failed && !c.execution->isCancelled()) return Status::memory("no memory for a product of matrices");
  return c.execution->outcome();
}

Status prepareGemm(PrepareContext& c) {
  if (c.in(0).dtype != DataType::float32) return prepareOtherGemm(c);
  auto& state = c.make<ProductState>();
  state.transposeA = c.integer("transA") != 0;
  state.transposeB = c.integer("transB") != 0;
  state.alpha = static_cast<float>(c.real("alpha"));
  state.beta = static_cast<float>(c.real("beta"));
  if (c.def().attribute("activation")) {
    std::vector<double> numbers;
    for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"})
      if (c.hasAttribute(name)) numbers.push_back(c.real(name));
    if (!FusedActivation::read(c.text("activation"), numbers, state.activation))
      return c.unsupported("the activation " + std::string(c.text("activation")) + " does not run");
  }
  return pack(c, state);
}

Status runGemm(RunContext& c) {
  if (c.in(0).dtype != DataType::float32) return runOtherGemm(c);
  const auto& state = c.state<ProductState>();
  const TensorView &a = c.in(0), &b = c.in(1), &y = c.out(0);
  const auto n = static_cast<size_t>(y.dims[1]);
  MatmulEpilogue epilogue{.alpha = state.alpha, .beta = state.beta, .activation = state.activation};
  if (c.has(2)) {
    const std::vector<int64_t>& dims = c.in(2).dims;
    epilogue.addend = c.in(2).floats();
    epilogue.columnStride = !dims.empty() && dims.back() != 1 ? 1 : 0;
    epilogue.rowStride = dims.size() == 2 && dims[0] != 1 ? (epilogue.columnStride ? n : 1) : 0;
  }
  return matmul(*c.execution, {.m = static_cast<size_t>(y.dims[0]),
                               .n = n,
                               .k = static_cast<size_t>(a.dims[state.transposeA ? 0 : 1]),
                               .transposeA = state.transposeA,
                               .transposeB = state.transposeB,
                               .a = a.floats(),
                               .b = b.floats(),
                               .packedB = state.packedB(),
                               .c = y.floats(),
                               .epilogue = &epilogue});
}

Status prepareLinear(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  auto& state = c.make<ProductState>();
  state.transposeB = c.integer("transB") != 0;
  const Attribute* numbers = c.node().attribute("activation_params");
  if (!FusedActivation::read(c.text("activation"),
                             numbers ? std::span<const double>(numbers->reals) : std::span<const double>(),
                             state.activation))
    return c.unsupported("the activation " + std::string(c.text("activation")) + " does not run");
  return pack(c, state);
}

// Rows of X are as many as all its dimensions but the last have.
Status runLinear(RunContext& c) {
  const auto& state = c.state<ProductState>();
  const TensorView &x = c.in(0), &w = c.in(1);
  const size_t last = x.rank() - 1;
  MatmulEpilogue epilogue{.residual = c.has(3) ? c.in(3).floats() : nullptr, .activation = state.activation};
  if (c.has(2)) {
    epilogue.addend = c.in(2).floats();
    epilogue.columnStride = 1;
  }
  return matmul(*c.execution, {.m = TensorView::countOf(std::span(x.dims).first(last)),
                               .n = static_cast<size_t>(w.dims[state.transposeB ? 0 : 1]),
                               .k = static_cast<size_t>(x.dims[last]),
                               .transposeB = state.transposeB,
                               .a = x.floats(),
                               .b = w.floats(),
                               .packedB = state.packedB(),
                               .c = c.out(0).floats(),
                               .epilogue = &epilogue});
}

const OpRuns runs({
    {"Linear", runLinear, prepareLinear, row::pare},
    {"MatMul", runMatmul, prepareMatmul},
    {"FusedMatMul", runMatmul, prepareMatmul, row::microsoft},
    {"Gemm", runGemm, prepareGemm},
    {"FusedGemm", runGemm, prepareGemm, row::microsoft},
});

}  // namespace
}  // namespace pare
