// Philox 4×32-10 (see random.h), many blocks at a time.
#include "kernels/random.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

// Blocks computed side by side, a word of each in an array, so that the rounds are loops over vectors.
constexpr size_t batch = 16;

void uniform(uint64_t key, uint64_t stream, uint64_t firstBlock, UnalignedFloat* out, size_t count) {
  for (size_t done = 0; done < count; done += 4 * batch) {
    uint32_t a[batch], b[batch], c[batch], d[batch];
    float numbers[4 * batch];
    for (size_t i = 0; i < batch; i++) {
      const uint64_t block = firstBlock + done / 4 + i;
      a[i] = static_cast<uint32_t>(block);
      b[i] = static_cast<uint32_t>(block >> 32);
      c[i] = static_cast<uint32_t>(stream);
      d[i] = static_cast<uint32_t>(stream >> 32);
    }
    auto low = static_cast<uint32_t>(key), high = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < 10; round++) {
      for (size_t i = 0; i < batch; i++) {
        const uint64_t first = uint64_t{philoxMultipliers[0]} * a[i], second = uint64_t{philoxMultipliers[1]} * c[i];
        a[i] = static_cast<uint32_t>(second >> 32) ^ b[i] ^ low;
        b[i] = static_cast<uint32_t>(second);
        c[i] = static_cast<uint32_t>(first >> 32) ^ d[i] ^ high;
        d[i] = static_cast<uint32_t>(first);
      }
      low += philoxWeyl[0];
      high += philoxWeyl[1];
    }
    for (size_t i = 0; i < batch; i++) {
      numbers[4 * i] = static_cast<float>(static_cast<int32_t>(a[i] >> 8)) * 0x1p-24f;
      numbers[4 * i + 1] = static_cast<float>(static_cast<int32_t>(b[i] >> 8)) * 0x1p-24f;
      numbers[4 * i + 2] = static_cast<float>(static_cast<int32_t>(c[i] >> 8)) * 0x1p-24f;
      numbers[4 * i + 3] = static_cast<float>(static_cast<int32_t>(d[i] >> 8)) * 0x1p-24f;
    }
    const size_t rest = count - done < 4 * batch ? count - done : 4 * batch;
    for (size_t i = 0; i < rest; i++) out[done + i] = numbers[i];
  }
}

}  // namespace

extern const RandomKernels randomKernels;
const RandomKernels randomKernels{uniform};

}  // namespace pare::PARE_LEVEL
