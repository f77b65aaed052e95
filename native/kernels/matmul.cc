// The float32 matrix product (see matmul.h); the micro-kernel stands in tile-template.h.
#include "kernels/matmul.h"

#include "kernels/packing.h"
#include "kernels/table.h"
#include "kernels/tile-template.h"

namespace pare::PARE_LEVEL {
namespace {

struct FloatArithmetic {
  using Vector = FloatVector;
  struct Holder {
    FloatVector value;
  };
  PARE_INLINE static Vector zero() { return broadcastFloat(0); }
  PARE_INLINE static Vector load(const void* from) { return loadFloats(from); }
  PARE_INLINE static Vector loadB(const void* from) { return loadFloats(from); }
  static constexpr bool scatters = true, finishes = true;
  static constexpr size_t stepsTogether = 4;
  PARE_INLINE static Vector broadcast(float x) { return broadcastFloat(x); }
  PARE_INLINE static Vector bound(Vector x, const MatmulTile& tile) {
    return atMost(broadcastFloat(tile.most), atLeast(broadcastFloat(tile.least), x));
  }
  static constexpr size_t streamedBytes = sizeof(Vector);
  static constexpr int unitRows = 1;
  PARE_INLINE static Vector streamB(const uint8_t* from, const MatmulTile&) { return loadFloats(from); }
  PARE_INLINE static void store(void* to, Vector x) { storeFloats(to, x); }
  PARE_INLINE static Vector broadcastA(const uint32_t* from) {
    return broadcastFloat(*reinterpret_cast<const UnalignedFloat*>(from));
  }
  PARE_INLINE static Vector step(Vector sum, Vector right, Vector left) { return multiplyAdd(sum, left, right); }
};

struct FloatUnits {
  PARE_INLINE Bytes16 four(const uint8_t* row, size_t u) const { return loadUnaligned<Bytes16>(row + u * 4); }
  PARE_INLINE IntVector finish(IntVector quads) const { return quads; }
  PARE_INLINE uint32_t one(const uint8_t* row, size_t u) const { return loadUnaligned<uint32_t>(row + u * 4); }
};

void packRows(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to, size_t stride) {
  packAlong(FloatUnits{}, reinterpret_cast<const uint8_t*>(from), rowStride * 4, count, depth, depth, to, stride);
}

void packColumns(const UnalignedFloat* from, size_t rowStride, size_t count, size_t depth, uint32_t* to,
                 size_t stride) {
  const size_t lastVector = (count - 1) / vectorLanes * vectorLanes;
  const size_t end = lastVector + vectorLanes;
  size_t k = 0;
  // Whole vectors may run past a row, of `from` into the next, and of `to` into what is written afterwards; the loop
  // ends where one would pass the end of either.
  if (depth > 0)
    for (; k * stride + end <= depth * stride && k * rowStride + end <= (depth - 1) * rowStride + count; k++)
      for (size_t i = lastVector;; i -= vectorLanes) {
        storeFloats(to + k * stride + i, loadFloats(from + k * rowStride + i));
        if (i == 0) break;
      }
  for (; k < depth; k++)
    for (size_t i = 0; i < count; i++) to[k * stride + i] = __builtin_bit_cast(uint32_t, from[k * rowStride + i]);
  clearPadding(to, stride, count, depth);
}

PARE_INLINE float sumLanes(FloatVector x) {
  float lanes[vectorLanes];
  storeFloats(lanes, x);
  for (int half = vectorLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

// Four rows at a time share the loads of x; four sums a row would wait for nothing, but four rows × two sums suffice.
template <int rowCount>
PARE_INLINE void dotRows(const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y, size_t k) {
  struct Holder {
    FloatVector value;
  } sum[rowCount][2];
#pragma GCC unroll 4
  for (int i = 0; i < rowCount; i++) sum[i][0].value = sum[i][1].value = broadcastFloat(0);
  size_t at = 0;
  for (; at + 2 * vectorLanes <= k; at += 2 * vectorLanes) {
    const FloatVector x0 = loadFloats(x + at), x1 = loadFloats(x + at + vectorLanes);
#pragma GCC unroll 4
    for (int i = 0; i < rowCount; i++) {
      sum[i][0].value = multiplyAdd(sum[i][0].value, loadFloats(rows + i * k + at), x0);
      sum[i][1].value = multiplyAdd(sum[i][1].value, loadFloats(rows + i * k + at + vectorLanes), x1);
    }
  }
  float tail[rowCount] = {};
  for (; at < k; at++)
    for (int i = 0; i < rowCount; i++) tail[i] += rows[i * k + at] * x[at];
#pragma GCC unroll 4
  for (int i = 0; i < rowCount; i++) y[i] = sumLanes(sum[i][0].value + sum[i][1].value) + tail[i];
}

void matrixVector(const UnalignedFloat* rows, const UnalignedFloat* x, UnalignedFloat* y, size_t count, size_t k) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) dotRows<4>(rows + i * k, x, y + i, k);
  for (; i < count; i++) dotRows<1>(rows + i * k, x, y + i, k);
}

}  // namespace

extern const MatmulKernels matmulKernels;
const MatmulKernels matmulKernels{
    {true, tileRows, stripColumns, vectorLanes, multiply<FloatArithmetic>}, packRows, packColumns, matrixVector};

}  // namespace pare::PARE_LEVEL
