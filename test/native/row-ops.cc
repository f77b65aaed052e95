// Softmax and normalization at every level against the reference, which works in double precision.
#include "engine/row-ops.h"

#include "levels.h"

namespace pare {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr double lastPlace = 0x1p-24;
const size_t lengths[] = {1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 768, 1000, 5003};

// Normal values about `mean`, one byte off alignment.
class Values {
 public:
  Values(size_t count, float mean, float deviation, uint32_t seed = 1) : bytes_(count * 4 + 1), count_(count) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(mean, deviation);
    for (size_t i = 0; i < count; i++) data()[i] = normal(random);
  }
  UnalignedFloat* data() { return reinterpret_cast<UnalignedFloat*>(bytes_.data() + 1); }
  size_t count() const { return count_; }
  bool operator==(const Values& other) const { return bytes_ == other.bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  size_t count_;
};

// allowed(i, wanted) is how far element i may be off.
template <class Allowed>
void expectNear(Values& got, Values& wanted, const std::string& what, Allowed&& allowed) {
  for (size_t i = 0; i < got.count(); i++) {
    const float g = got.data()[i], w = wanted.data()[i];
    if (std::isnan(w) || std::isinf(w)) {
      ASSERT_TRUE(std::isnan(w) ? std::isnan(g) : g == w) << what << " at " << i << ": " << g << ", wanted " << w;
    } else {
      ASSERT_NEAR(g, w, allowed(i, double{w})) << what << " at " << i;
    }
  }
}

Execution on(const std::string& level, unsigned threads = 1) {
  return {.kernels = *findKernels(level), .threads = threads};
}

using RowOps = Levels;

void expectSoftmax(const std::string& level, size_t outer, size_t axis, size_t inner, bool logarithm, Values& x) {
  const size_t count = outer * axis * inner;
  const std::string what = (logarithm ? "log softmax of " : "softmax of ") + std::to_string(outer) + " × " +
                           std::to_string(axis) + " × " + std::to_string(inner) + " on " + level;
  Values wanted(count, 0, 0), got(count, 0, 0), inPlace = x, threaded(count, 0, 0);
  ASSERT_TRUE(softmax(on("reference"), x.data(), wanted.data(), outer, axis, inner, logarithm).ok());
  ASSERT_TRUE(softmax(on(level), x.data(), got.data(), outer, axis, inner, logarithm).ok());
  ASSERT_TRUE(softmax(on(level), inPlace.data(), inPlace.data(), outer, axis, inner, logarithm).ok());
  ASSERT_TRUE(softmax(on(level, 3), x.data(), threaded.data(), outer, axis, inner, logarithm).ok());
  // An exponent that is off by half a last place, and its power with it; the sum's own error.
  expectNear(got, wanted, what, [&](size_t, double w) {
    return logarithm ? lastPlace * (4 + 4 * std::fabs(w))
                     : lastPlace * w * (16 + std::fabs(std::log(w + 0x1p-148))) + 0x1p-148;
  });
  // A NaN's sign is nobody's.
  const auto exactly = [](size_t, double) { return 0; };
  expectNear(inPlace, got, what + " in place", exactly);
  expectNear(threaded, got, what + " on threads", exactly);
}

TEST_P(RowOps, SoftmaxOfRowsAndColumns) {
  for (const bool logarithm : {false, true})
    for (const size_t length : lengths) {
      Values x(3 * length, 1, 8, static_cast<uint32_t>(length));
      expectSoftmax(GetParam(), 3, length, 1, logarithm, x);
      expectSoftmax(GetParam(), 1, 3, length, logarithm, x);
      expectSoftmax(GetParam(), 1, length, 3, logarithm, x);
    }
  Values x(size_t{7} * 67 * 129, 0, 30);
  expectSoftmax(GetParam(), 7, 67, 129, false, x);
  expectSoftmax(GetParam(), 67, 7, 129, true, x);
}

TEST_P(RowOps, SoftmaxOfSpecialValues) {
  for (const size_t inner : {1, 5}) {
    // Large values, +∞, NaN, −∞ beside numbers, −∞ alone.
    const size_t axis = 20;
    Values x(5 * axis * inner, 0, 1);
    for (size_t i = 0; i < axis * inner; i++) {
      x.data()[i] *= 1e30f;
      x.data()[axis * inner * 3 + i] = i / inner == 4 ? 2.0f : -infinity;
      x.data()[axis * inner * 4 + i] = -infinity;
    }
    x.data()[axis * inner + 7] = infinity;
    x.data()[axis * inner * 2 + 7] = std::nanf("");
    for (const bool logarithm : {false, true}) expectSoftmax(GetParam(), 5, axis, inner, logarithm, x);
  }
}

struct NormCase {
  bool centered, scale, bias, skip, addend, sum;
};

TEST_P(RowOps, NormalizesRows) {
  for (const float mean : {0.0f, 3.0f, 30000.0f})
    for (const size_t length : lengths)
      for (int bits = 0; bits<64; bits += length> 100 ? 5 : 1) {
        const NormCase test{!(bits & 1),     (bits & 2) != 0,  (bits & 4) != 0,
                            (bits & 8) != 0, (bits & 16) != 0, (bits & 32) != 0};
        if (mean > 100 && !test.centered) continue;
        const size_t rowCount = 6, count = rowCount * length;
        Values in(count, mean, 1, 1), skip(count, 0.5f, 1, 2), addend(length, 0, 1, 3), scale(length, 1, 0.2f, 4),
            bias(length, 0, 0.2f, 5);
        struct Results {
          Values out, sum, means, deviations;
        };
        const auto compute = [&](const std::string& level, unsigned threads, bool inPlace) {
          Results r{Values(count, 0, 0), Values(count, 0, 0), Values(rowCount, 0, 0), Values(rowCount, 0, 0)};
          if (inPlace) r.out = in;
          const LayerNormRows rows{
              .in = inPlace ? r.out.data() : in.data(),
              .rowCount = rowCount,
              .length = length,
              .centered = test.centered,
              .epsilon = 1e-3f,
              .scale = test.scale ? scale.data() : nullptr,
              .bias = test.bias ? bias.data() : nullptr,
              .skip = test.skip ? skip.data() : nullptr,
              .addend = test.addend ? addend.data() : nullptr,
              .sum = test.sum ? r.sum.data() : nullptr,
              .out = r.out.data(),
              .mean = r.means.data(),
              .inverseDeviation = r.deviations.data(),
          };
          EXPECT_TRUE(normalizeRows(on(level, threads), rows, 2).ok());
          return r;
        };
        Results wanted = compute("reference", 1, false), got = compute(GetParam(), 1, false),
                inPlace = compute(GetParam(), 3, true);
        const std::string what = "case " + std::to_string(bits) + " of length " + std::to_string(length) + " about " +
                                 std::to_string(mean) + " on " + GetParam();
        EXPECT_EQ(got.sum, wanted.sum) << what;
        EXPECT_EQ(got.out, inPlace.out) << what << ", in place and on threads";
        const auto near = [](size_t, double w) { return lastPlace * 8 * (1 + std::fabs(w)); };
        expectNear(got.out, wanted.out, what, near);
        expectNear(got.means, wanted.means, what + ", mean", near);
        expectNear(got.deviations, wanted.deviations, what + ", deviation", near);
      }
}

TEST_P(RowOps, NormalizesConstantAndSpecialRows) {
  const size_t length = 70, rowCount = 4;
  Values in(rowCount * length, 0, 1), got(rowCount * length, 0, 0);
  std::fill_n(in.data(), length, 0.1f);
  in.data()[2 * length + 3] = std::nanf("");
  in.data()[3 * length + 69] = infinity;
  for (const bool centered : {true, false}) {
    const LayerNormRows rows{
        .in = in.data(), .rowCount = rowCount, .length = length, .centered = centered, .out = got.data()};
    ASSERT_TRUE(normalizeRows(on(GetParam()), rows).ok());
    for (size_t i = 0; i < length; i++) {
      EXPECT_NEAR(got.data()[i], centered ? 0.0f : 0.1f / std::sqrt(0.01f + 1e-5f), 1e-5f);
      EXPECT_TRUE(std::isfinite(got.data()[length + i]));
      EXPECT_TRUE(std::isnan(got.data()[2 * length + i]));
      EXPECT_TRUE(centered || i == 69 ? std::isnan(got.data()[3 * length + i]) : got.data()[3 * length + i] == 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, RowOps, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
