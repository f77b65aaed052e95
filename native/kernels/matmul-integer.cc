// The matrix product of 8-bit integers (see matmul-integer.h); the micro-kernel stands in tile-template.h.
#include "kernels/matmul-integer.h"

#include "kernels/packing.h"
#include "kernels/table.h"
#include "kernels/tile-template.h"

namespace pare::PARE_LEVEL {
namespace {

#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
constexpr size_t exactDepth = 4;
#else
constexpr size_t exactDepth = 2;
#endif

// Four rows of 16 bytes become four bytes of 16 columns: first words, then the bytes within four words change places.
#if defined(__AVX512VNNI__)
PARE_INLINE IntVector fourRows(const uint8_t* from, size_t rowStride) {
  const auto row = [&](int i) PARE_INLINE_LAMBDA { return loadUnaligned<Bytes16>(from + i * rowStride); };
  const __m512i words = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(words, quadVector(row)), order);
}
#endif

template <size_t unitDepth>
struct IntegerArithmetic {
  using Vector = IntVector;
  struct Holder {
    IntVector value;
  };
  PARE_INLINE static Vector zero() { return broadcastInt(0); }
  PARE_INLINE static Vector load(const void* from) { return loadInts(from); }
  PARE_INLINE static void store(void* to, Vector x) { storeInts(to, x); }

  static constexpr bool scatters = false, finishes = false;
  static constexpr size_t stepsTogether = 1;  // more of them want more registers than there are
  // B in place: vectorLanes columns of unitDepth rows.
  static constexpr size_t streamedBytes = vectorLanes;
  static constexpr int unitRows = unitDepth;
#if defined(__AVX512VNNI__)
  static constexpr bool streams = true;
  PARE_INLINE static Vector streamB(const uint8_t* from, const MatmulTile& tile) {
    return _mm512_xor_si512(fourRows(from, tile.bRowStride), broadcastInt(static_cast<int32_t>(tile.bFlip)));
  }
#elif defined(__AVX2__)
  static constexpr bool streams = unitDepth == 2;
  PARE_INLINE static Vector streamB(const uint8_t* from, const MatmulTile& tile) {
    const uint8_t* next = from + tile.bRowStride;
#if defined(__AVX512F__)
    const __m128i a = loadUnaligned<__m128i>(from), b = loadUnaligned<__m128i>(next);
    const __m256i pairs = _mm256_setr_m128i(_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b));
    const __m256i flipped = _mm256_xor_si256(pairs, _mm256_set1_epi32(static_cast<int32_t>(tile.bFlip)));
    return _mm512_sub_epi16(_mm512_cvtepu8_epi16(flipped), broadcastInt(static_cast<int32_t>(tile.bBias)));
#else
    const __m128i a = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    const __m128i b = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(next));
    const __m128i flipped = _mm_xor_si128(_mm_unpacklo_epi8(a, b), _mm_set1_epi32(static_cast<int32_t>(tile.bFlip)));
    return _mm256_sub_epi16(_mm256_cvtepu8_epi16(flipped), broadcastInt(static_cast<int32_t>(tile.bBias)));
#endif
  }
#else
  static constexpr bool streams = false;  // gathering narrow vectors costs as much as packing them
  PARE_INLINE static Vector streamB(const uint8_t*, const MatmulTile&) { return zero(); }
#endif

#if defined(__aarch64__) && !defined(__ARM_FEATURE_DOTPROD)
  // Pairs k, k + 1 of four columns become the four k, then the four k + 1: one permutation for all rows.
  PARE_INLINE static Vector loadB(const void* from) {
    const int16x8_t pairs = vreinterpretq_s16_s32(loadInts(from));
    return vreinterpretq_s32_s16(
        vcombine_s16(vget_low_s16(vuzp1q_s16(pairs, pairs)), vget_low_s16(vuzp2q_s16(pairs, pairs))));
  }
  PARE_INLINE static int16x4_t broadcastA(const uint32_t* from) { return vreinterpret_s16_u32(vdup_n_u32(*from)); }
  PARE_INLINE static Vector step(Vector sum, Vector right, int16x4_t left) {
    const int16x8_t values = vreinterpretq_s16_s32(right);
    return vmlal_high_lane_s16(vmlal_lane_s16(sum, vget_low_s16(values), left, 0), values, left, 1);
  }
#else
  PARE_INLINE static Vector loadB(const void* from) { return loadInts(from); }
  PARE_INLINE static Vector broadcastA(const uint32_t* from) { return broadcastInt(static_cast<int32_t>(*from)); }
  PARE_INLINE static Vector step(Vector sum, Vector right, Vector left) {
#if defined(__AVX512VNNI__)
    return _mm512_dpbusd_epi32(sum, left, right);
#elif defined(__AVX512F__)
    if constexpr (unitDepth == 4)
      return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(left, right), _mm512_set1_epi16(1)));
    return _mm512_add_epi32(sum, _mm512_madd_epi16(left, right));
#elif defined(__AVX2__)
    if constexpr (unitDepth == 4)
      return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(left, right), _mm256_set1_epi16(1)));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(left, right));
#elif defined(__x86_64__)
    return _mm_add_epi32(sum, _mm_madd_epi16(left, right));
#else
    return vdotq_s32(sum, vreinterpretq_s8_s32(left), vreinterpretq_s8_s32(right));
#endif
  }
#endif
};

// What turns the values of an operand into those that are multiplied: 0 for none.
template <size_t unitDepth>
constexpr int32_t shiftOf(MatmulBytes bytes) {
  if (unitDepth == 2) return 0;
#if !defined(__ARM_FEATURE_DOTPROD)
  if (bytes.side == MatmulSide::a) return bytes.isSigned ? 128 : 0;
#endif
  return bytes.isSigned ? 0 : -128;
}
template <size_t unitDepth>
constexpr uint8_t flipOf(MatmulBytes bytes) {
  return shiftOf<unitDepth>(bytes) ? 0x80 : 0;
}

// A value of one byte as a unit holds it: shifting by 128 either way turns its top bit over.
template <size_t unitDepth, bool isSigned>
PARE_INLINE uint32_t valueOf(uint8_t byte, uint8_t flip) {
  if constexpr (unitDepth == 4) return static_cast<uint8_t>(byte ^ flip);
  return isSigned ? static_cast<uint16_t>(static_cast<int8_t>(byte)) : byte;
}

PARE_INLINE Shorts8 widen(uint64_t bytes, bool isSigned) {
  using Bytes8 = uint8_t __attribute__((vector_size(8)));
  using SignedBytes8 = int8_t __attribute__((vector_size(8)));
  using SignedShorts8 = int16_t __attribute__((vector_size(16)));
  return isSigned ? (Shorts8) __builtin_convertvector(__builtin_bit_cast(SignedBytes8, bytes), SignedShorts8)
                  : __builtin_convertvector(__builtin_bit_cast(Bytes8, bytes), Shorts8);
}

template <size_t unitDepth, bool isSigned>
struct ByteUnits {
  uint8_t flip;
  size_t k;

  PARE_INLINE Bytes16 four(const uint8_t* row, size_t u) const {
    if constexpr (unitDepth == 4)
      return loadUnaligned<Bytes16>(row + u * 4);
    else
      return (Bytes16)widen(loadUnaligned<uint64_t>(row + u * 2), isSigned);
  }
  PARE_INLINE IntVector finish(IntVector quads) const {
    if constexpr (unitDepth == 4) quads ^= broadcastInt(static_cast<int32_t>(flip * 0x01010101u));
    return quads;
  }
  PARE_INLINE uint32_t one(const uint8_t* row, size_t u) const {
    uint32_t unit = 0;
    for (size_t i = 0; i < unitDepth; i++)
      if (u * unitDepth + i < k)
        unit |= valueOf<unitDepth, isSigned>(row[u * unitDepth + i], flip) << (i * (32 / unitDepth));
    return unit;
  }
};

template <size_t unitDepth, bool isSigned>
void packRowsOf(const uint8_t* from, size_t rowStride, size_t count, size_t k, uint8_t flip, uint32_t* to,
                size_t stride) {
  packAlong(ByteUnits<unitDepth, isSigned>{flip, k}, from, rowStride, count, (k + unitDepth - 1) / unitDepth,
            k / unitDepth, to, stride);
}

template <size_t unitDepth>
void packRows(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
              size_t stride) {
  (bytes.isSigned ? packRowsOf<unitDepth, true> : packRowsOf<unitDepth, false>)(from, rowStride, count, k,
                                                                                flipOf<unitDepth>(bytes), to, stride);
}

// Units of `lanes` columns, from unitDepth rows.
template <size_t unitDepth, bool isSigned>
struct ColumnUnits {
  uint8_t flip;

#if defined(__AVX512VNNI__)
  static constexpr size_t lanes = 16;
  PARE_INLINE void gather(const uint8_t* from, size_t rowStride, uint32_t* to) const {
    const __m512i columns = fourRows(from, rowStride);
    _mm512_storeu_si512(to, _mm512_xor_si512(columns, _mm512_set1_epi8(static_cast<char>(flip))));
  }
#else
  static constexpr size_t lanes = unitDepth == 4 ? 16 : 8;
  PARE_INLINE void gather(const uint8_t* from, size_t rowStride, uint32_t* to) const {
    if constexpr (unitDepth == 4) {
      Bytes16 row[4];
      for (size_t i = 0; i < 4; i++) row[i] = loadUnaligned<Bytes16>(from + i * rowStride) ^ flip;
      for (int half = 0; half < 2; half++) {
        const auto pairs = (Shorts8)interleave(row[0], row[1], half),
                   others = (Shorts8)interleave(row[2], row[3], half);
        storeUnaligned(to + half * 8, __builtin_shufflevector(pairs, others, 0, 8, 1, 9, 2, 10, 3, 11));
        storeUnaligned(to + half * 8 + 4, __builtin_shufflevector(pairs, others, 4, 12, 5, 13, 6, 14, 7, 15));
      }
    } else {
      const Shorts8 first = widen(loadUnaligned<uint64_t>(from), isSigned);
      const Shorts8 second = widen(loadUnaligned<uint64_t>(from + rowStride), isSigned);
      storeUnaligned(to, __builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11));
      storeUnaligned(to + 4, __builtin_shufflevector(first, second, 4, 12, 5, 13, 6, 14, 7, 15));
    }
  }
  PARE_INLINE static Bytes16 interleave(Bytes16 a, Bytes16 b, int half) {
    return half == 0 ? __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
                     : __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
#endif
};

template <size_t unitDepth, bool isSigned>
void packColumnsOf(const uint8_t* from, size_t rowStride, size_t count, size_t k, uint8_t flip, uint32_t* to,
                   size_t stride) {
  using Columns = ColumnUnits<unitDepth, isSigned>;
  const Columns columns{flip};
  const size_t depth = (k + unitDepth - 1) / unitDepth;
  const size_t wholeDepth = k / unitDepth, lastStrip = (count - 1) / stride * stride;
  for (size_t strip = 0; strip < count; strip += stride) {
    const size_t here = count - strip < stride ? count - strip : stride;
    // Past the last column lies the next row, which may be read until the last row comes, and in `to` padding, which is
    // cleared.
    const size_t wide = (here + Columns::lanes - 1) / Columns::lanes * Columns::lanes;
    const size_t past = strip + wide > count ? strip + wide - count : 0;
    size_t readable = wholeDepth;
    while (readable > 0 && (readable * unitDepth - 1) * rowStride + past > (k - 1) * rowStride) readable--;
    const uint8_t* rows = from + strip;
    uint32_t* units = to + strip * depth;
    size_t u = 0;
    if (here == stripColumns) {
      for (; u < readable; u++, rows += unitDepth * rowStride, units += stride)
#pragma GCC unroll 4
        for (size_t j = 0; j < stripColumns; j += Columns::lanes) columns.gather(rows + j, rowStride, units + j);
    } else {
      for (; u < readable; u++, rows += unitDepth * rowStride, units += stride)
        for (size_t j = 0; j < wide; j += Columns::lanes) columns.gather(rows + j, rowStride, units + j);
    }
    for (; u < depth; u++, rows += unitDepth * rowStride, units += stride) {
      const size_t rowCount = k - u * unitDepth < unitDepth ? k - u * unitDepth : unitDepth;
      for (size_t j = 0; j < here; j++) {
        uint32_t unit = 0;
        for (size_t i = 0; i < rowCount; i++)
          unit |= valueOf<unitDepth, isSigned>(rows[i * rowStride + j], flip) << (i * (32 / unitDepth));
        units[j] = unit;
      }
    }
  }
  clearPadding(to + lastStrip * depth, stride, count - lastStrip, depth);
}

template <size_t unitDepth>
void packColumns(const uint8_t* from, size_t rowStride, size_t count, size_t k, MatmulBytes bytes, uint32_t* to,
                 size_t stride) {
  (bytes.isSigned ? packColumnsOf<unitDepth, true>
                  : packColumnsOf<unitDepth, false>)(from, rowStride, count, k, flipOf<unitDepth>(bytes), to, stride);
}

template <class Byte>
void rowSumsOf(const uint8_t* from, size_t rowStride, size_t count, size_t k, int32_t* sums) {
  for (size_t i = 0; i < count; i++) {
    const Byte* row = reinterpret_cast<const Byte*>(from + i * rowStride);
    uint32_t sum = 0;
    for (size_t u = 0; u < k; u++) sum += static_cast<uint32_t>(static_cast<int32_t>(row[u]));
    sums[i] = static_cast<int32_t>(sum);
  }
}

void rowSums(const uint8_t* from, size_t rowStride, size_t count, size_t k, bool isSigned, int32_t* sums) {
  (isSigned ? rowSumsOf<int8_t> : rowSumsOf<uint8_t>)(from, rowStride, count, k, sums);
}

template <size_t unitDepth>
void columnSums(const uint32_t* strip, size_t depth, int32_t* sums) {
  using Arithmetic = IntegerArithmetic<unitDepth>;
  const uint32_t ones = unitDepth == 4 ? 0x01010101u : 0x00010001u;
  // Several sums a column, since a step waits for the one before.
  constexpr int sumsEach = 4;
  typename Arithmetic::Holder sum[sumsEach][stripVectors];
  for (int i = 0; i < sumsEach; i++)
    for (int v = 0; v < stripVectors; v++) sum[i][v].value = Arithmetic::zero();
  const auto one = Arithmetic::broadcastA(&ones);
  size_t u = 0;
  for (; u + sumsEach <= depth; u += sumsEach)
#pragma GCC unroll 4
    for (int i = 0; i < sumsEach; i++)
      for (int v = 0; v < stripVectors; v++)
        sum[i][v].value =
            Arithmetic::step(sum[i][v].value, Arithmetic::loadB(strip + (u + i) * stripColumns + v * vectorLanes), one);
  for (; u < depth; u++)
    for (int v = 0; v < stripVectors; v++)
      sum[0][v].value =
          Arithmetic::step(sum[0][v].value, Arithmetic::loadB(strip + u * stripColumns + v * vectorLanes), one);
  for (int v = 0; v < stripVectors; v++)
    storeInts(sums + v * vectorLanes,
              addInts(addInts(addInts(sum[0][v].value, sum[1][v].value), addInts(sum[2][v].value, sum[3][v].value)),
                      loadInts(sums + v * vectorLanes)));
}

void correct(UnalignedInt32* c, size_t cStride, size_t rows, size_t columns, const int32_t* aZero, const int32_t* sums,
             const int32_t* columnTerms, const int32_t* bZero) {
  for (size_t i = 0; i < rows; i++) {
    auto* row = reinterpret_cast<UnalignedUint32*>(c + i * cStride);
    const uint32_t zero = aZero ? static_cast<uint32_t>(aZero[i]) : 1;
    const uint32_t sum = bZero ? static_cast<uint32_t>(sums[i]) : 0;
    if (zero == 1 && sum == 0)
      for (size_t j = 0; j < columns; j++) row[j] += static_cast<uint32_t>(columnTerms[j]);
    else if (sum == 0)
      for (size_t j = 0; j < columns; j++) row[j] += zero * static_cast<uint32_t>(columnTerms[j]);
    else
      for (size_t j = 0; j < columns; j++)
        row[j] += zero * static_cast<uint32_t>(columnTerms[j]) - sum * static_cast<uint32_t>(bZero[j]);
  }
}

template <size_t unitDepth>
constexpr MatmulIntegerKernels kernelsOf(const MatmulIntegerKernels* saturating) {
  using Arithmetic = IntegerArithmetic<unitDepth>;
  return {
      .tile = {Arithmetic::streams, tileRows, stripColumns, vectorLanes, multiply<Arithmetic>},
      .unitDepth = unitDepth,
      .aShift = {shiftOf<unitDepth>({MatmulSide::a, false}), shiftOf<unitDepth>({MatmulSide::a, true})},
      .bShift = {shiftOf<unitDepth>({MatmulSide::b, false}), shiftOf<unitDepth>({MatmulSide::b, true})},
      .packRows = packRows<unitDepth>,
      .packColumns = packColumns<unitDepth>,
      .rowSums = rowSums,
      .columnSums = columnSums<unitDepth>,
      .correct = correct,
      .saturating = saturating,
  };
}

// Pairs of bytes, whose sums of two products saturate, beside the exact pairs of 16-bit values.
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
constexpr MatmulIntegerKernels saturatingKernels = kernelsOf<4>(nullptr);
constexpr const MatmulIntegerKernels* saturating = &saturatingKernels;
#else
constexpr const MatmulIntegerKernels* saturating = nullptr;
#endif

}  // namespace

extern const MatmulIntegerKernels matmulIntegerKernels;
constinit const MatmulIntegerKernels matmulIntegerKernels = kernelsOf<exactDepth>(saturating);

}  // namespace pare::PARE_LEVEL
