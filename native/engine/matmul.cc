// The matrix product of float32 (see matmul.h).
#include "engine/matmul.h"

#include <cstring>

#include "engine/matmul-blocks.h"

namespace pare {
namespace {

size_t strideOfA(const MatmulArguments& of) { return of.aStride ? of.aStride : of.transposeA ? of.m : of.k; }
size_t strideOfB(const MatmulArguments& of) { return of.bStride ? of.bStride : of.transposeB ? of.k : of.n; }

// A part of C from sums to results.
void finishPart(const KernelTable& kernels, const MatmulArguments& of, size_t row, size_t rows, size_t column,
                size_t columns) {
  const MatmulEpilogue& epilogue = *of.epilogue;
  const MathKernels& math = *kernels.math;
  const FusedActivation& activation = epilogue.activation;
  const bool finishes = epilogue.addend || epilogue.residual || activation.epilogue.kind != Activation::Kind::none;
  const size_t at = row * of.n + column;
  // The usual case in one go: a bias that all rows share.
  if (epilogue.alpha == 1 && !activation.after &&
      (!epilogue.addend || (epilogue.beta == 1 && epilogue.columnStride == 1 && epilogue.rowStride == 0))) {
    if (finishes)
      kernels.conv->finish({.c = of.c + at,
                            .cStride = of.n,
                            .rows = rows,
                            .columns = columns,
                            .bias = nullptr,
                            .columnBias = epilogue.addend ? epilogue.addend + column : nullptr,
                            .residual = epilogue.residual ? epilogue.residual + at : nullptr,
                            .y = of.c + at,
                            .yStride = of.n,
                            .yStep = 1},
                           activation.epilogue);
    return;
  }
  for (size_t i = row; i < row + rows; i++) {
    UnalignedFloat* c = of.c + i * of.n + column;
    if (epilogue.alpha != 1) (*kernels.binary)[Binary::mul].numberRight(c, &epilogue.alpha, c, columns);
    FinishBlock block{};
    block.c = block.y = c;
    block.rows = block.yStep = 1;
    block.columns = columns;
    float number = 0;
    if (epilogue.addend) {
      const UnalignedFloat* addend = epilogue.addend + i * epilogue.rowStride + column * epilogue.columnStride;
      if (epilogue.columnStride == 0) {
        number = epilogue.beta * *addend;
        block.bias = &number;
      } else if (epilogue.beta == 1) {
        block.columnBias = addend;
      } else {
        for (size_t j = 0; j < columns; j++) c[j] += epilogue.beta * addend[j];
      }
    }
    if (epilogue.residual) block.residual = epilogue.residual + i * of.n + column;
    if (finishes) kernels.conv->finish(block, activation.epilogue);
    if (activation.after) math[*activation.after](c, c, columns, activation.parameters);
  }
}

struct FloatOperands {
  const KernelTable& table;
  const MatmulArguments& of;
  const MatmulKernels& kernels = *table.matmul;

  void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const {
    if (of.transposeA)
      kernels.packColumns(of.a + unit * strideOfA(of) + row, strideOfA(of), rows, units, to, rows);
    else
      kernels.packRows(of.a + row * strideOfA(of) + unit, strideOfA(of), rows, units, to, rows);
  }
  void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const {
    const size_t stride = kernels.tile.stripColumns, rowStride = strideOfB(of);
    for (size_t j = 0; j < columns; j += stride) {
      const size_t count = std::min(stride, columns - j);
      if (of.transposeB)
        kernels.packRows(of.b + (column + j) * rowStride + unit, rowStride, count, units, to + j * units, stride);
      else
        kernels.packColumns(of.b + unit * rowStride + column + j, rowStride, count, units, to + j * units, stride);
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
  void finish(size_t row, size_t rows, size_t column, size_t columns, int32_t*) const {
    if (of.epilogue) finishPart(table, of, row, rows, column, columns);
  }
};

// y = M·x for the rows of M, which run along k; done(begin, end) follows each part of y.
template <class Done>
void matrixVector(const Execution& execution, const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y,
                  size_t count, size_t k, const Done& done) {
  // Some microseconds; a multiple of four rows, as the kernel takes them.
  constexpr size_t elementsEach = size_t{1} << 17;
  const size_t rowsEach = std::max<size_t>(4, elementsEach / std::max<size_t>(k, 1) / 4 * 4);
  execution.forEachChunk(count, rowsEach, [&](size_t begin, size_t end) {
    execution.kernels.matmul->matrixVector(rows + begin * k, x, y + begin, end - begin, k);
    done(begin, end);
  });
}

}  // namespace

Status matmul(const Execution& execution, const MatmulArguments& given) {
  MatmulArguments of = given;
  if (of.epilogue && of.epilogue->isEmpty()) of.epilogue = nullptr;
  if (of.m == 0 || of.n == 0) return execution.outcome();
  const FloatOperands operands{execution.kernels, of};
  if (of.k == 0) {
    std::memset(of.c, 0, of.m * of.n * sizeof(float));
    operands.finish(0, of.m, 0, of.n, nullptr);
    return execution.outcome();
  }
  // A vector on one side lies the same way transposed or not, unless its elements lie apart.
  const bool isRow = of.m == 1 && (!of.transposeA || strideOfA(of) == 1);
  const bool isColumn = of.n == 1 && (of.transposeB || strideOfB(of) == 1);
  if (isRow && of.transposeB && !of.packedB && strideOfB(of) == of.k) {
    matrixVector(execution, of.b, of.a, of.c, of.n, of.k,
                 [&](size_t begin, size_t end) { operands.finish(0, 1, begin, end - begin, nullptr); });
    return execution.outcome();
  }
  if (isColumn && !of.transposeA && !of.packedB && strideOfA(of) == of.k) {
    matrixVector(execution, of.a, of.b, of.c, of.m, of.k,
                 [&](size_t begin, size_t end) { operands.finish(begin, end - begin, 0, 1, nullptr); });
    return execution.outcome();
  }
  MatmulRight right;
  if (of.packedB)
    right.packed = of.packedB;
  else if (!of.transposeB)
    right = {.rows = reinterpret_cast<const uint8_t*>(of.b), .rowStride = strideOfB(of) * 4, .wholeDepth = of.k};
  return MatmulBlocks(execution, execution.kernels.matmul->tile, operands, right, of.m, of.n, of.k, of.c).run();
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
  const size_t columns = execution.kernels.matmul->tile.stripColumns;
  const MatmulArguments of{.m = 0, .n = n, .k = k, .transposeB = transposed, .b = b};
  const FloatOperands operands{execution.kernels, of};
  execution.forEachPiece(k == 0 ? 0 : ceilDivide(n, columns), [&](size_t s) {
    operands.packB(s * columns, std::min(columns, n - s * columns), 0, k, to + s * columns * k);
  });
}

}  // namespace pare
