// Running matrix products of 8-bit integers, their sums as they are, as floats or as bytes: constant right sides are
// packed once.
#include "engine/blob.h"
#include "engine/matmul-batches.h"
#include "engine/matmul-integer.h"
#include "engine/quantize.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

using namespace row;

struct ProductState : NodeState {
  std::unique_ptr<Blob> packed;  // of a constant B that is one matrix
};

Status preparePacked(PrepareContext& c, size_t input) {
  auto& state = c.make<ProductState>();
  const Tensor* b = c.constant(input);
  if (!b || b->dims.size() != 2 || b->dims[0] == 0 || b->dims[1] == 0) return Status::success();
  const auto k = static_cast<size_t>(b->dims[0]), n = static_cast<size_t>(b->dims[1]);
  state.packed = Blob::allocate(packedIntegerByteLength(c.execution().kernels, k, n));
  if (!state.packed) return Status::memory("no memory for the packed weights of " + c.label());
  packIntegerMatrix(c.execution(), b->bytes.data(), k, n, b->dtype == DataType::int8, false,
                    reinterpret_cast<uint32_t*>(state.packed->data()));
  return Status::success();
}

// A product as its op hands it over: A's bytes may be no tensor's.
struct Product {
  const TensorView& a;
  const uint8_t* aBytes;
  bool aSigned;
  const TensorView& b;
  const TensorView *aZero = nullptr, *bZero = nullptr;
  const uint8_t* aZeroByte = nullptr;  // instead of aZero
  MatmulIntegerResult result = {};
  // One number, or one a column, or one a column of every matrix of B; times `factor`, by `divisor`.
  const TensorView* scales = nullptr;
  float factor = 1, divisor = 1;
  uint8_t* y;
};

const TensorView* given(const RunContext& c, size_t input) { return c.has(input) ? &c.in(input) : nullptr; }

Status countError(const RunContext& c, const char* what, size_t count, const char* wanted) {
  return Status::shape(c.reader().label() + ": there are " + std::to_string(count) + " " + what + "; there must be " +
                       wanted);
}

// factor · scale / divisor for each of n columns, rounded one after the other; the scales of matrix `index` of B.
void readScales(const RunContext& c, const Product& product, size_t index, size_t n, float* to) {
  const BinaryKernels& kernels = *c.execution->kernels.binary;
  const size_t count = product.scales->count();
  const UnalignedFloat* from = product.scales->floats() + (count > n ? index * n : 0);
  if (count == 1) {
    std::fill_n(to, n, product.factor * from[0] / product.divisor);
    return;
  }
  kernels[Binary::mul].numberLeft(&product.factor, from, to, n);
  if (product.divisor != 1) kernels[Binary::div].numberRight(to, &product.divisor, to, n);
}

Status multiply(const RunContext& c, const Product& product) {
  const MatmulBatches batches(product.a.dims, product.b.dims);
  const auto& state = c.state<ProductState>();
  const size_t m = batches.m, n = batches.n, k = batches.k, rows = m * batches.aCount;
  if (batches.count * m * n == 0) return Status::success();
  const size_t aZeros = product.aZeroByte ? 1 : product.aZero ? product.aZero->count() : 0;
  const size_t bZeros = product.bZero ? product.bZero->count() : 0;
  if (aZeros > 1 && aZeros != m && aZeros != rows)
    return countError(c, "zero points of A", aZeros, "one, or one a row");
  if (bZeros > 1 && bZeros != n && bZeros != n * batches.bCount)
    return countError(c, "zero points of B", bZeros, "one, or one a column");
  const size_t scales = product.scales ? product.scales->count() : 1;
  if (scales != 1 && scales != n && scales != n * batches.bCount)
    return countError(c, "scales of B", scales, "one, or one a column");
  MatmulIntegerArguments of{.m = m,
                            .n = n,
                            .k = k,
                            .aSigned = product.aSigned,
                            .bSigned = product.b.dtype == DataType::int8,
                            .a = product.aBytes,
                            .b = product.b.data,
                            .packedB = state.packed ? reinterpret_cast<const uint32_t*>(state.packed->data()) : nullptr,
                            .aZero = product.aZeroByte ? product.aZeroByte
                                     : product.aZero   ? product.aZero->data
                                                       : nullptr,
                            .bZero = bZeros ? product.bZero->data : nullptr,
                            .aZeroCount = aZeros,
                            .bZeroCount = bZeros > 1 ? n : bZeros,
                            .result = product.result};
  const bool isBytes = product.result.kind == MatmulIntegerResult::Kind::bytes;
  const size_t size = isBytes ? 1 : 4;
  of.result.yStride = n;
  // One matrix on the right: the rows of all those on the left go by it together.
  const bool isOne = batches.bCount == 1;
  if (isOne) of.m = rows;
  const size_t count = isOne ? 1 : batches.count;
  const Scratch scratch((isBytes ? of.m * n : 0) * sizeof(int32_t) + n * sizeof(float));
  std::vector<uint8_t> rowZeros;
  if (!scratch.data()) return Status::memory("no memory for the sums of " + c.reader().label());
  if (isOne && aZeros > 1) {
    for (size_t i = 0; i < rows; i++) rowZeros.push_back(product.aZero->data[i % aZeros]);
    of.aZero = rowZeros.data();
    of.aZeroCount = rows;
  }
  auto* columnScales = scratch.as<float>();
  if (product.scales) of.result.scales = columnScales;
  for (size_t i = 0; i < count; i++) {
    const MatmulBatches::Pair at = isOne ? MatmulBatches::Pair{0, 0} : batches.at(i);
    MatmulIntegerArguments each = of;
    each.a += at.a * m * k;
    each.b += at.b * k * n;
    if (!isOne && aZeros > 1) {
      each.aZeroCount = m;
      each.aZero += aZeros == m ? 0 : at.a * m;
    }
    if (bZeros > 1 && bZeros != n) each.bZero += at.b * n;
    if (product.scales && (i == 0 || scales > n)) readScales(c, product, at.b, n, columnScales);
    uint8_t* y = product.y + i * m * n * size;
    each.c = isBytes ? reinterpret_cast<UnalignedInt32*>(columnScales + n) : reinterpret_cast<UnalignedInt32*>(y);
    each.result.y = y;
    if (Status status = matmulInteger(*c.execution, each); !status.ok()) return status;
  }
  return c.execution->outcome();
}

Status prepareIntegerProduct(PrepareContext& c) { return preparePacked(c, 1); }
Status runIntegerProduct(RunContext& c) {
  const TensorView& a = c.in(0);
  return multiply(c, {.a = a,
                      .aBytes = a.data,
                      .aSigned = a.dtype == DataType::int8,
                      .b = c.in(1),
                      .aZero = given(c, 2),
                      .bZero = given(c, 3),
                      .y = c.out(0).data});
}

Status readBias(const RunContext& c, size_t input, size_t n, MatmulIntegerResult& result) {
  if (!c.has(input)) return Status::success();
  if (c.in(input).count() != n) return countError(c, "biases", c.in(input).count(), "one a column");
  result.bias = c.in(input).floats();
  return Status::success();
}

Status prepareToFloat(PrepareContext& c) {
  if (Status status = c.needType(f32, 2); !status.ok()) return status;
  return preparePacked(c, 1);
}
Status runToFloat(RunContext& c) {
  const TensorView &a = c.in(0), &b = c.in(1), &aScale = c.in(2);
  if (aScale.count() != 1) return countError(c, "scales of A", aScale.count(), "one");
  MatmulIntegerResult result{.kind = MatmulIntegerResult::Kind::floats};
  if (Status status = readBias(c, 6, static_cast<size_t>(c.out(0).dims.empty() ? 1 : c.out(0).dims.back()), result);
      !status.ok())
    return status;
  return multiply(c, {.a = a,
                      .aBytes = a.data,
                      .aSigned = a.dtype == DataType::int8,
                      .b = b,
                      .aZero = given(c, 4),
                      .bZero = given(c, 5),
                      .result = result,
                      .scales = &c.in(3),
                      .factor = aScale.floats()[0],
                      .y = c.out(0).data});
}

Status prepareDynamic(PrepareContext& c) { return preparePacked(c, 1); }
Status runDynamic(RunContext& c) {
  const TensorView &a = c.in(0), &b = c.in(1);
  MatmulIntegerResult result{.kind = MatmulIntegerResult::Kind::floats};
  if (Status status = readBias(c, 4, static_cast<size_t>(c.out(0).dims.empty() ? 1 : c.out(0).dims.back()), result);
      !status.ok())
    return status;
  const Scratch bytesOfA(a.count());
  if (!bytesOfA.data()) return Status::memory("no memory for the bytes of " + c.reader().label());
  DynamicGrid grid;
  if (Status status = quantizeDynamically(*c.execution, a.floats(), a.count(), bytesOfA.data(), grid); !status.ok())
    return status;
  return multiply(c, {.a = a,
                      .aBytes = bytesOfA.data(),
                      .aSigned = false,
                      .b = b,
                      .bZero = given(c, 3),
                      .aZeroByte = &grid.zeroPoint,
                      .result = result,
                      .scales = &c.in(2),
                      .factor = grid.scale,
                      .y = c.out(0).data});
}

Status prepareQlinear(PrepareContext& c) {
  if (Status status = c.needType(bytes, 0); !status.ok()) return status;
  if (Status status = c.needType(bytes, 3); !status.ok()) return status;
  if (Status status = c.needType(bytes, 7); !status.ok()) return status;
  if (Status status = c.needType(f32, 1); !status.ok()) return status;
  return preparePacked(c, 3);
}
Status runQlinear(RunContext& c) {
  const TensorView &a = c.in(0), &b = c.in(3), &y = c.out(0);
  for (const size_t input : {1, 6, 7})
    if (c.in(input).count() != 1)
      return Status::unsupported(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                                 std::to_string(c.in(input).count()) + " numbers; one runs");
  const bool isSigned = y.dtype == DataType::int8;
  const int32_t zeroPoint = isSigned ? c.in(7).as<int8_t>()[0] : c.in(7).data[0];
  const MatmulIntegerResult result{
      .kind = MatmulIntegerResult::Kind::bytes,
      .grid = {.low = isSigned ? -128 : 0, .high = isSigned ? 127 : 255, .zeroPoint = zeroPoint}};
  return multiply(c, {.a = a,
                      .aBytes = a.data,
                      .aSigned = a.dtype == DataType::int8,
                      .b = b,
                      .aZero = given(c, 2),
                      .bZero = given(c, 5),
                      .result = result,
                      .scales = &c.in(4),
                      .factor = c.in(1).floats()[0],
                      .divisor = c.in(6).floats()[0],
                      .y = y.data});
}

const OpRuns runs({
    {"MatMulInteger", runIntegerProduct, prepareIntegerProduct},
    {"MatMulIntegerToFloat", runToFloat, prepareToFloat, row::microsoft},
    {"DynamicQuantizeMatMul", runDynamic, prepareDynamic, row::microsoft},
    {"QLinearMatMul", runQlinear, prepareQlinear},
});

}  // namespace
}  // namespace pare
