// Depthwise convolution (see depthwise.h).
#include "kernels/depthwise.h"

#include "kernels/activation-vector.h"
#include "kernels/spread-row.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

// The most input rows that output rows computed together may need, rounded up to a power of two.
constexpr size_t ringRows = 16;
constexpr size_t widestKernel = 5;

bool has(size_t kernelHeight, size_t kernelWidth, size_t strideHeight) {
  return kernelHeight == kernelWidth && (kernelWidth == 3 || kernelWidth == 5) && strideHeight <= 2;
}

// Elements of a phase of a row, with room for a vector to run past its end.
size_t phaseFloats(const DepthwisePlane& plane) {
  const size_t reach = (plane.kernelWidth - 1) * plane.dilationWidth / plane.strideWidth;
  return (plane.outputWidth + reach + 2 * vectorLanes - 1) / vectorLanes * vectorLanes;
}

size_t phasesOf(const DepthwisePlane& plane) {
  const size_t reach = (plane.kernelWidth - 1) * plane.dilationWidth + 1;
  return plane.strideWidth < reach ? plane.strideWidth : reach;
}

size_t scratchFloats(const DepthwisePlane& plane) { return (ringRows + 1) * phaseFloats(plane) * phasesOf(plane); }

struct RowBlock {
  const float* const* rows;  // of the image: (outputs − 1) × stride + kernelHeight
  const size_t* offsets;     // where each column of the window begins in a row
  const UnalignedFloat* weights;
  float bias;
  const UnalignedFloat* residual;
  UnalignedFloat* y;
  size_t width;  // of y
};

template <int kernel, int stride, int outputs, Activation::Kind kind, bool hasResidual>
PARE_INLINE void computeBlock(const RowBlock& block, const Activation& activation) {
  struct Holder {
    FloatVector value;
  } weights[kernel * kernel];
#pragma GCC unroll 25
  for (int i = 0; i < kernel * kernel; i++) weights[i].value = broadcastFloat(block.weights[i]);
  const FloatVector bias = broadcastFloat(block.bias), alpha = broadcastFloat(activation.alpha),
                    beta = broadcastFloat(activation.beta);
  constexpr int inputs = (outputs - 1) * stride + kernel;
  for (size_t j = 0; j < block.width; j += vectorLanes) {
    Holder sum[outputs];
#pragma GCC unroll 4
    for (int r = 0; r < outputs; r++) sum[r].value = broadcastFloat(0);
#pragma GCC unroll 16
    for (int i = 0; i < inputs; i++) {
      const float* row = block.rows[i] + j;
#pragma GCC unroll 5
      for (int k = 0; k < kernel; k++) {
        const FloatVector x = loadFloats(row + block.offsets[k]);
#pragma GCC unroll 4
        for (int r = 0; r < outputs; r++)
          if (i - r * stride >= 0 && i - r * stride < kernel)
            sum[r].value = multiplyAdd(sum[r].value, x, weights[(i - r * stride) * kernel + k].value);
      }
    }
    const size_t rest = block.width - j;
#pragma GCC unroll 4
    for (int r = 0; r < outputs; r++) {
      const size_t at = static_cast<size_t>(r) * block.width + j;
      FloatVector value = sum[r].value + bias;
      if constexpr (hasResidual)
        value = value + (rest >= vectorLanes ? loadFloats(block.residual + at) : loadSome(block.residual + at, rest));
      value = activate<kind>(value, alpha, beta);
      if (rest >= vectorLanes)
        storeFloats(block.y + at, value);
      else
        storeSome(block.y + at, value, rest);
    }
  }
}

template <int kernel, int stride, int outputs>
[[gnu::noinline]] void computeRows(const RowBlock& block, const Activation& activation) {
  using Kind = Activation::Kind;
  // The activations that cost a few operations come at once; the others, and residuals, on rows that are still near.
  if (!block.residual && activation.kind == Kind::none)
    return computeBlock<kernel, stride, outputs, Kind::none, false>(block, activation);
  if (!block.residual && activation.kind == Kind::clip)
    return computeBlock<kernel, stride, outputs, Kind::clip, false>(block, activation);
  if (!block.residual && activation.kind == Kind::hardSwish)
    return computeBlock<kernel, stride, outputs, Kind::hardSwish, false>(block, activation);
  RowBlock sums = block;
  sums.residual = nullptr;
  computeBlock<kernel, stride, outputs, Kind::none, false>(sums, activation);
  const size_t count = static_cast<size_t>(outputs) * block.width;
  const FloatVector alpha = broadcastFloat(activation.alpha), beta = broadcastFloat(activation.beta);
  withKind(activation.kind, [&]<Kind kind>() {
    for (size_t i = 0; i < count; i += vectorLanes) {
      const size_t rest = count - i;
      FloatVector x = rest >= vectorLanes ? loadFloats(block.y + i) : loadSome(block.y + i, rest);
      if (block.residual)
        x = x + (rest >= vectorLanes ? loadFloats(block.residual + i) : loadSome(block.residual + i, rest));
      x = activate<kind>(x, alpha, beta);
      if (rest >= vectorLanes)
        storeFloats(block.y + i, x);
      else
        storeSome(block.y + i, x, rest);
    }
  });
}

template <int kernel, int stride>
void computePlane(const DepthwisePlane& plane, const Activation& activation) {
  const size_t phase = phaseFloats(plane), phases = phasesOf(plane), pitch = phase * phases;
  const size_t used = plane.outputWidth + (kernel - 1) * plane.dilationWidth / plane.strideWidth;
  float* const zeros = plane.scratch + ringRows * pitch;
  for (size_t i = 0; i < pitch; i++) zeros[i] = 0;
  size_t offsets[widestKernel];
  for (size_t k = 0; k < kernel; k++) {
    const size_t column = k * plane.dilationWidth;
    offsets[k] = column % plane.strideWidth * phase + column / plane.strideWidth;
  }
  const auto top = static_cast<ptrdiff_t>(plane.padTop), left = static_cast<ptrdiff_t>(plane.padLeft);
  ptrdiff_t spread = static_cast<ptrdiff_t>(plane.firstRow * stride) - top;  // the next row that the ring lacks
  if (spread < 0) spread = 0;
  for (size_t row = plane.firstRow; row < plane.endRow;) {
    const size_t left4 = plane.endRow - row;
    const size_t outputs = left4 >= 4 ? 4 : left4 >= 2 ? 2 : 1;
    const float* rows[ringRows];
    const ptrdiff_t first = static_cast<ptrdiff_t>(row * stride) - top;
    for (size_t i = 0; i < (outputs - 1) * stride + kernel; i++) {
      const ptrdiff_t at = first + static_cast<ptrdiff_t>(i);
      if (at < 0 || at >= static_cast<ptrdiff_t>(plane.height)) {
        rows[i] = zeros;
        continue;
      }
      float* slot = plane.scratch + static_cast<size_t>(at) % ringRows * pitch;
      rows[i] = slot;
      if (at < spread) continue;
      spread = at + 1;
      const UnalignedFloat* from = plane.x + static_cast<size_t>(at) * plane.width;
      for (size_t p = 0; p < phases; p++)
        spreadRow(from, plane.width, static_cast<ptrdiff_t>(p) - left, plane.strideWidth, slot + p * phase, used);
    }
    for (size_t f = 0; f < plane.filters; f++) {
      const size_t at = (f * plane.outputHeight + row) * plane.outputWidth;
      const RowBlock block{.rows = rows,
                           .offsets = offsets,
                           .weights = plane.weights + f * kernel * kernel,
                           .bias = plane.bias ? plane.bias[f] : 0,
                           .residual = plane.residual ? plane.residual + at : nullptr,
                           .y = plane.y + at,
                           .width = plane.outputWidth};
      if (outputs == 4)
        computeRows<kernel, stride, 4>(block, activation);
      else if (outputs == 2)
        computeRows<kernel, stride, 2>(block, activation);
      else
        computeRows<kernel, stride, 1>(block, activation);
    }
    row += outputs;
  }
}

void compute(const DepthwisePlane& plane, const Activation& activation) {
  const bool isThree = plane.kernelWidth == 3, isOne = plane.strideHeight == 1;
  if (isThree)
    (isOne ? computePlane<3, 1> : computePlane<3, 2>)(plane, activation);
  else
    (isOne ? computePlane<5, 1> : computePlane<5, 2>)(plane, activation);
}

}  // namespace

extern const DepthwiseKernels depthwiseKernels;
const DepthwiseKernels depthwiseKernels{.has = has, .scratchFloats = scratchFloats, .compute = compute};

}  // namespace pare::PARE_LEVEL
