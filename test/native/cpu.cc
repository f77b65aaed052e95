// Levels and processors.
#include "engine/cpu.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace pare {
namespace {

TEST(Cpu, OffersTheReferenceAndAFastLevel) {
  const auto levels = availableLevels();
  EXPECT_EQ(levels.front(), "reference");
  EXPECT_GE(levels.size(), 2u);
  EXPECT_NE(std::find(levels.begin(), levels.end(), kernels().level), levels.end());
}

TEST(Cpu, SwitchesLevels) {
  const std::string before = kernels().level;
  for (const std::string& level : availableLevels()) {
    EXPECT_TRUE(setLevel(level));
    EXPECT_EQ(kernels().level, level);
  }
  EXPECT_FALSE(setLevel("v9"));
  EXPECT_TRUE(setLevel(before));
}

TEST(Cpu, CountsAtLeastOneProcessor) { EXPECT_GE(availableProcessors(), 1u); }

}  // namespace
}  // namespace pare
