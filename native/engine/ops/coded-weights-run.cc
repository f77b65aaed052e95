// Running products by packed weights: ONNX Runtime's MatMulNBits and MatMulBnb4.
#include <cstring>

#include "engine/coded-weights.h"
#include "engine/run.h"

namespace pare {
namespace {

using namespace row;

// What a four-bit code stands for beside the usual zero point, 8.
constexpr float nibbles[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

struct CodedState : NodeState {
  CodedWeights weights;           // all but what is read from tensors
  std::vector<float> zeroScales;  // of constant scales and zero points
};

size_t zeroPointCount(const CodedWeights& weights, DataType type) {
  const bool isPacked = type == DataType::uint8 && !weights.hasBytes;
  return weights.n * (isPacked ? (weights.blocks() + 1) / 2 : weights.blocks());
}

// scale · (zero point − the one that `values` know).
void makeZeroScales(const CodedWeights& weights, const UnalignedFloat* scales, DataType type, const uint8_t* zeroPoints,
                    std::vector<float>& made) {
  const size_t blocks = weights.blocks(), perByte = weights.hasBytes ? 1 : 2;
  const size_t stride = (blocks + perByte - 1) / perByte;
  const float known = weights.hasBytes ? 0.0f : 8.0f;
  made.resize(weights.n * blocks);
  for (size_t j = 0; j < weights.n; j++)
    for (size_t b = 0; b < blocks; b++) {
      float zero = weights.hasBytes ? 128.0f : 8.0f;
      if (zeroPoints && type == DataType::float32)
        zero = reinterpret_cast<const UnalignedFloat*>(zeroPoints)[j * blocks + b];
      else if (zeroPoints)
        zero = static_cast<float>(weights.hasBytes ? zeroPoints[j * stride + b]
                                                   : zeroPoints[j * stride + b / 2] >> (b % 2 * 4) & 15);
      made[j * blocks + b] = scales[j * blocks + b] * (zero - known);
    }
}

Status sizeError(const RunContext& c, size_t input, size_t wanted) {
  return Status::shape(c.reader().label() + ": " + c.reader().inputName(input) + " has " +
                       std::to_string(c.in(input).count()) + " elements where there must be " + std::to_string(wanted));
}

Status prepareNBits(PrepareContext& c) {
  if (Status status = c.needType(f32, 0); !status.ok()) return status;
  if (Status status = c.needType(u8, 1); !status.ok()) return status;
  if (Status status = c.needType(u8 | f32, 3); !status.ok()) return status;
  if (c.has(4)) return c.unsupported("g_idx does not run");
  const int64_t bits = c.integer("bits"), block = c.integer("block_size");
  if (bits != 4 && bits != 8)
    return c.unsupported("weights of " + std::to_string(bits) + " bits do not run; 4 and 8 do");
  if (block < 16 || (block & (block - 1)) != 0)
    return Status::option(c.label() + ": block_size is " + std::to_string(block) +
                          "; it must be a power of two from 16 on");
  auto& state = c.make<CodedState>();
  CodedWeights& weights = state.weights;
  weights.hasBytes = bits == 8;
  weights.k = static_cast<size_t>(c.integer("K"));
  weights.n = static_cast<size_t>(c.integer("N"));
  weights.blockSize = static_cast<size_t>(block);
  weights.stride = (weights.k + weights.blockSize - 1) / weights.blockSize * weights.blockSize;
  weights.values = nibbles;
  const Tensor *scales = c.constant(2), *zero = c.constant(3);
  const bool needsZeros = c.has(3) || weights.hasBytes;
  if (!needsZeros || !scales || (c.has(3) && !zero)) return Status::success();
  // What does not fit a run refuses.
  if (TensorView::countOf(scales->dims) != weights.n * weights.blocks()) return Status::success();
  if (zero && TensorView::countOf(zero->dims) != zeroPointCount(weights, zero->dtype)) return Status::success();
  makeZeroScales(weights, reinterpret_cast<const UnalignedFloat*>(scales->bytes.data()), c.in(3).dtype,
                 zero ? zero->bytes.data() : nullptr, state.zeroScales);
  return Status::success();
}

Status runNBits(RunContext& c) {
  const auto& state = c.state<CodedState>();
  CodedWeights weights = state.weights;
  const size_t scaleCount = weights.n * weights.blocks();
  const size_t codeCount = weights.n * weights.stride / (weights.hasBytes ? 1 : 2);
  if (c.in(1).count() != codeCount) return sizeError(c, 1, codeCount);
  if (c.in(2).count() != scaleCount) return sizeError(c, 2, scaleCount);
  if (c.has(3) && c.in(3).count() != zeroPointCount(weights, c.in(3).dtype))
    return sizeError(c, 3, zeroPointCount(weights, c.in(3).dtype));
  if (c.has(5) && c.in(5).count() != weights.n) return sizeError(c, 5, weights.n);
  weights.codes = c.in(1).data;
  weights.scales = c.in(2).floats();
  std::vector<float> zeroScales;
  if (!state.zeroScales.empty()) {
    weights.zeroScales = state.zeroScales.data();
  } else if (c.has(3) || weights.hasBytes) {
    makeZeroScales(weights, weights.scales, c.has(3) ? c.in(3).dtype : DataType::uint8,
                   c.has(3) ? c.in(3).data : nullptr, zeroScales);
    weights.zeroScales = zeroScales.data();
  }
  return multiplyCoded(*c.execution, weights, c.in(0).floats(), c.in(0).count() / weights.k,
                       c.has(5) ? c.in(5).floats() : nullptr, c.out(0).floats());
}

Status prepareBnb4(PrepareContext& c) {
  if (Status status = c.needType(f32, 0); !status.ok()) return status;
  if (c.integer("transB") != 1) return c.unsupported("transB = 0 does not run");
  const int64_t kind = c.integer("quant_type"), block = c.integer("block_size");
  if (kind != 0 && kind != 1)
    return Status::option(c.label() + ": quant_type is " + std::to_string(kind) + "; it must be 0 (FP4) or 1 (NF4)");
  if (block < 16 || (block & (block - 1)) != 0)
    return Status::option(c.label() + ": block_size is " + std::to_string(block) +
                          "; it must be a power of two from 16 on");
  auto& state = c.make<CodedState>();
  CodedWeights& weights = state.weights;
  weights.isUpperFirst = true;
  weights.k = weights.stride = static_cast<size_t>(c.integer("K"));
  weights.n = static_cast<size_t>(c.integer("N"));
  weights.blockSize = static_cast<size_t>(block);
  weights.values = kind == 1 ? nf4Values : fp4Values;
  return Status::success();
}

Status runBnb4(RunContext& c) {
  CodedWeights weights = c.state<CodedState>().weights;
  const size_t count = weights.n * weights.k;
  if (c.in(1).count() != (count + 1) / 2) return sizeError(c, 1, (count + 1) / 2);
  const size_t scaleCount = (count + weights.blockSize - 1) / weights.blockSize;
  if (c.in(2).count() != scaleCount) return sizeError(c, 2, scaleCount);
  weights.codes = c.in(1).data;
  weights.scales = c.in(2).floats();
  return multiplyCoded(*c.execution, weights, c.in(0).floats(), c.in(0).count() / weights.k, nullptr,
                       c.out(0).floats());
}

const OpRuns runs({
    {"MatMulNBits", runNBits, prepareNBits, row::microsoft},
    {"MatMulBnb4", runBnb4, prepareBnb4, row::microsoft},
});

}  // namespace
}  // namespace pare
