// Products of matrices that are not of float32 (see matmul-types.h).
#include "engine/matmul-types.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/pairs.h"

namespace pare {
namespace {

using namespace types;

struct GemmState : NodeState {
  bool transposeA = false, transposeB = false;
  double alpha = 1, beta = 1;
};

struct Product {
  size_t m = 0, n = 0, k = 0;
  bool transposeA = false, transposeB = false;
};

constexpr size_t rowBlock = 32, columnBlock = 64, depthBlock = 64;

// Rows [begin, end) of C = A·B. Sums go along k, so that each has the same order for every number of threads.
template <class T>
void multiplyRows(const Product& of, const typename Unaligned<T>::Type* a, const typename Unaligned<T>::Type* b,
                  typename Unaligned<T>::Type* c, size_t begin, size_t end) {
  std::array<T, columnBlock * depthBlock> block;
  // Loops of their own: a template's argument would lose that the elements lie anywhere.
  for (size_t i = begin * of.n; i < end * of.n; i++) c[i] = T{0};
  for (size_t column = 0; column < of.n; column += columnBlock) {
    const size_t columns = std::min(columnBlock, of.n - column);
    for (size_t depth = 0; depth < of.k; depth += depthBlock) {
      const size_t depths = std::min(depthBlock, of.k - depth);
      for (size_t d = 0; d < depths; d++)
        for (size_t j = 0; j < columns; j++)
          block[d * columnBlock + j] =
              of.transposeB ? b[(column + j) * of.k + depth + d] : b[(depth + d) * of.n + column + j];
      for (size_t i = begin; i < end; i++) {
        std::array<T, columnBlock> sums;
        auto* row = c + i * of.n + column;
        for (size_t j = 0; j < columns; j++) sums[j] = row[j];
        for (size_t d = 0; d < depths; d++) {
          const T factor = of.transposeA ? a[(depth + d) * of.m + i] : a[i * of.k + depth + d];
          for (size_t j = 0; j < columns; j++) sums[j] += factor * block[d * columnBlock + j];
        }
        for (size_t j = 0; j < columns; j++) row[j] = sums[j];
      }
    }
  }
}

// Of each product the elements of A and B that lie before its own, in matrices.
struct Batches {
  std::vector<size_t> sizes, strideA, strideB;

  Batches(std::span<const int64_t> a, std::span<const int64_t> b) {
    const size_t rank = std::max(a.size(), b.size());
    sizes.assign(rank, 1);
    strideA = stridesOf(a, rank);
    strideB = stridesOf(b, rank);
  }
  size_t count() const {
    size_t product = 1;
    for (const size_t size : sizes) product *= size;
    return product;
  }
  static size_t offset(std::span<const size_t> sizes, std::span<const size_t> strides, size_t index) {
    size_t at = 0;
    for (size_t axis = sizes.size(); axis-- > 0; index /= sizes[axis]) at += index % sizes[axis] * strides[axis];
    return at;
  }

 private:
  std::vector<size_t> stridesOf(std::span<const int64_t> dims, size_t rank) {
    std::vector<size_t> strides(rank, 0);
    size_t step = 1;
    for (size_t i = dims.size(); i-- > 0;) {
      const size_t axis = rank - dims.size() + i;
      const auto size = static_cast<size_t>(dims[i]);
      if (size != 1) {
        sizes[axis] = size;
        strides[axis] = step;
      }
      step *= size;
    }
    return strides;
  }
};

template <class T>
Status multiplyAll(const Execution& execution, const Product& of, const Batches& batches, const void* a, const void* b,
                   void* c) {
  using Element = typename Unaligned<T>::Type;
  const size_t blocks = (of.m + rowBlock - 1) / rowBlock;
  execution.forEachPiece(batches.count() * blocks, [&](size_t piece) {
    const size_t batch = piece / blocks, begin = piece % blocks * rowBlock;
    const size_t atA = Batches::offset(batches.sizes, batches.strideA, batch) * of.m * of.k;
    const size_t atB = Batches::offset(batches.sizes, batches.strideB, batch) * of.k * of.n;
    multiplyRows<T>(of, static_cast<const Element*>(a) + atA, static_cast<const Element*>(b) + atB,
                    static_cast<Element*>(c) + batch * of.m * of.n, begin, std::min(of.m, begin + rowBlock));
  });
  return execution.outcome();
}

// Integers by way of unsigned ones, which wrap round as two's complement does.
template <class Visit>
Status visitProduct(DataType dtype, Visit&& visit) {
  if (dtype == DataType::float64) return visit(double{});
  return bitsOf(dtype) == 32 ? visit(uint32_t{}) : visit(uint64_t{});
}

constexpr TypeSet productTypes = f32 | f64 | i32 | i64 | DataType::uint32 | DataType::uint64;

}  // namespace

Status prepareOtherMatmul(PrepareContext& c) { return c.needType(productTypes); }

Status runOtherMatmul(RunContext& c) {
  const TensorView &a = c.in(0), &b = c.in(1), &y = c.out(0);
  std::vector<int64_t> ad = a.dims, bd = b.dims;
  if (ad.size() == 1) ad.insert(ad.begin(), 1);
  if (bd.size() == 1) bd.push_back(1);
  const Product of{.m = static_cast<size_t>(ad[ad.size() - 2]),
                   .n = static_cast<size_t>(bd.back()),
                   .k = static_cast<size_t>(ad.back())};
  const Batches batches{std::span(ad).first(ad.size() - 2), std::span(bd).first(bd.size() - 2)};
  return visitProduct(a.dtype, [&](auto zero) {
    return multiplyAll<decltype(zero)>(*c.execution, of, batches, a.data, b.data, y.data);
  });
}

Status prepareOtherGemm(PrepareContext& c) {
  auto& state = c.make<GemmState>();
  state.transposeA = c.integer("transA") != 0;
  state.transposeB = c.integer("transB") != 0;
  state.alpha = c.real("alpha");
  state.beta = c.real("beta");
  constexpr double most = 0x1p31;
  for (const double factor : {state.alpha, state.beta})
    if (c.in(0).dtype != DataType::float64 && !(factor == std::floor(factor) && std::fabs(factor) < most))
      return c.unsupported("alpha and beta must be whole where the matrices are");
  return c.needType(productTypes);
}

Status runOtherGemm(RunContext& c) {
  const auto& state = c.state<GemmState>();
  const TensorView &a = c.in(0), &b = c.in(1), &y = c.out(0);
  const Product of{.m = static_cast<size_t>(y.dims[0]),
                   .n = static_cast<size_t>(y.dims[1]),
                   .k = static_cast<size_t>(a.dims[state.transposeA ? 0 : 1]),
                   .transposeA = state.transposeA,
                   .transposeB = state.transposeB};
  if (c.has(2) && !broadcastsTo(c.in(2).dims, y.dims))
    return Status::shape(c.reader().label() + ": C is " + shapeText(c.in(2).dims) + ", which does not broadcast to " +
                         shapeText(y.dims));
  return visitProduct(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    Status status = multiplyAll<T>(*c.execution, of, Batches({}, {}), a.data, b.data, y.data);
    if (!status.ok() || (state.alpha == 1 && !c.has(2))) return status;
    // Signed first: a negative double has no unsigned value.
    using Signed = std::conditional_t<std::is_same_v<T, double>, double, int64_t>;
    const auto alpha = static_cast<T>(static_cast<Signed>(state.alpha));
    const auto beta = static_cast<T>(static_cast<Signed>(state.beta));
    const T none = 0;
    const Operand product{y.data, y.dims}, bias = c.has(2) ? Operand{c.in(2).data, c.in(2).dims} : Operand{&none, {}};
    return mapPairs<T, T, T>(*c.execution, product, bias, y.data, [=](T x, T z) { return alpha * x + beta * z; });
  });
}

}  // namespace pare
