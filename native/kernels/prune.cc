// Selection by magnitude and n of every m (see prune.h).
#include "kernels/prune.h"

#include "kernels/table.h"
#include "kernels/vector.h"

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

size_t collect(const UnalignedFloat* in, size_t count, uint32_t low, uint32_t high, uint32_t* out, uint64_t* below) {
  // Patterns have 31 bits: both comparisons may be signed.
  const auto least = static_cast<int32_t>(low), most = static_cast<int32_t>(high);
  size_t found = 0, i = 0;
  Ints smaller{}, inside{};  // counted downwards
  for (; i + laneCount <= count; i += laneCount) {
    const Ints patterns = load<Ints>(in + i) & static_cast<int32_t>(magnitudeBits);
    const Ints isSmaller = patterns < least, isInside = ~isSmaller & (patterns <= most);
    smaller += isSmaller;
    if (!out) {
      inside += isInside;
      continue;
    }
#if defined(__AVX512F__)
    // Compressing in a register and storing all of it is faster everywhere than compressing to memory.
    const __mmask16 mask = _mm512_movepi32_mask((__m512i)isInside);
    _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(mask, (__m512i)patterns));
    found += static_cast<size_t>(__builtin_popcount(mask));
#else
    // Always written, kept only if it counts: a branch would be mispredicted.
    for (size_t lane = 0; lane < laneCount; lane++) {
      out[found] = static_cast<uint32_t>(patterns[lane]);
      found += static_cast<size_t>(-isInside[lane]);
    }
#endif
  }
  *below += countOf(smaller);
  if (!out) found = countOf(inside);
  for (; i < count; i++) {
    const uint32_t pattern = patternOf(in[i]);
    *below += pattern < low;
    if (out) out[found] = pattern;
    found += pattern >= low && pattern <= high;
  }
  return found;
}

size_t countEqual(const UnalignedFloat* in, size_t count, uint32_t pattern) {
  uint32_t found = 0;
  for (size_t i = 0; i < count; i++) found += patternOf(in[i]) == pattern;
  return found;
}

template <bool masked>
size_t pruneTo(const UnalignedFloat* in, const UnalignedFloat* scores, UnalignedFloat* out, uint8_t* mask, size_t count,
               int32_t limit) {
  Ints kept{};  // counted downwards
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount) {
    const Ints keep = (load<Ints>(scores + i) & static_cast<int32_t>(magnitudeBits)) > limit;
    __builtin_prefetch(reinterpret_cast<const float*>(scores) + i + 1024);  // a page ahead
    kept += keep;
    store(out + i, load<Ints>(in + i) & keep);
    if (masked) storeMask(mask + i, keep);
  }
  uint32_t keptCount = countOf(kept);
  for (; i < count; i++) {
    const bool keep = static_cast<int32_t>(patternOf(scores[i])) > limit;
    keptCount += keep;
    out[i] = keep ? in[i] : 0.0f;
    if (masked) mask[i] = keep;
  }
  return count - keptCount;
}

size_t prune(const UnalignedFloat* in, const UnalignedFloat* scores, UnalignedFloat* out, uint8_t* mask, size_t count,
             int32_t limit) {
  return mask ? pruneTo<true>(in, scores, out, mask, count, limit)
              : pruneTo<false>(in, scores, out, nullptr, count, limit);
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

// −1 where the element that stands `by` further in each group of four, cyclically, is larger, or as large and earlier:
// an equal earlier one is larger than the pattern less one.
template <int by, int... lanes>
inline Ints isBeatenBy(Ints pattern, Lanes<lanes...>) {
  const Ints other = __builtin_shufflevector(pattern, pattern, (lanes / 4 * 4 + (lanes + by) % 4)...);
  const Ints earlier = {(lanes % 4 + by >= 4 ? -1 : 0)...};
  return other > pattern + earlier;
}

// Groups of four, whole ones: the four sit in one 128-bit lane.
void pruneFours(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t count, size_t n) {
  constexpr LaneNumbers<laneCount> lanes;
  const Ints limit = Ints{} - static_cast<int32_t>(n);
  size_t i = 0;
  for (; i + laneCount <= count; i += laneCount) {
    const Ints bits = load<Ints>(in + i);
    const Ints pattern = bits & static_cast<int32_t>(magnitudeBits);
    const Ints beaten = isBeatenBy<1>(pattern, lanes) + isBeatenBy<2>(pattern, lanes) + isBeatenBy<3>(pattern, lanes);
    const Ints keep = beaten > limit;
    store(out + i, bits & keep);
    if (mask) storeMask(mask + i, keep);
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

// The columns of one group of rows, as many as a vector has lanes (the last fewer).
void pruneColumnGroup(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rows, size_t stride,
                      size_t columns, size_t n) {
  Ints bits[PruneKernels::largestGroup], patterns[PruneKernels::largestGroup];
  for (size_t row = 0; row < rows; row++) {
    if (columns == laneCount) {
      bits[row] = load<Ints>(in + row * stride);
    } else {
      bits[row] = Ints{};
      __builtin_memcpy(&bits[row], in + row * stride, columns * sizeof(float));
    }
    patterns[row] = bits[row] & static_cast<int32_t>(magnitudeBits);
  }
  const Ints limit = Ints{} - static_cast<int32_t>(n);
  for (size_t row = 0; row < rows; row++) {
    Ints beaten{};
    const Ints orEqual = patterns[row] - 1;
    for (size_t other = 0; other < row; other++) beaten += patterns[other] > orEqual;
    for (size_t other = row + 1; other < rows; other++) beaten += patterns[other] > patterns[row];
    const Ints keep = beaten > limit, kept = bits[row] & keep;
    if (columns == laneCount) {
      store(out + row * stride, kept);
      if (mask) storeMask(mask + row * stride, keep);
    } else {
      __builtin_memcpy(out + row * stride, &kept, columns * sizeof(float));
      for (size_t column = 0; mask && column < columns; column++)
        mask[row * stride + column] = static_cast<uint8_t>(keep[column] & 1);
    }
  }
}

void pruneGroupColumns(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t stride,
                       size_t columnCount, size_t n, size_t m) {
  for (size_t row = 0; row < rowCount; row += m)
    for (size_t column = 0; column < columnCount; column += laneCount) {
      const size_t at = row * stride + column;
      // A line of the mask takes several stores, and the first of them would wait for it.
      if (mask && column % 64 == 0)
        for (size_t next = m; next < 2 * m; next++) __builtin_prefetch(mask + at + next * stride, 1);
      pruneColumnGroup(in + at, out + at, mask ? mask + at : nullptr, rowCount - row < m ? rowCount - row : m, stride,
                       columnCount - column < laneCount ? columnCount - column : laneCount, n);
    }
}

}  // namespace

extern const PruneKernels pruneKernels;
const PruneKernels pruneKernels{histogram, collect, countEqual, prune, pruneGroups, pruneGroupColumns};

}  // namespace pare::PARE_LEVEL
