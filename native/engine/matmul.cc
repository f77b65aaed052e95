// The matrix product of float32 (see matmul.h).
#include "engine/matmul.h"

#include <cstring>

#include "engine/matmul-blocks.h"

namespace pare {
namespace {

struct FloatOperands {
  const MatmulKernels& kernels;
  const MatmulArguments& of;

  void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const {
    if (of.transposeA)
      kernels.packColumns(of.a + unit * of.m + row, of.m, rows, units, to, rows);
    else
      kernels.packRows(of.a + row * of.k + unit, of.k, rows, units, to, rows);
  }
  void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const {
    const size_t stride = kernels.tile.stripColumns;
    for (size_t j = 0; j < columns; j += stride) {
      const size_t count = std::min(stride, columns - j);
      if (of.transposeB)
        kernels.packRows(of.b + (column + j) * of.k + unit, of.k, count, units, to + j * units, stride);
      else
        kernels.packColumns(of.b + unit * of.n + column + j, of.n, count, units, to + j * units, stride);
    }
  }
  static constexpr bool addsParts = true;
  static void add(const uint8_t* part, size_t count, uint8_t* c) {
    const auto* from = reinterpret_cast<const UnalignedFloat*>(part);
    auto* to = reinterpret_cast<UnalignedFloat*>(c);
    for (size_t i = 0; i < count; i++) to[i] += from[i];
  }
  static constexpr bool sumsColumns = false;
  static bool needsSums() { return false; }
  void sumColumns(const uint32_t*, size_t, int32_t*) const {}
  void finish(size_t, size_t, size_t, size_t, int32_t*) const {}
};

// y = M·x for the rows of M, which run along k.
void matrixVector(const Execution& execution, const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y,
                  size_t count, size_t k) {
  constexpr size_t elementsEach = size_t{1}
                                  << 17;  // some microseconds; a multiple of four rows, as the kernel takes them
  const size_t rowsEach = std::max<size_t>(4, elementsEach / std::max<size_t>(k, 1) / 4 * 4);
  execution.forEachChunk(count, rowsEach, [&](size_t begin, size_t end) {
    execution.kernels.matmul->matrixVector(rows + begin * k, x, y + begin, end - begin, k);
  });
}

}  // namespace

Status matmul(const Execution& execution, const MatmulArguments& of) {
  if (of.m == 0 || of.n == 0) return execution.outcome();
  if (of.k == 0) {
    std::memset(of.c, 0, of.m * of.n * sizeof(float));
    return execution.outcome();
  }
  // A vector on one side lies the same way transposed or not.
  if (of.m == 1 && of.transposeB && !of.packedB) {
    matrixVector(execution, of.b, of.a, of.c, of.n, of.k);
    return execution.outcome();
  }
  if (of.n == 1 && !of.transposeA && !of.packedB) {
    matrixVector(execution, of.a, of.b, of.c, of.m, of.k);
    return execution.outcome();
  }
  const MatmulKernels& kernels = *execution.kernels.matmul;
  const FloatOperands operands{kernels, of};
  MatmulRight right;
  if (of.packedB)
    right.packed = of.packedB;
  else if (!of.transposeB)
    right = {.rows = reinterpret_cast<const uint8_t*>(of.b), .rowStride = of.n * 4, .wholeDepth = of.k};
  return MatmulBlocks(execution, kernels.tile, operands, right, of.m, of.n, of.k, of.c).run();
}

size_t packedByteLength(const KernelTable& kernels, size_t k, size_t n) {
  const size_t columns = kernels.matmul->tile.stripColumns;
  size_t bytes = 0;
  if (n > SIZE_MAX - columns || __builtin_mul_overflow(ceilDivide(n, columns) * columns, k, &bytes) ||
      __builtin_mul_overflow(bytes, sizeof(float), &bytes))
    return 0;
  return bytes;
}

void packMatrix(const Execution& execution, const UnalignedFloat* b, size_t k, size_t n, bool transposed,
                uint32_t* to) {
  const MatmulKernels& kernels = *execution.kernels.matmul;
  const size_t columns = kernels.tile.stripColumns;
  const MatmulArguments of{.m = 0, .n = n, .k = k, .transposeB = transposed, .b = b};
  const FloatOperands operands{kernels, of};
  execution.forEachPiece(k == 0 ? 0 : ceilDivide(n, columns), [&](size_t s) {
    operands.packB(s * columns, std::min(columns, n - s * columns), 0, k, to + s * columns * k);
  });
}

}  // namespace pare
