// Running ONNX Runtime's QGemm: a product of bytes with a bias, as floats or as bytes.
#include "engine/blob.h"
#include "engine/matmul-integer.h"
#include "engine/run.h"
#include "engine/scratch.h"

namespace pare {
namespace {

using namespace row;

struct GemmState : NodeState {
  bool transposeA = false, transposeB = false;
  float alpha = 1;
  std::unique_ptr<Blob> packed;  // of a constant B
};

Status prepareGemm(PrepareContext& c) {
  auto& state = c.make<GemmState>();
  state.transposeA = c.integer("transA") != 0;
  state.transposeB = c.integer("transB") != 0;
  state.alpha = static_cast<float>(c.real("alpha"));
  const Tensor* b = c.constant(3);
  if (!b || b->dims.size() != 2 || b->dims[0] == 0 || b->dims[1] == 0) return Status::success();
  const size_t k = static_cast<size_t>(b->dims[state.transposeB ? 1 : 0]);
  const size_t n = static_cast<size_t>(b->dims[state.transposeB ? 0 : 1]);
  state.packed = Blob::allocate(packedIntegerByteLength(c.execution().kernels, k, n));
  if (!state.packed) return Status::memory("no memory for the packed weights of " + c.label());
  packIntegerMatrix(c.execution(), b->bytes.data(), k, n, b->dtype == DataType::int8, state.transposeB,
                    reinterpret_cast<uint32_t*>(state.packed->data()));
  return Status::success();
}

Status countError(const RunContext& c, size_t input, const char* wanted) {
  return Status::shape(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                       std::to_string(c.in(input).count()) + " numbers; there must be " + wanted);
}

// from [rows, columns] → to [columns, rows].
void turn(const uint8_t* from, size_t rows, size_t columns, uint8_t* to) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j];
}

Status runGemm(RunContext& c) {
  const auto& state = c.state<GemmState>();
  const TensorView &a = c.in(0), &b = c.in(3), &y = c.out(0);
  const auto m = static_cast<size_t>(y.dims[0]), n = static_cast<size_t>(y.dims[1]);
  const auto k = static_cast<size_t>(a.dims[state.transposeA ? 0 : 1]);
  for (const size_t input : {1, 2, 7, 8})
    if (c.has(input) && c.in(input).count() != 1) return countError(c, input, "one");
  for (const size_t input : {4, 5})
    if (c.has(input) && c.in(input).count() != 1 && c.in(input).count() != n)
      return countError(c, input, "one, or one a column");
  if (c.has(6) && c.in(6).count() != 1 && (c.in(6).count() != n || c.in(6).dims.back() != static_cast<int64_t>(n)))
    return Status::unsupported(c.reader().label() + ": a C of more than one row does not run");
  if (c.has(7) != c.has(8)) return Status::model(c.reader().label() + ": y_scale and y_zero_point must come together");

  const Scratch turnedA(state.transposeA ? m * k : 0), turnedB(state.transposeB && !state.packed ? k * n : 0);
  const Scratch sums(c.has(8) ? m * n * sizeof(int32_t) : 0);
  if (!turnedA.data() || !turnedB.data() || !sums.data())
    return Status::memory("no memory for the operands of " + c.reader().label());
  if (state.transposeA) turn(a.data, k, m, turnedA.data());
  if (state.transposeB && !state.packed) turn(b.data, n, k, turnedB.data());

  std::vector<float> scales(n);
  std::vector<int32_t> offsets;
  for (size_t j = 0; j < n; j++) {
    scales[j] = state.alpha * c.in(1).floats()[0] * c.in(4).floats()[c.in(4).count() == 1 ? 0 : j];
    if (c.has(7)) scales[j] /= c.in(7).floats()[0];
    if (c.has(6)) offsets.push_back(c.in(6).as<int32_t>()[c.in(6).count() == 1 ? 0 : j]);
  }
  MatmulIntegerArguments of{.m = m,
                            .n = n,
                            .k = k,
                            .aSigned = a.dtype == DataType::int8,
                            .bSigned = b.dtype == DataType::int8,
                            .a = state.transposeA ? turnedA.data() : a.data,
                            .b = state.transposeB && !state.packed ? turnedB.data() : b.data,
                            .packedB = state.packed ? reinterpret_cast<const uint32_t*>(state.packed->data()) : nullptr,
                            .aZero = c.in(2).data,
                            .bZero = c.in(5).data,
                            .aZeroCount = 1,
                            .bZeroCount = c.in(5).count(),
                            .c = reinterpret_cast<UnalignedInt32*>(c.has(8) ? sums.data() : y.data),
                            .result = {.kind = MatmulIntegerResult::Kind::floats,
                                       .offsets = offsets.empty() ? nullptr : offsets.data(),
                                       .scales = scales.data(),
                                       .y = y.data,
                                       .yStride = n}};
  if (c.has(8)) {
    const bool isSigned = y.dtype == DataType::int8;
    of.result.kind = MatmulIntegerResult::Kind::bytes;
    of.result.grid = {.low = isSigned ? -128 : 0,
                      .high = isSigned ? 127 : 255,
                      .zeroPoint = isSigned ? c.in(8).as<int8_t>()[0] : c.in(8).data[0]};
  }
  return matmulInteger(*c.execution, of);
}

const OpRuns runs({
    {"QGemm", runGemm, prepareGemm, row::microsoft},
});

}  // namespace
}  // namespace pare
