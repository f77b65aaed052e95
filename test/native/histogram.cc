// Extents and histograms at every level against the reference.
#include "engine/histogram.h"

#include "levels.h"

namespace pare {
namespace {

using Histogram = Levels;

std::vector<float> spaced(float low, float high, size_t binCount) {
  std::vector<float> edges(binCount + 1);
  for (size_t i = 0; i <= binCount; i++)
    edges[i] = low + (high - low) * static_cast<float>(i) / static_cast<float>(binCount);
  return edges;
}

TEST_P(Histogram, EqualsReference) {
  for (const size_t count : oddCounts) {
    const HardFloats in(count);
    expectReferenceBytes(
        GetParam(),
        [&] {
          Extent extent{};
          EXPECT_TRUE(findExtent(Execution{}, in.data(), count, &extent).ok());
          std::vector<uint8_t> bytes;
          append(bytes, &extent, sizeof extent);
          for (const size_t binCount : {1, 2, 7, 128, 2048}) {
            for (const float limit : {0.0f, 1e-42f, 0.5f, 10.0f, 3.0e38f}) {
              std::vector<uint64_t> counts;
              const std::vector<float> edges = spaced(-limit, limit, binCount);
              EXPECT_TRUE(countBins(Execution{}, in.data(), count, edges, counts).ok());
              append(bytes, counts.data(), counts.size() * sizeof counts[0]);
            }
          }
          return bytes;
        },
        std::to_string(count) + " values");
  }
}

TEST_P(Histogram, EdgesBelongToTheBinAbove) {
  ASSERT_TRUE(setLevel(GetParam()));
  const std::vector<float> in = {-1, -0.5f, 0, 0.5f, 1, 1.5f, std::nanf("")};
  std::vector<uint64_t> counts;
  ASSERT_TRUE(
      countBins(Execution{}, reinterpret_cast<const UnalignedFloat*>(in.data()), in.size(), {-1, 0, 1}, counts).ok());
  EXPECT_EQ(counts, (std::vector<uint64_t>{2, 3}));
}

INSTANTIATE_TEST_SUITE_P(Levels, Histogram, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
