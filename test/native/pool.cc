// Pools at every level: against the reference, which sums in double, and the same bits for any number of threads.
#include "engine/pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "levels.h"

namespace pare {
namespace {

size_t product(const PoolShape& shape, size_t PoolAxis::*of) {
  return shape.axes[0].*of * shape.axes[1].*of * shape.axes[2].*of;
}

std::string name(const PoolShape& shape, const PoolOptions& options) {
  std::string text = "kind " + std::to_string(static_cast<int>(options.kind)) + " padding " +
                     std::to_string(options.countsPadding) + " p " + std::to_string(options.power) + " planes " +
                     std::to_string(shape.planes);
  for (const PoolAxis& axis : shape.axes)
    text += ", " + std::to_string(axis.input) + " kernel " + std::to_string(axis.kernel) + " stride " +
            std::to_string(axis.stride) + " dilation " + std::to_string(axis.dilation) + " pads " +
            std::to_string(axis.padBegin) + "+" + std::to_string(axis.padEnd) + " to " + std::to_string(axis.output);
  return text;
}

// Fills in how many places the window has.
PoolShape shapeOf(size_t planes, const std::vector<PoolAxis>& axes, bool ceil = false) {
  PoolShape shape{.planes = planes, .axes = {}};
  for (size_t i = 0; i < axes.size(); i++) {
    PoolAxis& axis = shape.axes[3 - axes.size() + i];
    axis = axes[i];
    const size_t window = (axis.kernel - 1) * axis.dilation + 1, span = axis.input + axis.padBegin + axis.padEnd;
    axis.output = span < window ? 0 : (span - window + (ceil ? axis.stride - 1 : 0)) / axis.stride + 1;
  }
  return shape;
}

const PoolShape shapes[] = {
    shapeOf(3, {{.input = 8, .kernel = 2, .stride = 2}, {.input = 40, .kernel = 2, .stride = 2}}),
    shapeOf(2, {{.input = 7, .kernel = 3, .stride = 2, .padBegin = 1, .padEnd = 1},
                {.input = 67, .kernel = 3, .stride = 2, .padBegin = 1, .padEnd = 1}}),
    shapeOf(2, {{.input = 7, .kernel = 3, .padBegin = 1}, {.input = 35, .kernel = 5, .padBegin = 2, .padEnd = 1}}),
    shapeOf(2, {{.input = 9, .kernel = 2, .dilation = 3, .padBegin = 1}, {.input = 33, .kernel = 3, .dilation = 4}}),
    shapeOf(2, {{.input = 5, .kernel = 3, .stride = 3}, {.input = 50, .kernel = 4, .stride = 3, .padBegin = 3}}),
    shapeOf(2, {{.input = 6, .kernel = 3, .stride = 2}, {.input = 18, .kernel = 3, .stride = 2}}, true),
    shapeOf(3, {{.input = 4, .kernel = 2}, {.input = 37, .kernel = 37}}),
    shapeOf(3, {{.input = 4, .kernel = 2}, {.input = 7, .kernel = 12, .padBegin = 2, .padEnd = 3}}),
    shapeOf(2, {{.input = 100, .kernel = 7, .stride = 5, .padBegin = 3, .padEnd = 3}}),
    shapeOf(2, {{.input = 5, .kernel = 2},
                {.input = 6, .kernel = 3, .stride = 2, .padBegin = 1},
                {.input = 19, .kernel = 2, .stride = 2, .padEnd = 1}}),
    shapeOf(2, {{.input = 3, .kernel = 3}, {.input = 5, .kernel = 5}, {.input = 11, .kernel = 11}}),
    shapeOf(1, {{.input = 400, .kernel = 3, .stride = 2}, {.input = 401, .kernel = 3, .stride = 2}}),
    shapeOf(2, {{.input = 2, .kernel = 3}, {.input = 9, .kernel = 3}}),
    shapeOf(0, {{.input = 3, .kernel = 3}, {.input = 9, .kernel = 3}}),
    PoolShape::global(70, 49),
    PoolShape::global(3, 1),
    PoolShape::global(2, 20007),
};

const PoolOptions options[] = {{.kind = PoolKind::max},
                               {.kind = PoolKind::average},
                               {.kind = PoolKind::average, .countsPadding = true},
                               {.kind = PoolKind::lp, .power = 1},
                               {.kind = PoolKind::lp, .power = 2},
                               {.kind = PoolKind::lp, .power = 3}};

class Pool : public Levels {};

TEST_P(Pool, AgreesWithTheReference) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const PoolShape& shape : shapes) {
    // One float more, so that none of the vectors is aligned.
    std::vector<float> x(shape.planes * product(shape, &PoolAxis::input) + 1);
    for (float& value : x) value = uniform(random);
    const size_t count = shape.planes * product(shape, &PoolAxis::output);
    for (const PoolOptions& option : options) {
      const auto compute = [&](const std::string& level, unsigned threads) {
        EXPECT_TRUE(setLevel(level));
        std::vector<float> y(count, 7);
        EXPECT_TRUE(pool(Execution{.threads = threads}, shape, option, x.data() + 1, y.data()).ok());
        return y;
      };
      const std::vector<float> wanted = compute("reference", 1), got = compute(GetParam(), 1);
      const auto terms = static_cast<float>(product(shape, &PoolAxis::kernel));
      for (size_t i = 0; i < count; i++) {
        // Sums of up to a window's magnitudes, divided or rooted afterwards; a window that has nothing is NaN or −∞.
        const float tolerance = option.kind == PoolKind::max       ? 0
                                : option.kind == PoolKind::average ? terms * 0x1p-24f
                                                                   : terms * 0x1p-23f * std::fabs(wanted[i]);
        if (std::isfinite(wanted[i]))
          ASSERT_NEAR(got[i], wanted[i], tolerance) << name(shape, option) << " at " << i;
        else
          ASSERT_EQ(std::isnan(got[i]), std::isnan(wanted[i])) << name(shape, option) << " at " << i;
      }
      for (unsigned threads = 2; threads <= 3; threads++) {
        const std::vector<float> again = compute(GetParam(), threads);
        ASSERT_TRUE(count == 0 || std::memcmp(again.data(), got.data(), count * 4) == 0) << name(shape, option);
      }
    }
  }
}

TEST_P(Pool, TakesHardFloats) {
  for (const PoolShape& shape : shapes) {
    const HardFloats x(shape.planes * product(shape, &PoolAxis::input));
    const size_t count = shape.planes * product(shape, &PoolAxis::output);
    const auto compute = [&](const std::string& level) {
      EXPECT_TRUE(setLevel(level));
      std::vector<float> y(count);
      EXPECT_TRUE(pool(Execution{}, shape, {}, x.data(), y.data()).ok());
      return y;
    };
    const std::vector<float> wanted = compute("reference"), got = compute(GetParam());
    for (size_t i = 0; i < count; i++)
      ASSERT_TRUE(got[i] == wanted[i] || (std::isnan(got[i]) && std::isnan(wanted[i])))
          << name(shape, {}) << " at " << i << ": " << got[i] << ", not " << wanted[i];
  }
}

TEST_P(Pool, IndicesPointAtTheLargest) {
  ASSERT_TRUE(setLevel(GetParam()));
  for (const PoolShape& shape : shapes) {
    const HardFloats x(shape.planes * product(shape, &PoolAxis::input));
    const size_t count = shape.planes * product(shape, &PoolAxis::output);
    std::vector<float> y(count), largest(count);
    std::vector<int64_t> indices(count), turned(count);
    ASSERT_TRUE(pool(Execution{}, shape, {}, x.data(), largest.data()).ok());
    ASSERT_TRUE(maxPool<float>(Execution{}, shape, false, x.data(), y.data(), indices.data()).ok());
    ASSERT_TRUE(maxPool<float>(Execution{}, shape, true, x.data(), y.data(), turned.data()).ok());
    const auto height = static_cast<int64_t>(shape.axes[1].input), width = static_cast<int64_t>(shape.axes[2].input);
    for (size_t i = 0; i < count; i++) {
      ASSERT_TRUE(y[i] == largest[i] || (std::isnan(y[i]) && std::isnan(largest[i]))) << name(shape, {}) << " at " << i;
      if (indices[i] < 0) continue;
      const float there = x.data()[indices[i]];
      ASSERT_TRUE(there == y[i] || (std::isnan(there) && std::isnan(y[i]))) << name(shape, {}) << " at " << i;
      const int64_t plane = indices[i] / (height * width) * height * width, row = indices[i] % (height * width) / width;
      ASSERT_EQ(turned[i], plane + indices[i] % width * height + row) << name(shape, {}) << " at " << i;
    }
  }
}

TEST_P(Pool, CountsWhatAWindowHas) {
  ASSERT_TRUE(setLevel(GetParam()));
  // Places at −1, 1, 3: the last one reaches beyond the padding and counts two elements with it, one without.
  const PoolShape shape = shapeOf(1, {{.input = 4, .kernel = 3, .stride = 2, .padBegin = 1, .padEnd = 1}}, true);
  ASSERT_EQ(shape.axes[2].output, 3u);
  const float x[] = {1, 2, 3, 4};
  float y[3];
  ASSERT_TRUE(pool(Execution{}, shape, {.kind = PoolKind::average}, x, y).ok());
  EXPECT_FLOAT_EQ(y[0], 1.5f);
  EXPECT_FLOAT_EQ(y[1], 3);
  EXPECT_FLOAT_EQ(y[2], 4);
  ASSERT_TRUE(pool(Execution{}, shape, {.kind = PoolKind::average, .countsPadding = true}, x, y).ok());
  EXPECT_FLOAT_EQ(y[0], 1);
  EXPECT_FLOAT_EQ(y[1], 3);
  EXPECT_FLOAT_EQ(y[2], 2);
}

INSTANTIATE_TEST_SUITE_P(Levels, Pool, testing::ValuesIn(levelsBesideReference()),
                         [](const auto& level) { return level.param; });

}  // namespace
}  // namespace pare
