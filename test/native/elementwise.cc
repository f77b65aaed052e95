// Half precision, comparing and transposing at every level against the reference.
#include "engine/compare.h"
#include "engine/float16.h"
#include "engine/transpose.h"
#include "levels.h"

namespace pare {
namespace {

using Elementwise = Levels;

TEST_P(Elementwise, ConvertsToHalfAndBackAsTheReference) {
  for (const size_t count : oddCounts)
    for (const HalfFormat format : {HalfFormat::float16, HalfFormat::bfloat16}) {
      const HardFloats x(count);
      expectReferenceBytes(
          GetParam(),
          [&] {
            const Execution execution{.threads = 2};
            std::vector<uint8_t> halves(count * 2 + 1), bytes;
            std::vector<float> back(count);
            auto* stored = reinterpret_cast<UnalignedUint16*>(halves.data() + 1);
            toHalf(execution, format, x.data(), stored, count);
            fromHalf(execution, format, stored, back.data(), count);
            append(bytes, halves.data(), halves.size());
            append(bytes, back.data(), count * 4);
            return bytes;
          },
          "half precision");
    }
}

TEST_P(Elementwise, ClampsAsTheReference) {
  for (const size_t count : oddCounts) {
    const HardFloats x(count);
    expectReferenceBytes(
        GetParam(),
        [&] {
          std::vector<float> out(count);
          const uint64_t moved = clampForFloat16(Execution{.threads = 2}, x.data(), out.data(), count, 1e-7f, 1e4f);
          std::vector<uint8_t> bytes;
          append(bytes, out.data(), count * 4);
          append(bytes, &moved, sizeof moved);
          return bytes;
        },
        "clamping");
  }
}

TEST_P(Elementwise, ComparesAsTheReference) {
  for (const size_t count : oddCounts) {
    const HardFloats a(count, 1), b(count, 2);
    // The largest values would hide all others in a sum of squares, and an infinity beside another value all sums.
    std::vector<float> x(count), y(count);
    for (size_t i = 0; i < count; i++) {
      const float value = a.data()[i], other = b.data()[i];
      x[i] = std::isfinite(value) && std::fabs(value) > 1e5f ? 1.0f : value;
      y[i] = i % 3 || std::isinf(value) || std::fabs(other) > 1e5f ? x[i] : other;
    }
    Comparison wanted, got, alone;
    ASSERT_TRUE(setLevel("reference"));
    ASSERT_TRUE(compare(Execution{.threads = 1}, x.data(), y.data(), count, &wanted).ok());
    ASSERT_TRUE(setLevel(GetParam()));
    ASSERT_TRUE(compare(Execution{.threads = 2}, x.data(), y.data(), count, &got).ok());
    ASSERT_TRUE(compare(Execution{.threads = 1}, x.data(), y.data(), count, &alone).ok());
    EXPECT_EQ(got.count, wanted.count);
    EXPECT_EQ(got.nanCount, wanted.nanCount);
    EXPECT_EQ(got.maxError, wanted.maxError);
    EXPECT_EQ(got.dot, alone.dot);
    // Each sum is off by at most its number of additions, each half a last place.
    const double bound = 1e-12 * static_cast<double>(count + 1);
    EXPECT_NEAR(got.sumError, wanted.sumError, bound * (wanted.sumError + 1));
    EXPECT_NEAR(got.sumSquareA, wanted.sumSquareA, bound * (wanted.sumSquareA + 1));
    EXPECT_NEAR(got.sumSquareB, wanted.sumSquareB, bound * (wanted.sumSquareB + 1));
    EXPECT_NEAR(got.sumSquareError, wanted.sumSquareError, bound * (wanted.sumSquareError + 1));
    EXPECT_NEAR(got.dot, wanted.dot, bound * (wanted.sumSquareA + wanted.sumSquareB + 1));
  }
}

TEST_P(Elementwise, TransposesAsTheReference) {
  struct Size {
    size_t rows, columns;
  };
  for (const auto& [rows, columns] :
       {Size{0, 5}, {1, 1}, {1, 100}, {100, 1}, {64, 64}, {65, 130}, {257, 63}, {129, 64}})
    for (const size_t elementSize : {1, 2, 4, 8}) {
      std::vector<uint8_t> in(rows * columns * elementSize + 1);
      for (size_t i = 0; i < in.size(); i++) in[i] = static_cast<uint8_t>(i * 131 + i / 256);
      expectReferenceBytes(
          GetParam(),
          [&, rows = rows, columns = columns] {
            std::vector<uint8_t> out(in.size());
            EXPECT_TRUE(
                transpose(Execution{.threads = 2}, in.data() + 1, out.data() + 1, elementSize, rows, columns).ok());
            return out;
          },
          std::to_string(rows) + " × " + std::to_string(columns));
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, Elementwise, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
