// The matrix product of 8-bit integers (see matmul-integer.h).
#include "engine/matmul-integer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "engine/matmul-blocks.h"

namespace pare {
namespace {

int32_t valueOf(uint8_t byte, bool isSigned) { return isSigned ? static_cast<int8_t>(byte) : byte; }

// Everything after the products of shifted bytes: zero points, shifted likewise, and sums.
struct Correction {
  std::unique_ptr<Scratch> memory;
  const int32_t* aZero = nullptr;  // one, or one a row
  size_t aZeroStep = 0;
  const int32_t* bZero = nullptr;    // one a column, padded to whole strips; null when all are zero
  const int32_t* rowSums = nullptr;  // of shifted values; where bZero is not null
  bool anyAZero = false;

  bool needed() const { return anyAZero || bZero; }
};

// What a block of sums becomes; `terms`, a number a column, are added first where they are not null.
void finishResult(const RequantizeKernels& kernels, const MatmulIntegerArguments& of, size_t row, size_t rows,
                  size_t column, size_t columns, const int32_t* terms) {
  const MatmulIntegerResult& result = of.result;
  const size_t at = result.perRow ? row : column;
  const SumBlock block{.sums = of.c + row * of.n + column,
                       .stride = of.n,
                       .rows = rows,
                       .columns = columns,
                       .perRow = result.perRow,
                       .offsets = terms            ? terms
                                  : result.offsets ? result.offsets + at
                                                   : nullptr,
                       .scales = result.scales + at};
  const size_t first = row * result.yStride + column;
  if (result.kind == MatmulIntegerResult::Kind::floats)
    kernels.toFloats(block, result.bias ? result.bias + at : nullptr,
                     reinterpret_cast<UnalignedFloat*>(result.y) + first, result.yStride);
  else
    kernels.toBytes(block, result.grid, result.y + first, result.yStride);
}

// What a packed value lacks, since it would let the sum of two products saturate.
struct Excess {
  uint32_t row, column;
  int32_t value;
};

// A packed B: strips of whole columns, the columns' sums, and of saturating kernels' the excesses. Its length is that
// of the exact kernels', at whose end stands whose it is.
struct PackedRight {
  struct End {
    uint32_t isSaturating, excessCount;
  };
  size_t columns, depth, end;
  const MatmulIntegerKernels* kernels;
  size_t mostExcesses = 0;

  PackedRight(const MatmulIntegerKernels& exact, size_t k, size_t n)
      : columns(ceilDivide(n, exact.tile.stripColumns) * exact.tile.stripColumns),
        depth(ceilDivide(k, exact.unitDepth)),
        end(columns * (depth + 1)),
        kernels(&exact) {}
  void setSaturating(size_t k) {
    kernels = kernels->saturating;
    depth = ceilDivide(k, kernels->unitDepth);
    mostExcesses = (end - columns * (depth + 1)) * sizeof(uint32_t) / sizeof(Excess);
  }
  // Where they begin, as `end` in units.
  size_t sums() const { return columns * depth; }
  size_t excesses() const { return columns * (depth + 1); }
};

struct IntegerOperands {
  const MatmulIntegerKernels& kernels;
  const RequantizeKernels& requantize;
  const MatmulIntegerArguments& of;
  const Correction& correction;
  const int32_t* packedSums;         // of the columns of a packed B
  std::span<const Excess> excesses;  // of a packed B, by columns

  static constexpr bool addsParts = false;
  static constexpr bool sumsColumns = true;

  void packA(size_t row, size_t rows, size_t unit, size_t units, uint32_t* to) const {
    const size_t from = unit * kernels.unitDepth;
    kernels.packRows(of.a + row * of.k + from, of.k, rows, std::min(units * kernels.unitDepth, of.k - from),
                     {MatmulSide::a, of.aSigned}, to, rows);
  }
  void packB(size_t column, size_t columns, size_t unit, size_t units, uint32_t* to) const {
    const size_t from = unit * kernels.unitDepth;
    kernels.packColumns(of.b + from * of.n + column, of.n, columns, std::min(units * kernels.unitDepth, of.k - from),
                        {MatmulSide::b, of.bSigned}, to, kernels.tile.stripColumns);
  }
  bool needsSums() const { return correction.anyAZero && !packedSums; }
  void sumColumns(const uint32_t* strip, size_t units, int32_t* sums) const { kernels.columnSums(strip, units, sums); }
  // `sums` become what A's zero points are multiplied with, k·bZero − the sums of the columns; one zero point for all
  // rows is multiplied right away.
  void finish(size_t row, size_t rows, size_t column, size_t columns, int32_t* sums) const {
    addExcesses(row, rows, column, columns);
    const bool hasResult = of.result.kind != MatmulIntegerResult::Kind::sums;
    if (!correction.needed()) {
      if (hasResult) finishResult(requantize, of, row, rows, column, columns, nullptr);
      return;
    }
    if (packedSums) std::memcpy(sums, packedSums + column, columns * sizeof(int32_t));
    const int32_t* bZero = correction.bZero ? correction.bZero + column : nullptr;
    const bool oneZero = correction.aZeroStep == 0;
    const uint32_t factor = oneZero ? static_cast<uint32_t>(correction.aZero[0]) : 1;
    const auto k = static_cast<uint32_t>(of.k);
    for (size_t j = 0; j < columns; j++) {
      const uint32_t product = bZero ? k * static_cast<uint32_t>(bZero[j]) : 0;
      sums[j] = static_cast<int32_t>((product - static_cast<uint32_t>(sums[j])) * factor);
    }
    if (hasResult && oneZero && !bZero && !of.result.perRow) {
      if (of.result.offsets)
        for (size_t j = 0; j < columns; j++)
          sums[j] = static_cast<int32_t>(static_cast<uint32_t>(sums[j]) +
                                         static_cast<uint32_t>(of.result.offsets[column + j]));
      finishResult(requantize, of, row, rows, column, columns, sums);
      return;
    }
    kernels.correct(of.c + row * of.n + column, of.n, rows, columns, oneZero ? nullptr : correction.aZero + row,
                    correction.rowSums ? correction.rowSums + row : nullptr, sums, bZero);
    if (hasResult) finishResult(requantize, of, row, rows, column, columns, nullptr);
  }
  void addExcesses(size_t row, size_t rows, size_t column, size_t columns) const {
    const auto flip = static_cast<uint8_t>(kernels.aShift[of.aSigned] ? 0x80 : 0);
    auto first = std::ranges::lower_bound(excesses, column, {}, &Excess::column);
    for (; first != excesses.end() && first->column < column + columns; first++) {
      // Packed bytes may come from anywhere.
      if (first->row >= of.k || first->column >= of.n) continue;
      const uint8_t* a = of.a + row * of.k + first->row;
      auto* c = reinterpret_cast<UnalignedUint32*>(of.c + row * of.n + first->column);
      for (size_t i = 0; i < rows; i++) c[i * of.n] += static_cast<uint32_t>((a[i * of.k] ^ flip) * first->value);
    }
  }
};

bool areZeros(const uint8_t* bytes, size_t count) {
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, count - 1) == 0;
}

Status prepareCorrection(const Execution& execution, const MatmulIntegerKernels& kernels,
                         const MatmulIntegerArguments& of, Correction& correction) {
  const int32_t aShift = kernels.aShift[of.aSigned], bShift = kernels.bShift[of.bSigned];
  const size_t aCount = std::max<size_t>(of.aZeroCount, 1);
  correction.memory = std::make_unique<Scratch>((aCount + of.n + of.m) * sizeof(int32_t));
  if (!correction.memory->data()) return Status::memory("no memory for the sums of a matrix's rows");
  auto* aZero = correction.memory->as<int32_t>();
  int32_t* bZero = aZero + aCount;
  int32_t* sums = bZero + of.n;
  for (size_t i = 0; i < aCount; i++) {
    aZero[i] = (of.aZeroCount ? valueOf(of.aZero[i], of.aSigned) : 0) + aShift;
    correction.anyAZero |= aZero[i] != 0;
  }
  correction.aZero = aZero;
  correction.aZeroStep = of.aZeroCount > 1 ? 1 : 0;
  if (bShift == 0 && (of.bZeroCount == 0 || areZeros(of.bZero, of.bZeroCount))) return Status::success();
  bool anyBZero = false;
  for (size_t j = 0; j < of.n; j++) {
    bZero[j] = (of.bZeroCount ? valueOf(of.bZero[of.bZeroCount > 1 ? j : 0], of.bSigned) : 0) + bShift;
    anyBZero |= bZero[j] != 0;
  }
  if (!anyBZero) return Status::success();
  correction.bZero = bZero;
  correction.rowSums = sums;
  const size_t rowsEach = std::max<size_t>(1, elementwiseGrain / of.k);
  execution.forEachChunk(of.m, rowsEach, [&](size_t begin, size_t end) {
    kernels.rowSums(of.a + begin * of.k, of.k, end - begin, of.k, of.aSigned, sums + begin);
    for (size_t i = begin; i < end; i++)
      sums[i] = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) +
                                     static_cast<uint32_t>(of.k) * static_cast<uint32_t>(aShift));
  });
  return Status::success();
}

// Where two neighbouring values of a column add up to more than 128 either way, the second one's excess, by columns.
// @returns whether there are so few that adding them up afterwards costs less than the saturating kernels save: about
// four cycles each and row, against an eightieth for a multiply-add.
bool findExcesses(const uint8_t* b, size_t k, size_t n, bool isSigned, bool transposed, std::vector<Excess>& excesses) {
  constexpr size_t share = 512, block = 64;
  constexpr int32_t most = 128;
  const size_t rowStep = transposed ? 1 : n, columnStep = transposed ? k : 1;
  const uint8_t flip = isSigned ? 0 : 0x80;
  const auto sumAt = [&](size_t row, size_t column) {
    const uint8_t* at = b + row * rowStep + column * columnStep;
    return static_cast<int8_t>(at[0] ^ flip) + static_cast<int8_t>(at[rowStep] ^ flip);
  };
  if (k < 3) return false;  // as many units either way
  for (size_t row = 0; row + 1 < k; row += 2)
    for (size_t begin = 0; begin < n; begin += block) {
      const size_t end = std::min(n, begin + block);
      int32_t largest = 0;
      for (size_t column = begin; column < end; column++) largest = std::max(largest, std::abs(sumAt(row, column)));
      if (largest <= most) continue;
      for (size_t column = begin; column < end; column++) {
        const int32_t sum = sumAt(row, column);
        if (std::abs(sum) > most)
          excesses.push_back(
              {static_cast<uint32_t>(row + 1), static_cast<uint32_t>(column), sum - (sum > 0 ? most : -most)});
      }
      if (excesses.size() > k * n / share) {
        excesses.clear();
        return false;
      }
    }
  std::ranges::stable_sort(excesses, {}, &Excess::column);
  return true;
}

}  // namespace

Status matmulInteger(const Execution& execution, const MatmulIntegerArguments& of) {
  if (of.m == 0 || of.n == 0) return execution.outcome();
  if (of.k == 0) {
    std::memset(of.c, 0, of.m * of.n * sizeof(int32_t));
    if (of.result.kind != MatmulIntegerResult::Kind::sums)
      finishResult(*execution.kernels.requantize, of, 0, of.m, 0, of.n, nullptr);
    return execution.outcome();
  }
  PackedRight packed(*execution.kernels.matmulInteger, of.k, of.n);
  const int32_t* packedSums = nullptr;
  std::span<const Excess> excesses;
  if (of.packedB) {
    PackedRight::End end;
    std::memcpy(&end, of.packedB + packed.end, sizeof end);
    if (end.isSaturating && packed.kernels->saturating) {
      packed.setSaturating(of.k);
      excesses = {reinterpret_cast<const Excess*>(of.packedB + packed.excesses()),
                  std::min<size_t>(end.excessCount, packed.mostExcesses)};
    }
    packedSums = reinterpret_cast<const int32_t*>(of.packedB + packed.sums());
  }
  const MatmulIntegerKernels& kernels = *packed.kernels;
  const size_t depth = packed.depth;
  Correction correction;
  if (Status status = prepareCorrection(execution, kernels, of, correction); !status.ok()) return status;
  const IntegerOperands operands{kernels, *execution.kernels.requantize, of, correction, packedSums, excesses};
  MatmulRight right{.packed = of.packedB};
  if (!of.packedB && kernels.tile.streamsB) {
    const bool shifts = kernels.bShift[of.bSigned] != 0, widens = kernels.unitDepth == 2 && of.bSigned;
    right = {.rows = of.b,
             .rowStride = of.n,
             .elementSize = 1,
             .unitRows = kernels.unitDepth,
             .wholeDepth = of.k / kernels.unitDepth,
             .flip = shifts || widens ? 0x80808080u : 0,
             .bias = widens ? 0x00800080u : 0};
  }
  return MatmulBlocks(execution, kernels.tile, operands, right, of.m, of.n, depth, of.c).run();
}

size_t packedIntegerByteLength(const KernelTable& kernels, size_t k, size_t n) {
  const size_t columns = kernels.matmulInteger->tile.stripColumns;
  size_t bytes = 0;
  if (n > SIZE_MAX - columns || k > SIZE_MAX - kernels.matmulInteger->unitDepth ||
      __builtin_mul_overflow(ceilDivide(n, columns) * columns, ceilDivide(k, kernels.matmulInteger->unitDepth) + 1,
                             &bytes) ||
      __builtin_mul_overflow(bytes, sizeof(uint32_t), &bytes) ||
      __builtin_add_overflow(bytes, sizeof(PackedRight::End), &bytes))
    return 0;
  return bytes;
}

void packIntegerMatrix(const Execution& execution, const uint8_t* b, size_t k, size_t n, bool isSigned, bool transposed,
                       uint32_t* to) {
  PackedRight packed(*execution.kernels.matmulInteger, k, n);
  std::vector<Excess> excesses;
  const bool isSaturating = packed.kernels->saturating && findExcesses(b, k, n, isSigned, transposed, excesses);
  if (isSaturating) packed.setSaturating(k);
  const MatmulIntegerKernels& kernels = *packed.kernels;
  const size_t columns = kernels.tile.stripColumns, depth = packed.depth;
  const MatmulBytes bytes{MatmulSide::b, isSigned};
  auto* sums = reinterpret_cast<int32_t*>(to + packed.sums());
  execution.forEachPiece(packed.columns / columns, [&](size_t s) {
    const size_t first = s * columns, count = std::min(columns, n - first);
    uint32_t* strip = to + first * depth;
    std::fill_n(sums + first, columns, 0);
    if (k == 0) return;
    if (transposed)
      kernels.packRows(b + first * k, k, count, k, bytes, strip, columns);
    else
      kernels.packColumns(b + first, n, count, k, bytes, strip, columns);
    kernels.columnSums(strip, depth, sums + first);
  });
  for (const auto& [row, column, value] : excesses) {
    auto* unit = reinterpret_cast<int8_t*>(to + column / columns * columns * depth + row / kernels.unitDepth * columns +
                                           column % columns);
    unit[row % kernels.unitDepth] = static_cast<int8_t>(unit[row % kernels.unitDepth] - value);
  }
  if (!excesses.empty()) std::memcpy(to + packed.excesses(), excesses.data(), excesses.size() * sizeof(Excess));
  const PackedRight::End end{isSaturating, static_cast<uint32_t>(excesses.size())};
  std::memcpy(to + packed.end, &end, sizeof end);
}

}  // namespace pare
