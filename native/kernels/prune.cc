// Selection by magnitude and n of every m (see prune.h).
#include "kernels/prune.h"

#include "kernels/table.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace pare::PARE_LEVEL {
namespace {

constexpr uint32_t magnitudeBits = 0x7fffffffu;
constexpr size_t bucketCount = PruneKernels::bucketCount;

inline uint32_t patternOf(float value) { return __builtin_bit_cast(uint32_t, value) & magnitudeBits; }

// Four tables in turn: neighbours often fall into one bucket, and a counter's next increment waits for its last.
template <class Take>
inline void countInto(const UnalignedFloat* in, size_t count, unsigned shift, uint32_t* histogram, Take take) {
  uint32_t tables[3][bucketCount] = {};
  uint32_t* const table[4] = {histogram, tables[0], tables[1], tables[2]};
  size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (size_t lane = 0; lane < 4; lane++) {
      const uint32_t pattern = patternOf(in[i + lane]);
      if (take(pattern)) table[lane][(pattern >> shift) % bucketCount]++;
    }
  for (; i < count; i++) {
    const uint32_t pattern = patternOf(in[i]);
    if (take(pattern)) histogram[(pattern >> shift) % bucketCount]++;
  }
  for (size_t bucket = 0; bucket < bucketCount; bucket++)
    histogram[bucket] += tables[0][bucket] + tables[1][bucket] + tables[2][bucket];
}

void histogram(const UnalignedFloat* in, size_t count, unsigned shift, unsigned prefixShift, uint32_t prefix,
               uint32_t* buckets) {
  if (prefixShift >= 31)
    countInto(in, count, shift, buckets, [](uint32_t) { return true; });
  else
    countInto(in, count, shift, buckets, [=](uint32_t pattern) { return pattern >> prefixShift == prefix; });
}

size_t collect(const UnalignedFloat* in, size_t count, unsigned prefixShift, uint32_t prefix, uint32_t* out) {
  size_t found = 0, i = 0;
#if defined(__AVX512F__)
  const __m512i wanted = _mm512_set1_epi32(static_cast<int>(prefix));
  const __m512i magnitude = _mm512_set1_epi32(static_cast<int>(magnitudeBits));
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(prefixShift));
  for (; i + 16 <= count; i += 16) {
    const __m512i patterns = _mm512_and_si512(_mm512_loadu_si512(in + i), magnitude);
    const __mmask16 equal = _mm512_cmpeq_epi32_mask(_mm512_srl_epi32(patterns, shift), wanted);
    // Compressing in a register and storing all of it is faster everywhere than compressing to memory.
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(equal, patterns));
    found += static_cast<size_t>(__builtin_popcount(equal));
  }
#endif
  // Always written, kept only if it counts: a branch would be mispredicted.
  for (; i < count; i++) {
    const uint32_t pattern = patternOf(in[i]);
    out[found] = pattern;
    found += pattern >> prefixShift == prefix;
  }
  return found;
}

size_t countEqual(const UnalignedFloat* in, size_t count, uint32_t pattern) {
  uint32_t found = 0;
  for (size_t i = 0; i < count; i++) found += patternOf(in[i]) == pattern;
  return found;
}

size_t prune(const UnalignedFloat* in, const UnalignedFloat* scores, UnalignedFloat* out, uint8_t* mask, size_t count,
             int32_t limit) {
  uint32_t kept = 0;
  if (mask) {
    for (size_t i = 0; i < count; i++) {
      const bool keep = static_cast<int32_t>(patternOf(scores[i])) > limit;
      kept += keep;
      out[i] = keep ? in[i] : 0.0f;
      mask[i] = keep;
    }
  } else {
    for (size_t i = 0; i < count; i++) {
      const bool keep = static_cast<int32_t>(patternOf(scores[i])) > limit;
      kept += keep;
      out[i] = keep ? in[i] : 0.0f;
    }
  }
  return count - kept;
}

// ---- n of every m ----

// Keeps those of one group, at most largestGroup elements, that fewer than n others beat: larger ones, and equal ones
// before them.
inline void pruneGroup(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t length, size_t n) {
  float values[PruneKernels::largestGroup];
  int32_t patterns[PruneKernels::largestGroup];
  for (size_t i = 0; i < length; i++) {
    values[i] = in[i];
    patterns[i] = static_cast<int32_t>(patternOf(values[i]));
  }
  for (size_t i = 0; i < length; i++) {
    size_t rank = 0;
    for (size_t other = 0; other < length; other++) rank += patterns[other] > patterns[i] - (other < i);
    out[i] = rank < n ? values[i] : 0.0f;
    if (mask) mask[i] = rank < n;
  }
}

#if defined(__AVX512F__)
constexpr size_t vectorBytes = 64;
#elif defined(__AVX2__)
constexpr size_t vectorBytes = 32;
#else
constexpr size_t vectorBytes = 16;
#endif
constexpr size_t laneCount = vectorBytes / 4;
typedef int32_t Vector __attribute__((vector_size(vectorBytes)));
typedef int32_t UnalignedVector __attribute__((vector_size(vectorBytes), aligned(1), may_alias));
typedef int8_t Bytes __attribute__((vector_size(laneCount)));
typedef int8_t UnalignedBytes __attribute__((vector_size(laneCount), aligned(1), may_alias));

// Lanes rotated by `by` within each four, and −1 where the lane that arrives has the lower index: there an equal
// pattern beats this one, so it is compared with the pattern less one.
struct Rotation {
  Vector lanes, earlier;
};
constexpr Rotation rotation(int by) {
  Rotation result{};
  for (int i = 0; i < static_cast<int>(laneCount); i++) {
    result.lanes[i] = i / 4 * 4 + (i + by) % 4;
    result.earlier[i] = i % 4 + by >= 4 ? -1 : 0;
  }
  return result;
}

// Groups of four, whole ones: the four sit in one 128-bit lane.
void pruneFours(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t count, size_t n) {
  const Rotation one = rotation(1), two = rotation(2), three = rotation(3);
  const Vector limit = Vector{} - static_cast<int32_t>(n);
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount) {
    const Vector bits = *reinterpret_cast<const UnalignedVector*>(in + i);
    const Vector pattern = bits & static_cast<int32_t>(magnitudeBits);
    // Comparisons give −1 where they hold.
    const Vector beaten = (__builtin_shuffle(pattern, one.lanes) > pattern + one.earlier) +
                          (__builtin_shuffle(pattern, two.lanes) > pattern + two.earlier) +
                          (__builtin_shuffle(pattern, three.lanes) > pattern + three.earlier);
    const Vector keep = beaten > limit;
    *reinterpret_cast<UnalignedVector*>(out + i) = bits & keep;
    if (mask) *reinterpret_cast<UnalignedBytes*>(mask + i) = __builtin_convertvector(keep, Bytes) & 1;
  }
  for (; i < count; i += 4) pruneGroup(in + i, out + i, mask ? mask + i : nullptr, 4, n);
}

void pruneGroups(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t rowLength,
                 size_t n, size_t m) {
  if (m == 4 && rowLength % 4 == 0) {
    pruneFours(in, out, mask, rowCount * rowLength, n);
    return;
  }
  for (size_t row = 0; row < rowCount; row++) {
    const size_t begin = row * rowLength, whole = m == 4 ? rowLength / 4 * 4 : 0;
    if (whole) pruneFours(in + begin, out + begin, mask ? mask + begin : nullptr, whole, n);
    for (size_t i = whole; i < rowLength; i += m)
      pruneGroup(in + begin + i, out + begin + i, mask ? mask + begin + i : nullptr,
                 rowLength - i < m ? rowLength - i : m, n);
  }
}

void pruneGroupColumns(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t stride,
                       size_t columnCount, size_t n, size_t m) {
  constexpr size_t tile = 64;
  float values[PruneKernels::largestGroup][tile];
  int32_t ranks[tile];
  for (size_t first = 0; first < rowCount; first += m) {
    const size_t rows = rowCount - first < m ? rowCount - first : m;
    for (size_t column = 0; column < columnCount; column += tile) {
      const size_t columns = columnCount - column < tile ? columnCount - column : tile;
      const size_t corner = first * stride + column;
      for (size_t row = 0; row < rows; row++)
        for (size_t c = 0; c < columns; c++) values[row][c] = in[corner + row * stride + c];
      for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < columns; c++) ranks[c] = 0;
        for (size_t other = 0; other < rows; other++) {
          const int32_t earlier = other < row ? 1 : 0;
          for (size_t c = 0; c < columns; c++)
            ranks[c] += static_cast<int32_t>(patternOf(values[other][c])) >
                        static_cast<int32_t>(patternOf(values[row][c])) - earlier;
        }
        const size_t begin = corner + row * stride;
        for (size_t c = 0; c < columns; c++)
          out[begin + c] = ranks[c] < static_cast<int32_t>(n) ? values[row][c] : 0.0f;
        if (mask)
          for (size_t c = 0; c < columns; c++) mask[begin + c] = ranks[c] < static_cast<int32_t>(n);
      }
    }
  }
}

}  // namespace

extern const PruneKernels pruneKernels;
const PruneKernels pruneKernels{histogram, collect, countEqual, prune, pruneGroups, pruneGroupColumns};

}  // namespace pare::PARE_LEVEL
