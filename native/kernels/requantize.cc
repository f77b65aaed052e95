// Sums of integers → floats or bytes (see requantize.h).
#include "kernels/requantize.h"

#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

// Adding it leaves the integer in the lowest bits: for |x| below 2²².
constexpr float rounding = 0x1.8p23f;
constexpr uint32_t roundingBits = 0x4b400000;

// x − 0 is x for every x.
inline Floats broadcast(float x) { return x - Floats{}; }

// One row's numbers, a column each; or the same one for all columns.
template <bool perRow>
struct Factors {
  const int32_t* offsets;
  const float* scales;
  size_t row;

  Floats apply(const UnalignedInt32* sums, size_t j) const {
    Words sum = load<Words>(sums + j);
    if (offsets) sum += perRow ? Words{} + static_cast<uint32_t>(offsets[row]) : load<Words>(offsets + j);
    return __builtin_convertvector((Ints)sum, Floats) * (perRow ? broadcast(scales[row]) : load<Floats>(scales + j));
  }
  float applyOne(const UnalignedInt32* sums, size_t j) const {
    const auto sum = static_cast<uint32_t>(sums[j]);
    const uint32_t offset = offsets ? static_cast<uint32_t>(offsets[perRow ? row : j]) : 0;
    return static_cast<float>(static_cast<int32_t>(sum + offset)) * scales[perRow ? row : j];
  }
};

template <bool perRow>
void toFloatsBy(const SumBlock& block, const UnalignedFloat* bias, UnalignedFloat* y, size_t yStride) {
  for (size_t i = 0; i < block.rows; i++) {
    const UnalignedInt32* sums = block.sums + i * block.stride;
    UnalignedFloat* to = y + i * yStride;
    const Factors<perRow> factors{block.offsets, block.scales, i};
    size_t j = 0;
    for (; j + laneCount <= block.columns; j += laneCount) {
      Floats value = factors.apply(sums, j);
      if (bias) value += perRow ? broadcast(bias[i]) : load<Floats>(bias + j);
      store(to + j, value);
    }
    for (; j < block.columns; j++) {
      float value = factors.applyOne(sums, j);
      if (bias) value += bias[perRow ? i : j];
      to[j] = value;
    }
  }
}

void toFloats(const SumBlock& block, const UnalignedFloat* bias, UnalignedFloat* y, size_t yStride) {
  (block.perRow ? toFloatsBy<true> : toFloatsBy<false>)(block, bias, y, yStride);
}

template <bool perRow>
void toBytesBy(const SumBlock& block, ByteGrid grid, uint8_t* y, size_t yStride) {
  const auto least = static_cast<float>(grid.low - grid.zeroPoint);
  const auto most = static_cast<float>(grid.high - grid.zeroPoint);
  const uint32_t zeroPoint = static_cast<uint32_t>(grid.zeroPoint) - roundingBits;
  for (size_t i = 0; i < block.rows; i++) {
    const UnalignedInt32* sums = block.sums + i * block.stride;
    uint8_t* to = y + i * yStride;
    const Factors<perRow> factors{block.offsets, block.scales, i};
    size_t j = 0;
    for (; j + laneCount <= block.columns; j += laneCount) {
      Floats value = factors.apply(sums, j);
      value = value > least ? value : broadcast(least);
      value = value < most ? value : broadcast(most);
      storeBytes(to + j, (Ints)((Words)(value + rounding) + zeroPoint));
    }
    for (; j < block.columns; j++) {
      float value = factors.applyOne(sums, j);
      value = value > least ? value : least;
      value = value < most ? value : most;
      to[j] = static_cast<uint8_t>(__builtin_bit_cast(uint32_t, value + rounding) + zeroPoint);
    }
  }
}

void toBytes(const SumBlock& block, ByteGrid grid, uint8_t* y, size_t yStride) {
  (block.perRow ? toBytesBy<true> : toBytesBy<false>)(block, grid, y, yStride);
}

}  // namespace

extern const RequantizeKernels requantizeKernels;
const RequantizeKernels requantizeKernels{toFloats, toBytes};

}  // namespace pare::PARE_LEVEL
