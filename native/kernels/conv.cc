// Rows of an image, and what follows the sums of a convolution (see conv.h).
#include "kernels/conv.h"

#include "kernels/activation-vector.h"
#include "kernels/spread-row.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

void spread(const UnalignedFloat* row, size_t width, ptrdiff_t first, size_t stride, float* to, size_t count) {
  spreadRow(row, width, first, stride, to, count);
}

template <Activation::Kind kind, bool hasResidual>
PARE_INLINE void finishRows(const FinishBlock& block, const Activation& activation) {
  const FloatVector alpha = broadcastFloat(activation.alpha), beta = broadcastFloat(activation.beta);
  for (size_t i = 0; i < block.rows; i++) {
    const UnalignedFloat* c = block.c + i * block.cStride;
    const UnalignedFloat* residual = hasResidual ? block.residual + i * block.yStride : nullptr;
    UnalignedFloat* y = block.y + i * block.yStride;
    const FloatVector bias = broadcastFloat(block.bias ? block.bias[i] : 0);
    size_t j = 0;
    for (; j + vectorLanes <= block.columns; j += vectorLanes) {
      FloatVector x = loadFloats(c + j) + bias;
      if constexpr (hasResidual) x = x + loadFloats(residual + j);
      storeFloats(y + j, activate<kind>(x, alpha, beta));
    }
    if (const size_t rest = block.columns - j; rest > 0) {
      FloatVector x = loadSome(c + j, rest) + bias;
      if constexpr (hasResidual) x = x + loadSome(residual + j, rest);
      storeSome(y + j, activate<kind>(x, alpha, beta), rest);
    }
  }
}

// Columns apart from each other: gathered and scattered one by one.
template <Activation::Kind kind>
PARE_INLINE void finishApart(const FinishBlock& block, const Activation& activation) {
  const FloatVector alpha = broadcastFloat(activation.alpha), beta = broadcastFloat(activation.beta);
  for (size_t i = 0; i < block.rows; i++) {
    const UnalignedFloat* c = block.c + i * block.cStride;
    UnalignedFloat* y = block.y + i * block.yStride;
    const FloatVector bias = broadcastFloat(block.bias ? block.bias[i] : 0);
    for (size_t j = 0; j < block.columns; j += vectorLanes) {
      const size_t here = block.columns - j < vectorLanes ? block.columns - j : vectorLanes;
      FloatVector x = (here == vectorLanes ? loadFloats(c + j) : loadSome(c + j, here)) + bias;
      float lanes[vectorLanes];
      if (block.residual) {
        const UnalignedFloat* residual = block.residual + i * block.yStride + j * block.yStep;
        for (size_t lane = 0; lane < vectorLanes; lane++) lanes[lane] = lane < here ? residual[lane * block.yStep] : 0;
        x = x + loadFloats(lanes);
      }
      storeFloats(lanes, activate<kind>(x, alpha, beta));
      for (size_t lane = 0; lane < here; lane++) y[(j + lane) * block.yStep] = lanes[lane];
    }
  }
}

void finish(const FinishBlock& block, const Activation& activation) {
  withKind(activation.kind, [&]<Activation::Kind kind>() {
    if (block.yStep != 1)
      finishApart<kind>(block, activation);
    else if (block.residual)
      finishRows<kind, true>(block, activation);
    else
      finishRows<kind, false>(block, activation);
  });
}

}  // namespace

extern const ConvKernels convKernels;
const ConvKernels convKernels{.spreadRow = spread, .finish = finish};

}  // namespace pare::PARE_LEVEL
