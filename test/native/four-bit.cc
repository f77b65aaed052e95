// Packing four-bit weights at every level against the reference.
#include "engine/four-bit.h"

#include "levels.h"

namespace pare {
namespace {

using FourBit = Levels;
struct Size {
  size_t k, n;
};
constexpr Size sizes[] = {{1, 1}, {32, 1}, {33, 7}, {64, 64}, {95, 65}, {300, 131}, {256, 16}};

TEST_P(FourBit, PacksMatMulNBitsAsTheReference) {
  for (const auto& [k, n] : sizes)
    for (const size_t blockSize : {16, 32, 256})
      for (const bool symmetric : {true, false}) {
        const HardFloats x(k * n);
        const size_t blocks = (k + blockSize - 1) / blockSize;
        expectReferenceBytes(
            GetParam(),
            [&, k = k, n = n] {
              std::vector<uint8_t> data(n * blocks * blockSize / 2), points(n * ((blocks + 1) / 2));
              std::vector<float> scales(n * blocks);
              uint64_t nans = 0;
              EXPECT_TRUE(packMatMulNBits(Execution{.threads = 2}, x.data(), k, n, blockSize, data.data(),
                                          scales.data(), symmetric ? nullptr : points.data(), &nans, nullptr)
                              .ok());
              append(data, scales.data(), scales.size() * 4);
              append(data, points.data(), points.size());
              append(data, &nans, sizeof nans);
              return data;
            },
            std::to_string(k) + " × " + std::to_string(n) + ", blocks of " + std::to_string(blockSize));
      }
}

TEST_P(FourBit, PacksMatMulBnb4AsTheReference) {
  for (const auto& [k, n] : sizes)
    for (const size_t blockSize : {16, 64, 4096})
      for (const bool isNf4 : {true, false}) {
        const HardFloats x(k * n);
        expectReferenceBytes(
            GetParam(),
            [&, k = k, n = n] {
              std::vector<uint8_t> data((k * n + 1) / 2);
              std::vector<float> absmax((k * n + blockSize - 1) / blockSize);
              uint64_t nans = 0;
              EXPECT_TRUE(packBnb4(Execution{.threads = 2}, x.data(), k, n, blockSize, isNf4, data.data(),
                                   absmax.data(), &nans, nullptr)
                              .ok());
              append(data, absmax.data(), absmax.size() * 4);
              append(data, &nans, sizeof nans);
              return data;
            },
            std::to_string(k) + " × " + std::to_string(n) + ", blocks of " + std::to_string(blockSize));
      }
}

INSTANTIATE_TEST_SUITE_P(Levels, FourBit, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
