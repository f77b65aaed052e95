// The slow, obvious version of random.h: one word of one block at a time.
#include "kernels/random.h"

#include <array>

namespace pare::PARE_LEVEL {
namespace {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; round++) {
    const uint64_t first = uint64_t{philoxMultipliers[0]} * counter[0];
    const uint64_t second = uint64_t{philoxMultipliers[1]} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key = {key[0] + philoxWeyl[0], key[1] + philoxWeyl[1]};
  }
  return counter;
}

void uniform(uint64_t key, uint64_t stream, uint64_t firstBlock, UnalignedFloat* out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint64_t block = firstBlock + i / 4;
    const auto words = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                               static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
                              {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
    out[i] = static_cast<float>(words[i % 4] >> 8) / 16777216.0f;
  }
}

}  // namespace

extern const RandomKernels randomKernels;
const RandomKernels randomKernels{uniform};

}  // namespace pare::PARE_LEVEL
