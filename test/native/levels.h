// Running kernels at every level of this machine, and inputs that break careless ones.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/execution.h"

namespace pare {

// Sizes around every vector's length, and one beyond a chunk of the engine.
inline const size_t oddCounts[] = {0, 1, 3, 15, 16, 17, 63, 64, 65, 1000, 40001};

// Ordinary values of all magnitudes mixed with zeros of both signs, denormals, ties, infinities, NaN and the largest.
// They lie one byte off, where no vector load is aligned.
class HardFloats {
 public:
  explicit HardFloats(size_t count, uint32_t seed = 1) : count_(count), bytes_(count * 4 + 1) {
    static constexpr float infinity = std::numeric_limits<float>::infinity();
    static constexpr float special[] = {0.0f, -0.0f, 1e-45f, -1e-40f, 0x1p-24f, 0x1p-25f,  0.5f,
                                        1.5f, 2.5f,  65504,  3.4e38f, infinity, -infinity, std::nanf("")};
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-1, 1), exponent(-8, 4);
    for (size_t i = 0; i < count; i++) {
      const float value =
          i % 5 == 4 ? special[random() % std::size(special)] : uniform(random) * std::pow(10.0f, exponent(random));
      std::memcpy(bytes_.data() + 1 + i * 4, &value, 4);
    }
  }
  const UnalignedFloat* data() const { return reinterpret_cast<const UnalignedFloat*>(bytes_.data() + 1); }
  size_t count() const { return count_; }

 private:
  size_t count_;
  std::vector<uint8_t> bytes_;
};

// What the kernels of `level` and of the reference give for the same call, which returns its bytes.
template <class Compute>
void expectReferenceBytes(const std::string& level, Compute&& compute, const std::string& what) {
  ASSERT_TRUE(setLevel("reference"));
  const std::vector<uint8_t> wanted = compute();
  ASSERT_TRUE(setLevel(level));
  const std::vector<uint8_t> got = compute();
  ASSERT_EQ(got.size(), wanted.size()) << what;
  for (size_t i = 0; i < got.size(); i++)
    ASSERT_EQ(int{got[i]}, int{wanted[i]}) << what << " on " << level << " differs first at byte " << i;
}

// Bytes of several results, one after the other.
inline void append(std::vector<uint8_t>& bytes, const void* data, size_t byteLength) {
  const auto* from = static_cast<const uint8_t*>(data);
  bytes.insert(bytes.end(), from, from + byteLength);
}

class Levels : public testing::TestWithParam<std::string> {
 protected:
  void TearDown() override { ASSERT_TRUE(setLevel(availableLevels().back())); }
};

inline std::vector<std::string> levelsBesideReference() {
  std::vector<std::string> levels = availableLevels();
  levels.erase(levels.begin());
  return levels;
}

}  // namespace pare
