// The slow, obvious version of prune.h: one element against all others.
#include "kernels/prune.h"

#include <algorithm>
#include <cstring>

namespace pare::PARE_LEVEL {
namespace {

uint32_t patternOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & 0x7fffffffu;
}

void histogram(const UnalignedFloat* in, size_t count, unsigned shift, unsigned prefixShift, uint32_t prefix,
               uint32_t* buckets) {
  for (size_t i = 0; i < count; i++)
    if (patternOf(in[i]) >> prefixShift == prefix) buckets[(patternOf(in[i]) >> shift) % PruneKernels::bucketCount]++;
}

size_t collect(const UnalignedFloat* in, size_t count, uint32_t low, uint32_t high, uint32_t* out, uint64_t* below) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const uint32_t pattern = patternOf(in[i]);
    if (pattern < low) ++*below;
    if (pattern < low || pattern > high) continue;
    if (out) out[found] = pattern;
    found++;
  }
  return found;
}

size_t countEqual(const UnalignedFloat* in, size_t count, uint32_t pattern) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) found += patternOf(in[i]) == pattern;
  return found;
}

size_t prune(const UnalignedFloat* in, const UnalignedFloat* scores, UnalignedFloat* out, uint8_t* mask, size_t count,
             int32_t limit) {
  size_t pruned = 0;
  for (size_t i = 0; i < count; i++) {
    const bool keep = int64_t{patternOf(scores[i])} > limit;
    out[i] = keep ? in[i] : 0.0f;
    if (mask) mask[i] = keep;
    pruned += !keep;
  }
  return pruned;
}

// One group of elements that lie `step` apart: one stays if fewer than n beat it.
void pruneGroup(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t length, size_t step, size_t n) {
  float group[PruneKernels::largestGroup];  // `out` may be `in`
  for (size_t i = 0; i < length; i++) group[i] = in[i * step];
  for (size_t i = 0; i < length; i++) {
    size_t beaten = 0;
    for (size_t other = 0; other < length; other++) {
      const uint32_t mine = patternOf(group[i]), its = patternOf(group[other]);
      if (its > mine || (its == mine && other < i)) beaten++;
    }
    const bool keep = beaten < n;
    if (mask) mask[i * step] = keep;
    out[i * step] = keep ? group[i] : 0.0f;
  }
}

void pruneGroupColumns(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t stride,
                       size_t columnCount, size_t n, size_t m) {
  for (size_t column = 0; column < columnCount; column++)
    for (size_t row = 0; row < rowCount; row += m) {
      const size_t at = row * stride + column;
      pruneGroup(in + at, out + at, mask ? mask + at : nullptr, std::min(m, rowCount - row), stride, n);
    }
}

void pruneGroups(const UnalignedFloat* in, UnalignedFloat* out, uint8_t* mask, size_t rowCount, size_t rowLength,
                 size_t n, size_t m) {
  for (size_t row = 0; row < rowCount; row++)
    for (size_t i = 0; i < rowLength; i += m) {
      const size_t at = row * rowLength + i;
      pruneGroup(in + at, out + at, mask ? mask + at : nullptr, std::min(m, rowLength - i), 1, n);
    }
}

}  // namespace

extern const PruneKernels pruneKernels;
const PruneKernels pruneKernels{histogram, collect, countEqual, prune, pruneGroups, pruneGroupColumns};

}  // namespace pare::PARE_LEVEL
