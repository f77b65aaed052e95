// Philox 4×32-10 (see random.h), a block in each 64-bit lane.
#include "kernels/random.h"

#include "kernels/table.h"
#include "kernels/vector.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace pare::PARE_LEVEL {
namespace {

constexpr size_t blockLanes = vectorBytes / 8;
typedef uint64_t Longs __attribute__((vector_size(vectorBytes)));

// The 64-bit products of the low halves of the lanes; what lies in the high halves does not matter.
inline Longs multiplyLow(Longs a, uint32_t by) {
#if defined(__AVX512F__)
  return (Longs)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi32(static_cast<int>(by)));
#elif defined(__AVX2__)
  return (Longs)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi32(static_cast<int>(by)));
#elif defined(__x86_64__)
  return (Longs)_mm_mul_epu32((__m128i)a, _mm_set1_epi32(static_cast<int>(by)));
#else
  return (Longs)vmull_n_u32(vmovn_u64((uint64x2_t)a), by);
#endif
}

// Words below and above of each lane → numbers in [0, 1).
inline Floats uniformOf(Longs low, Longs high) {
  const Ints words = (Ints)((Words)((low & 0xffffffff) | high << 32) >> 8);
  return __builtin_convertvector(words, Floats) * 0x1p-24f;
}

// Alternates lanes of two vectors, from lane `start` on.
template <int start, int... lanes>
inline Longs alternate(Longs first, Longs second, Lanes<lanes...>) {
  return __builtin_shufflevector(first, second, (start + lanes / 2 + lanes % 2 * static_cast<int>(blockLanes))...);
}

void uniform(uint64_t key, uint64_t stream, uint64_t firstBlock, UnalignedFloat* out, size_t count) {
  Longs blocks;
  for (size_t lane = 0; lane < blockLanes; lane++) blocks[lane] = firstBlock + lane;
  for (size_t done = 0; done < count; done += 4 * blockLanes, blocks += blockLanes) {
    Longs a = blocks, b = a >> 32, c = Longs{} + stream, d = c >> 32;
    auto low = static_cast<uint32_t>(key), high = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; round++) {
      const Longs first = multiplyLow(a, philoxMultipliers[0]), second = multiplyLow(c, philoxMultipliers[1]);
      a = (second >> 32) ^ b ^ uint64_t { low };
      b = second;
      c = (first >> 32) ^ d ^ uint64_t { high };
      d = first;
      low += philoxWeyl[0];
      high += philoxWeyl[1];
    }
    // Each pair of numbers is one 64-bit lane.
    const Longs first = (Longs)uniformOf(a, b), second = (Longs)uniformOf(c, d);
    Longs block[2];
    block[0] = alternate<0>(first, second, LaneNumbers<blockLanes>{});
    block[1] = alternate<static_cast<int>(blockLanes) / 2>(first, second, LaneNumbers<blockLanes>{});
    const size_t rest = count - done;
    if (rest >= 4 * blockLanes)
      __builtin_memcpy(out + done, block, sizeof block);
    else
      __builtin_memcpy(out + done, block, rest * sizeof(float));
  }
}

}  // namespace

extern const RandomKernels randomKernels;
const RandomKernels randomKernels{uniform};

}  // namespace pare::PARE_LEVEL
