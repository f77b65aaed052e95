// Products by four-bit weights (see four-bit-product.h).
#include "kernels/four-bit-product.h"

#include "kernels/float-vector.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t group = FourBitProductKernels::group, groupBytes = group / 2;

// The sixteen values in registers, and the lower four bits of each lane looked up among them.
struct Values {
#if defined(__AVX512F__)
  __m512 all;
  explicit Values(const float* from) : all(_mm512_loadu_ps(from)) {}
  PARE_INLINE Floats at(Ints codes) const { return (Floats)_mm512_maskz_permutexvar_ps(allLanes, (__m512i)codes, all); }
#elif defined(__AVX2__)
  __m256 low, high;
  explicit Values(const float* from) : low(_mm256_loadu_ps(from)), high(_mm256_loadu_ps(from + 8)) {}
  PARE_INLINE Floats at(Ints codes) const {
    const __m256 a = _mm256_permutevar8x32_ps(low, (__m256i)codes), b = _mm256_permutevar8x32_ps(high, (__m256i)codes);
    return (Floats)_mm256_blendv_ps(a, b, (__m256)(codes << 28));
  }
#else
  const float* from;
  explicit Values(const float* values) : from(values) {}
  PARE_INLINE Floats at(Ints codes) const {
    Floats found;
    for (size_t lane = 0; lane < laneCount; lane++) found[lane] = from[codes[lane] & 15];
    return found;
  }
#endif
};

PARE_INLINE Ints widen(const uint8_t* from) {
#if defined(__AVX512F__)
  return (Ints)_mm512_maskz_cvtepu8_epi32(allLanes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif defined(__AVX2__)
  return (Ints)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#else
  Ints codes;
  for (size_t lane = 0; lane < laneCount; lane++) codes[lane] = from[lane];
  return codes;
#endif
}

void splitRow(const UnalignedFloat* a, size_t count, bool upperFirst, float* to) {
  const size_t first = upperFirst ? groupBytes : 0, second = groupBytes - first;
  size_t i = 0;
  for (; i + group <= count; i += group, to += group)
    for (size_t j = 0; j < groupBytes; j++) {
      to[first + j] = a[i + 2 * j];
      to[second + j] = a[i + 2 * j + 1];
    }
  if (i == count) return;
  for (size_t j = 0; j < group; j++) to[(j % 2 ? second : first) + j / 2] = i + j < count ? a[i + j] : 0;
}

template <int rows>
struct Sums {
  Floats row[rows];
};

// Adds the products of a group to `sums`.
template <int rows>
PARE_INLINE void addGroup(const uint8_t* codes, const Values& values, const float* a, size_t aStride, size_t step,
                          Sums<rows>& sums) {
  const Ints bytes = widen(codes + step);
  const Floats lower = values.at(bytes), upper = values.at((Ints)((Words)bytes >> 4));
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) {
    const float* from = a + static_cast<size_t>(r) * aStride + step;
    sums.row[r] = fused(lower, load<Floats>(from), sums.row[r]);
    sums.row[r] = fused(upper, load<Floats>(from + groupBytes), sums.row[r]);
  }
}

template <int rows>
PARE_INLINE void addScaled(const Sums<rows>& block, Floats scale, Sums<rows>& sums) {
#pragma GCC unroll 4
  for (int r = 0; r < rows; r++) sums.row[r] = fused(block.row[r], scale, sums.row[r]);
}

// Blocks of whole groups.
template <int rows>
PARE_INLINE void addBlocks(const FourBitProduct& of, const float* a, const uint8_t* codes, const UnalignedFloat* scales,
                           const Values& values, Sums<rows>& sums) {
  const size_t groups = of.blockSize / group;
  for (size_t b = 0; b < of.blocks; b++) {
    Sums<rows> block{};
    for (size_t g = 0; g < groups; g++, a += group, codes += groupBytes)
#pragma GCC unroll 4
      for (size_t step = 0; step < groupBytes; step += laneCount)
        addGroup<rows>(codes, values, a, of.aStride, step, block);
    addScaled<rows>(block, broadcast(scales[b]), sums);
  }
}

// Blocks of half a group: 8 bytes each.
template <int rows>
PARE_INLINE void addHalves(const FourBitProduct& of, const float* a, const uint8_t* codes, const UnalignedFloat* scales,
                           const Values& values, Sums<rows>& sums) {
  for (size_t b = 0; b < of.blocks; b += 2, a += group, codes += groupBytes) {
    uint8_t last[groupBytes] = {};
    const bool isHalf = b + 1 == of.blocks;
    if (isHalf) __builtin_memcpy(last, codes, groupBytes / 2);
    float scale[groupBytes];
    for (size_t i = 0; i < groupBytes; i++) scale[i] = i < groupBytes / 2 ? scales[b] : isHalf ? 0.0f : scales[b + 1];
    for (size_t step = 0; step < groupBytes; step += laneCount) {
      Sums<rows> block{};
      addGroup<rows>(isHalf ? last : codes, values, a, of.aStride, step, block);
      addScaled<rows>(block, load<Floats>(scale + step), sums);
    }
  }
}

float dot(const float* a, const float* b, size_t count) {
  Floats sums{};
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount) sums = fused(load<Floats>(a + i), load<Floats>(b + i), sums);
  float sum = foldLanes(sums, [](Floats x, Floats y) { return x + y; });
  for (; i < count; i++) sum += a[i] * b[i];
  return sum;
}

template <int rows>
void multiplyRows(const FourBitProduct& of, size_t row) {
  const Values values(of.values);
  const float* a = of.a + row * of.aStride;
  for (size_t j = 0; j < of.columns; j++) {
    const uint8_t* codes = of.codes + j * of.bytes;
    const UnalignedFloat* scales = of.scales + j * of.blocks;
    Sums<rows> sums{};
    if (of.blockSize % group == 0)
      addBlocks<rows>(of, a, codes, scales, values, sums);
    else
      addHalves<rows>(of, a, codes, scales, values, sums);
    for (int r = 0; r < rows; r++) {
      const size_t i = row + static_cast<size_t>(r);
      float sum = foldLanes(sums.row[r], [](Floats x, Floats y) { return x + y; });
      if (of.zeroScales) sum -= dot(of.zeroScales + j * of.blocks, of.blockSums + i * of.blocks, of.blocks);
      of.y[i * of.yStride + j] = sum;
    }
  }
}

void multiply(const FourBitProduct& of) {
  size_t row = 0;
  for (; row + 4 <= of.rows; row += 4) multiplyRows<4>(of, row);
  for (; row + 2 <= of.rows; row += 2) multiplyRows<2>(of, row);
  if (row < of.rows) multiplyRows<1>(of, row);
}

void decode(const uint8_t* codes, size_t count, bool upperFirst, const float* values, float* out) {
  const size_t bytes = count / 2;
  size_t i = 0;
#if defined(__AVX512F__)
  const Values table(values);
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  for (; i + 16 <= bytes; i += 16) {
    const Ints both = widen(codes + i), upper = (Ints)((Words)both >> 4);
    const auto first = (__m512)table.at(upperFirst ? upper : both),
               second = (__m512)table.at(upperFirst ? both : upper);
    _mm512_storeu_ps(out + 2 * i, _mm512_permutex2var_ps(first, low, second));
    _mm512_storeu_ps(out + 2 * i + 16, _mm512_permutex2var_ps(first, high, second));
  }
#endif
  const int first = upperFirst ? 4 : 0;
  for (; i < bytes; i++) {
    out[2 * i] = values[codes[i] >> first & 15];
    out[2 * i + 1] = values[codes[i] >> (4 - first) & 15];
  }
  if (count % 2) out[count - 1] = values[codes[bytes] >> first & 15];
}

}  // namespace

extern const FourBitProductKernels fourBitProductKernels;
const FourBitProductKernels fourBitProductKernels{splitRow, multiply, decode};

}  // namespace pare::PARE_LEVEL
