// float32 ⇄ integers on a grid (see quantize.h): loops that the compiler vectorizes at every level.
#include "kernels/quantize.h"

#include "kernels/simd.h"
#include "kernels/table.h"
#include "kernels/vector.h"

namespace pare::PARE_LEVEL {
namespace {

inline uint32_t bitsOf(float value) { return __builtin_bit_cast(uint32_t, value); }
inline float floatOf(uint32_t bits) { return __builtin_bit_cast(float, bits); }

constexpr uint32_t signBit = 0x80000000u;
constexpr uint32_t infinityBits = 0x7f800000u;
// Adding 1.5 · 2^23 leaves a float whose last place is one: the float unit rounds to nearest even, and the low bits are
// the integer, for magnitudes below 2^22.
constexpr float roundingOffset = 12582912.0f;
constexpr uint32_t roundingBits = 0x4b400000u;

// Patterns of one sign are ordered as integers, and integers may be reduced in any order: the largest signed pattern is
// the largest positive value, the largest unsigned one is the most negative value.
struct Extremes {
  int32_t largest = 0;
  uint32_t lowest = 0;

  void take(uint32_t bits) {
    const uint32_t finite = (bits & ~signBit) < infinityBits ? bits : 0;
    const auto positive = static_cast<int32_t>(finite);
    largest = positive > largest ? positive : largest;
    lowest = finite > lowest ? finite : lowest;
  }
};

inline Extremes extremesOf(const UnalignedFloat* in, size_t count) {
  Extremes result;
  size_t i = 0;
  if (count >= laneCount) {
    // Two of each, so that one waits for the other less.
    Ints largest[2] = {};
    Words lowest[2] = {};
    const auto take = [&](size_t at, size_t which) {
      const Words bits = load<Words>(in + at);
      const Words finite = (bits & ~signBit) < infinityBits ? bits : Words{};
      largest[which] = larger(largest[which], (Ints)finite);
      lowest[which] = larger(lowest[which], finite);
    };
    for (; i + 2 * laneCount <= count; i += 2 * laneCount) {
      take(i, 0);
      take(i + laneCount, 1);
    }
    if (i + laneCount <= count) {
      take(i, 0);
      i += laneCount;
    }
    result.largest = largestOf(larger(largest[0], largest[1]));
    result.lowest = largestOf(larger(lowest[0], lowest[1]));
  }
  for (; i < count; i++) result.take(bitsOf(in[i]));
  return result;
}

void rangeRuns(const UnalignedFloat* in, size_t runLength, size_t runCount, float* low, float* high) {
  for (size_t run = 0; run < runCount; run++) {
    const Extremes extremes = extremesOf(in + run * runLength, runLength);
    const float largest = floatOf(static_cast<uint32_t>(extremes.largest));
    const float lowest = extremes.lowest >= signBit ? floatOf(extremes.lowest) : 0.0f;
    high[run] = largest > high[run] ? largest : high[run];
    low[run] = lowest < low[run] ? lowest : low[run];
  }
}

void columnRanges(const UnalignedFloat* in, size_t rowCount, size_t stride, size_t columnCount, float* __restrict low,
                  float* __restrict high) {
  for (size_t row = 0; row < rowCount; row++) {
    const UnalignedFloat* values = in + row * stride;
    for (size_t i = 0; i < columnCount; i++) {
      const uint32_t bits = bitsOf(values[i]);
      const float value = floatOf((bits & ~signBit) < infinityBits ? bits : 0);
      low[i] = value < low[i] ? value : low[i];
      high[i] = value > high[i] ? value : high[i];
    }
  }
}

// Clipping before rounding is the same as after, for the bounds are integers.
inline uint32_t roundToGrid(float value, float scale, float lowest, float highest) {
  float ratio = value / scale;
  ratio = ratio > lowest ? ratio : lowest;
  ratio = ratio < highest ? ratio : highest;
  ratio = value == value ? ratio : 0.0f;
  return bitsOf(ratio + roundingOffset) - roundingBits;
}

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool hasFusedMultiply = true;
#else
constexpr bool hasFusedMultiply = false;
#endif
inline float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline Floats fused(Floats a, Floats b, Floats c) {
  return (Floats)multiplyAdd((FloatVector)c, (FloatVector)a, (FloatVector)b);
}

// value / scale, correctly rounded, without a division, whose throughput is a tenth of a product's: `reciprocal` is
// 1 / scale correctly rounded; a first remainder makes the quotient faithful, and a second one, exact then, rounds it
// correctly (Markstein 1990; Muller et al., Handbook of Floating-Point Arithmetic, chapter 4).
template <class Number>
inline Number divideExactly(Number value, Number scale, Number reciprocal) {
  const Number first = value * reciprocal;
  const Number faithful = fused(fused(-first, scale, value), reciprocal, first);
  return fused(fused(-faithful, scale, value), reciprocal, faithful);
}

void prepareScales(const float* scales, const int32_t* zeroPoints, size_t count, int32_t low, int32_t high,
                   QuickScales out) {
  float* __restrict reciprocals = out.reciprocals, * __restrict lowest = out.lowest, * __restrict highest = out.highest;
  uint32_t* __restrict offsets = out.offsets;
  for (size_t i = 0; i < count; i++) {
    reciprocals[i] = 1.0f / scales[i];
    lowest[i] = (static_cast<float>(low - zeroPoints[i]) - 0.25f) * scales[i];
    highest[i] = (static_cast<float>(high - zeroPoints[i]) + 0.25f) * scales[i];
    offsets[i] = static_cast<uint32_t>(zeroPoints[i]) - roundingBits;
  }
}

// Of float and uint32_t, or of a vector of each.
template <class Integer, class Number>
inline Integer quantizeQuickly(Number value, Number scale, Number reciprocal, Number lowest, Number highest,
                               Integer offset) {
  Number inside = value > lowest ? value : lowest;
  inside = inside < highest ? inside : highest;
  inside = value == value ? inside : Number{};
  return __builtin_bit_cast(Integer, divideExactly(inside, scale, reciprocal) + roundingOffset) + offset;
}

inline void storeIntegers(uint8_t* to, Words lanes) { storeBytes(to, (Ints)lanes); }
inline void storeIntegers(UnalignedUint16* to, Words lanes) {
  typedef uint16_t Halves __attribute__((vector_size(2 * laneCount)));
  store(to, __builtin_convertvector(lanes, Halves));
}

template <class Integer>
uint32_t quantizeRunExactly(const UnalignedFloat* in, typename Unaligned<Integer>::Type* target, size_t count,
                            float scale, int32_t zeroPoint, int32_t low, int32_t high) {
  const auto lowest = static_cast<float>(low - zeroPoint), highest = static_cast<float>(high - zeroPoint);
  uint32_t nans = 0;
  for (size_t i = 0; i < count; i++) {
    const float value = in[i];
    nans += value != value;
    target[i] = static_cast<Integer>(roundToGrid(value, scale, lowest, highest) + static_cast<uint32_t>(zeroPoint));
  }
  return nans;
}

// Elements: a page of memory ahead, where the processor's own prefetchers stop.
constexpr size_t fetchAhead = 1024;

// Scales are prepared for as many runs as a vector has lanes: the runs then fetch what they need, and short ones cost
// no more than long ones.
template <class Integer>
size_t quantizeRuns(const UnalignedFloat* in, void* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints, int32_t low, int32_t high) {
  auto* target = static_cast<typename Unaligned<Integer>::Type*>(out);
  size_t nans = 0;
  Ints nanLanes{};  // counted downwards
  float reciprocals[laneCount], lowest[laneCount], highest[laneCount];
  uint32_t offsets[laneCount];
  for (size_t run = 0; run < runCount; run++, in += runLength, target += runLength) {
    const size_t at = run % laneCount;
    if (hasFusedMultiply && at == 0)
      prepareScales(scales + run, zeroPoints + run, runCount - run < laneCount ? runCount - run : laneCount, low, high,
                    {reciprocals, lowest, highest, offsets});
    if (!hasFusedMultiply || !isQuickScale(scales[run])) {
      nans += quantizeRunExactly<Integer>(in, target, runLength, scales[run], zeroPoints[run], low, high);
      continue;
    }
    size_t i = 0;
    for (; i + laneCount <= runLength; i += laneCount) {
      __builtin_prefetch(reinterpret_cast<const float*>(in) + i + fetchAhead);
      const Floats value = load<Floats>(in + i);
      nanLanes += value != value;
      storeIntegers(target + i, quantizeQuickly(value, Floats{} + scales[run], Floats{} + reciprocals[at],
                                                Floats{} + lowest[at], Floats{} + highest[at], Words{} + offsets[at]));
    }
    for (; i < runLength; i++) {
      nans += in[i] != in[i];
      target[i] = static_cast<Integer>(
          quantizeQuickly<uint32_t, float>(in[i], scales[run], reciprocals[at], lowest[at], highest[at], offsets[at]));
    }
  }
  return nans + countOf(nanLanes);
}

template <class Integer>
size_t quantizeColumns(const UnalignedFloat* in, void* out, size_t count, const float* scales,
                       const int32_t* zeroPoints, int32_t low, int32_t high, const QuickScales& prepared) {
  auto* target = static_cast<typename Unaligned<Integer>::Type*>(out);
  size_t nans = 0, i = 0;
  if (hasFusedMultiply && prepared.reciprocals) {
    Ints nanLanes{};  // counted downwards
    for (; i + laneCount <= count; i += laneCount) {
      __builtin_prefetch(reinterpret_cast<const float*>(in) + i + fetchAhead);
      const Floats value = load<Floats>(in + i);
      nanLanes += value != value;
      storeIntegers(target + i, quantizeQuickly(value, load<Floats>(scales + i), load<Floats>(prepared.reciprocals + i),
                                                load<Floats>(prepared.lowest + i), load<Floats>(prepared.highest + i),
                                                load<Words>(prepared.offsets + i)));
    }
    nans = countOf(nanLanes);
  }
  for (; i < count; i++) {
    const float value = in[i];
    const auto lowest = static_cast<float>(low - zeroPoints[i]), highest = static_cast<float>(high - zeroPoints[i]);
    nans += value != value;
    target[i] =
        static_cast<Integer>(roundToGrid(value, scales[i], lowest, highest) + static_cast<uint32_t>(zeroPoints[i]));
  }
  return nans;
}

// The smallest normal float32: below it numpy's rules take a scale for zero.
constexpr double smallestScale = 0x1p-126;

template <bool symmetric, bool blocked>
void findGridsBy(const float* low, const float* high, size_t count, GridRule rule, float* scales, int32_t* zeroPoints) {
  const double steps = static_cast<double>(rule.high) - rule.low;
  const auto middle = static_cast<int32_t>(__builtin_rint((rule.low + rule.high) / 2.0));
  for (size_t i = 0; i < count; i++) {
    const float extreme = -low[i] > high[i] ? -low[i] : high[i];
    const float least = symmetric ? -extreme : low[i], most = symmetric ? extreme : high[i];
    double width = static_cast<double>(most) - static_cast<double>(least);
    const float narrow = most - least;
    if (blocked) width = narrow < __builtin_inff() ? static_cast<double>(narrow) : width;
    double scale = width / steps;
    if (blocked) scale = static_cast<double>(static_cast<float>(scale));
    const bool vanishes = scale < smallestScale;
    const double divisor = vanishes ? 1.0 : scale;
    double zeroPoint = __builtin_rint(rule.low - static_cast<double>(least) / divisor);
    zeroPoint = zeroPoint > rule.low ? zeroPoint : rule.low;
    zeroPoint = zeroPoint < rule.high ? zeroPoint : rule.high;
    scales[i] = static_cast<float>(divisor);
    zeroPoints[i] = vanishes && !(symmetric && blocked) ? 0 : symmetric ? middle : static_cast<int32_t>(zeroPoint);
  }
}

void findGrids(const float* low, const float* high, size_t count, GridRule rule, float* scales, int32_t* zeroPoints) {
  const auto find = rule.symmetric ? rule.blocked ? findGridsBy<true, true> : findGridsBy<true, false>
                    : rule.blocked ? findGridsBy<false, true>
                                   : findGridsBy<false, false>;
  find(low, high, count, rule, scales, zeroPoints);
}

template <class Integer>
void dequantizeRuns(const void* in, UnalignedFloat* out, size_t runLength, size_t runCount, const float* scales,
                    const int32_t* zeroPoints) {
  const auto* source = static_cast<const typename Unaligned<Integer>::Type*>(in);
  for (size_t run = 0; run < runCount; run++, source += runLength, out += runLength) {
    const float scale = scales[run];
    const int32_t zeroPoint = zeroPoints[run];
    for (size_t i = 0; i < runLength; i++) out[i] = static_cast<float>(source[i] - zeroPoint) * scale;
  }
}

template <class Integer>
void dequantizeColumns(const void* in, UnalignedFloat* out, size_t count, const float* scales,
                       const int32_t* zeroPoints) {
  const auto* source = static_cast<const typename Unaligned<Integer>::Type*>(in);
  for (size_t i = 0; i < count; i++) out[i] = static_cast<float>(source[i] - zeroPoints[i]) * scales[i];
}

void packNibbles(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count / 2; i++)
    out[i] = static_cast<uint8_t>((in[2 * i] & 15u) | (static_cast<uint32_t>(in[2 * i + 1]) << 4));
  if (count % 2) out[count / 2] = in[count - 1] & 15u;
}

void unpackUnsigned(const uint8_t* in, uint8_t* out, size_t count) {
  for (size_t i = 0; i < count / 2; i++) {
    out[2 * i] = in[i] & 15u;
    out[2 * i + 1] = in[i] >> 4;
  }
  if (count % 2) out[count - 1] = in[count / 2] & 15u;
}

void unpackSigned(const uint8_t* in, uint8_t* out, size_t count) {
  // x ^ 8 - 8 carries the sign of a nibble into the byte.
  for (size_t i = 0; i < count / 2; i++) {
    out[2 * i] = static_cast<uint8_t>(((in[i] & 15u) ^ 8u) - 8u);
    out[2 * i + 1] = static_cast<uint8_t>(((in[i] >> 4) ^ 8u) - 8u);
  }
  if (count % 2) out[count - 1] = static_cast<uint8_t>(((in[count / 2] & 15u) ^ 8u) - 8u);
}

// Quantizing keeps the low bits only, hence one function for both signs.
template <class Integer, class Bits>
constexpr QuantizeKernels::Storage storage{quantizeRuns<Bits>, quantizeColumns<Bits>, dequantizeRuns<Integer>,
                                           dequantizeColumns<Integer>};

}  // namespace

extern const QuantizeKernels quantizeKernels;
const QuantizeKernels quantizeKernels{
    .rangeRuns = rangeRuns,
    .columnRanges = columnRanges,
    .findGrids = findGrids,
    .prepareScales = hasFusedMultiply ? prepareScales : nullptr,
    .int8 = storage<int8_t, uint8_t>,
    .uint8 = storage<uint8_t, uint8_t>,
    .int16 = storage<int16_t, uint16_t>,
    .uint16 = storage<uint16_t, uint16_t>,
    .packNibbles = packNibbles,
    .unpackSigned = unpackSigned,
    .unpackUnsigned = unpackUnsigned,
};

}  // namespace pare::PARE_LEVEL
