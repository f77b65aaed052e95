// The slow, obvious version of requantize.h.
#include "kernels/requantize.h"

#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

float valueAt(const SumBlock& block, size_t i, size_t j) {
  const size_t at = block.perRow ? i : j;
  const auto sum = static_cast<uint32_t>(block.sums[i * block.stride + j]);
  const uint32_t offset = block.offsets ? static_cast<uint32_t>(block.offsets[at]) : 0;
  return static_cast<float>(static_cast<int32_t>(sum + offset)) * block.scales[at];
}

void toFloats(const SumBlock& block, const UnalignedFloat* bias, UnalignedFloat* y, size_t yStride) {
  for (size_t i = 0; i < block.rows; i++)
    for (size_t j = 0; j < block.columns; j++) {
      const float value = valueAt(block, i, j);
      y[i * yStride + j] = bias ? value + bias[block.perRow ? i : j] : value;
    }
}

void toBytes(const SumBlock& block, ByteGrid grid, uint8_t* y, size_t yStride) {
  for (size_t i = 0; i < block.rows; i++)
    for (size_t j = 0; j < block.columns; j++) {
      const double rounded = std::nearbyint(static_cast<double>(valueAt(block, i, j))) + grid.zeroPoint;
      const double clipped = rounded > grid.low ? rounded < grid.high ? rounded : grid.high : grid.low;
      y[i * yStride + j] = static_cast<uint8_t>(static_cast<int32_t>(clipped));
    }
}

}  // namespace

extern const RequantizeKernels requantizeKernels;
const RequantizeKernels requantizeKernels{toFloats, toBytes};

}  // namespace pare::PARE_LEVEL
