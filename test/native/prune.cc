// Pruning and random numbers at every level against the reference and against sorting.
#include "engine/prune.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "levels.h"

namespace pare {
namespace {

uint32_t patternOf(float value) { return std::bit_cast<uint32_t>(value) & 0x7fffffffu; }

using Prune = Levels;

std::vector<std::vector<float>> arraysToPrune() {
  const HardFloats hard(150000), few(1000, 2);
  std::vector<std::vector<float>> arrays{{hard.data(), hard.data() + hard.count()},
                                         {},
                                         {few.data(), few.data() + few.count()},
                                         std::vector<float>(3000, -0.25f)};
  for (size_t i = 0; i < arrays[2].size(); i++) arrays[2][i] = static_cast<float>(i % 7) - 3;
  return arrays;
}

TEST_P(Prune, TakesTheSmallestOfSeveralArraysInOrder) {
  ASSERT_TRUE(setLevel(GetParam()));
  const auto arrays = arraysToPrune();
  std::vector<FloatSpan> spans;
  std::vector<float> joined;
  for (const auto& array : arrays) {
    spans.push_back({array.data(), array.size()});
    joined.insert(joined.end(), array.begin(), array.end());
  }
  std::vector<size_t> order(joined.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return patternOf(joined[a]) < patternOf(joined[b]); });
  for (const double share : {0.0, 1e-5, 0.1, 0.3, 0.5, 0.77, 0.999, 1.0}) {
    const auto k = static_cast<uint64_t>(share * static_cast<double>(joined.size()));
    std::vector<uint8_t> wanted(joined.size(), 1);
    for (uint64_t i = 0; i < k; i++) wanted[order[i]] = 0;
    std::vector<std::vector<float>> outs;
    std::vector<std::vector<uint8_t>> masks;
    for (const auto& array : arrays) {
      outs.emplace_back(array.size());
      masks.emplace_back(array.size());
    }
    std::vector<PruneTarget> targets;
    for (size_t i = 0; i < arrays.size(); i++) targets.push_back({outs[i].data(), masks[i].data()});
    const Execution execution{.threads = 2};
    ASSERT_TRUE(pruneSmallest(execution, spans, spans, k, targets).ok());
    size_t at = 0;
    for (size_t a = 0; a < arrays.size(); a++)
      for (size_t i = 0; i < arrays[a].size(); i++, at++) {
        ASSERT_EQ(int{masks[a][i]}, int{wanted[at]}) << "array " << a << ", element " << i << ", k " << k;
        ASSERT_EQ(std::bit_cast<uint32_t>(outs[a][i]), wanted[at] ? std::bit_cast<uint32_t>(joined[at]) : 0u);
      }
    if (k == 0) continue;
    Selection selection;
    ASSERT_TRUE(selectMagnitude(execution, spans, k, &selection).ok());
    ASSERT_EQ(selection.pattern, patternOf(joined[order[k - 1]]));
  }
}

TEST_P(Prune, KeepsNOfEveryM) {
  struct Case {
    size_t outer, axis, inner, n, m;
  };
  for (const auto& [outer, axis, inner, n, m] : {Case{1, 1000, 1, 2, 4},
                                                 {50, 33, 1, 2, 4},
                                                 {7, 64, 1, 0, 4},
                                                 {5, 40, 1, 3, 7},
                                                 {3, 200, 1, 1, 64},
                                                 {1, 37, 130, 2, 4},
                                                 {3, 18, 9, 2, 4},
                                                 {1, 5, 2100, 1, 2},
                                                 {1, 70001, 1, 2, 4},
                                                 {1, 0, 5, 2, 4}}) {
    const HardFloats x(outer * axis * inner);
    const auto compute = [&, outer = outer, axis = axis, inner = inner, n = n, m = m] {
      std::vector<float> out(x.count());
      std::vector<uint8_t> mask(x.count());
      EXPECT_TRUE(pruneNM(Execution{.threads = 2}, x.data(), outer, axis, inner, n, m, out.data(), mask.data()).ok());
      append(mask, out.data(), out.size() * 4);
      return mask;
    };
    expectReferenceBytes(GetParam(), compute, std::to_string(n) + ":" + std::to_string(m));
  }
}

TEST_P(Prune, DrawsTheSameRandomNumbers) {
  for (const size_t count : oddCounts)
    expectReferenceBytes(
        GetParam(),
        [&] {
          std::vector<float> numbers(count);
          EXPECT_TRUE(randomScores(Execution{.threads = 2}, 0x123456789abcdefull, 77, numbers.data(), count).ok());
          std::vector<uint8_t> bytes;
          append(bytes, numbers.data(), count * 4);
          return bytes;
        },
        "random numbers");
}

INSTANTIATE_TEST_SUITE_P(Levels, Prune, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
