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

void gatherStrip(const float* image, const size_t* offsets, size_t units, const StripRun* runs, size_t runCount,
                 float* to, size_t columns) {
  for (size_t unit = 0; unit < units; unit++) {
    const auto* from = reinterpret_cast<const float*>(reinterpret_cast<const uint8_t*>(image) + offsets[unit]);
    float* at = to + unit * columns;
    // What a run writes too much the next one overwrites.
    for (size_t i = 0; i < runCount; i++) {
      const float* source = from + runs[i].from;
      for (size_t j = 0; j < runs[i].count; j += vectorLanes) storeFloats(at + j, loadFloats(source + j));
      at += runs[i].count;
    }
  }
}

// A vector of each row, then the next vector: what all rows share stays in registers.
template <Activation::Kind kind, bool hasResidual, bool isWhole>
PARE_INLINE void finishVector(const FinishBlock& block, FloatVector alpha, FloatVector beta, size_t j, size_t count) {
  const auto load = [count](const UnalignedFloat* from) { return isWhole ? loadFloats(from) : loadSome(from, count); };
  const FloatVector shared = block.columnBias ? load(block.columnBias + j) : broadcastFloat(0);
  for (size_t i = 0; i < block.rows; i++) {
    FloatVector x = load(block.c + i * block.cStride + j);
    if (block.bias) x = x + broadcastFloat(block.bias[i]);
    if (block.columnBias) x = x + shared;
    if constexpr (hasResidual) x = x + load(block.residual + i * block.yStride + j);
    UnalignedFloat* y = block.y + i * block.yStride + j;
    if constexpr (isWhole)
      storeFloats(y, activate<kind>(x, alpha, beta));
    else
      storeSome(y, activate<kind>(x, alpha, beta), count);
  }
}

template <Activation::Kind kind, bool hasResidual>
PARE_INLINE void finishColumns(const FinishBlock& block, const Activation& activation) {
  const FloatVector alpha = broadcastFloat(activation.alpha), beta = broadcastFloat(activation.beta);
  size_t j = 0;
  for (; j + vectorLanes <= block.columns; j += vectorLanes)
    finishVector<kind, hasResidual, true>(block, alpha, beta, j, vectorLanes);
  if (j < block.columns) finishVector<kind, hasResidual, false>(block, alpha, beta, j, block.columns - j);
}

template <Activation::Kind kind, bool hasResidual>
PARE_INLINE void finishRows(const FinishBlock& block, const Activation& activation) {
  // Long rows of their own biases are read from end to end.
  if (!block.columnBias && block.columns > 16 * vectorLanes) {
    FinishBlock row = block;
    row.rows = 1;
    for (size_t i = 0; i < block.rows; i++) {
      finishColumns<kind, hasResidual>(row, activation);
      row.c += block.cStride;
      row.y += block.yStride;
      if (row.bias) row.bias++;
      if constexpr (hasResidual) row.residual += block.yStride;
    }
    return;
  }
  finishColumns<kind, hasResidual>(block, activation);
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
const ConvKernels convKernels{.spreadRow = spread, .gatherStrip = gatherStrip, .finish = finish};

}  // namespace pare::PARE_LEVEL
