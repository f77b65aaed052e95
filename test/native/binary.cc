// Functions of two float32 and broadcasting, at every level against a plain walk over the elements.
#include <algorithm>

#include "engine/elementwise.h"
#include "levels.h"

namespace pare {
namespace {

using Dims = std::vector<int64_t>;

size_t countOf(const Dims& dims) {
  size_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
  return count;
}

Dims broadcastDims(const std::vector<Dims>& shapes) {
  Dims result;
  for (const Dims& dims : shapes)
    if (dims.size() > result.size()) result.resize(dims.size(), 1);
  for (size_t back = 1; back <= result.size(); back++)
    for (const Dims& dims : shapes)
      if (back <= dims.size() && dims[dims.size() - back] != 1) result[result.size() - back] = dims[dims.size() - back];
  return result;
}

// Where an element of the result comes from in a tensor of `dims`.
size_t positionIn(const Dims& dims, const Dims& result, size_t index) {
  size_t position = 0, stride = 1;
  for (size_t back = 1; back <= result.size(); back++) {
    const auto size = static_cast<size_t>(result[result.size() - back]);
    if (back <= dims.size()) {
      const auto own = static_cast<size_t>(dims[dims.size() - back]);
      if (own != 1) position += index % size * stride;
      stride *= own;
    }
    index /= size;
  }
  return position;
}

bool isSame(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

const std::vector<std::vector<Dims>> pairs = {
    {{}, {}},
    {{1}, {}},
    {{7}, {7}},
    {{40001}, {40001}},
    {{40001}, {1}},
    {{}, {40001}},
    {{3, 5}, {5}},
    {{3, 5}, {3, 1}},
    {{3, 1}, {1, 5}},
    {{2, 3, 4, 5}, {3, 1, 5}},
    {{3, 1, 5}, {2, 3, 4, 5}},
    {{2, 1, 4, 1}, {1, 3, 1, 5}},
    {{4, 12, 9, 9}, {4, 1, 1, 9}},
    {{2, 64, 7, 7}, {64, 1, 1}},
    {{2, 64, 7, 7}, {2, 64, 1, 1}},
    {{0, 3}, {3}},
    {{2, 0}, {1}},
    {{1, 1, 1}, {1, 1}},
    // Short rows, which are spread.
    {{100, 100, 3}, {3}},
    {{3}, {100, 100, 3}},
    {{50, 70, 3, 5}, {3, 1}},
    {{50, 70, 3, 5}, {70, 3, 1}},
    {{20000, 4}, {1, 4}},
    {{5001, 1}, {1, 7}},
    {{9001, 3}, {9001, 1}},
    {{33, 2, 2, 2, 2, 2, 2, 2}, {2, 1, 2, 1, 2, 1, 2}},
};

using Binaries = Levels;

TEST_P(Binaries, BroadcastAsThePlainWalk) {
  const KernelTable& reference = *findKernels("reference");
  for (const auto& shapes : pairs) {
    const Dims dims = broadcastDims(shapes);
    const size_t count = countOf(dims);
    const HardFloats a(countOf(shapes[0]), 3), b(countOf(shapes[1]), 4);
    for (size_t f = 0; f < binaryCount; f++) {
      const auto function = static_cast<Binary>(f);
      std::vector<float> got(count + 1, 42);
      const Execution execution{.kernels = *findKernels(GetParam()), .threads = 2};
      ASSERT_TRUE(mapBinary(execution, function, a.data(), shapes[0], b.data(), shapes[1], got.data()).ok());
      EXPECT_EQ(got[count], 42);
      for (size_t i = 0; i < count; i++) {
        const float x = a.data()[positionIn(shapes[0], dims, i)], y = b.data()[positionIn(shapes[1], dims, i)];
        float wanted;
        reference.binary->forms[f].arrays(&x, &y, &wanted, 1);
        const bool isClose =
            function == Binary::pow && std::fabs(got[i] - wanted) <= std::fabs(wanted) * 0x1p-23f + 0x1p-149f;
        ASSERT_TRUE(isSame(got[i], wanted) || isClose)
            << "function " << f << "(" << x << ", " << y << ") is " << got[i] << ", wanted " << wanted << " at " << i
            << " of " << count << " on " << GetParam();
      }
    }
  }
}

TEST_P(Binaries, KeepArraysThatAreTheResult) {
  for (const auto& shapes : pairs) {
    const Dims dims = broadcastDims(shapes);
    const size_t count = countOf(dims);
    for (const size_t which : {0, 1}) {
      if (countOf(shapes[which]) != count) continue;
      const HardFloats a(countOf(shapes[0]), 3), b(countOf(shapes[1]), 4);
      const Execution execution{.kernels = *findKernels(GetParam()), .threads = 2};
      std::vector<float> wanted(count), inPlace(count);
      ASSERT_TRUE(mapBinary(execution, Binary::sub, a.data(), shapes[0], b.data(), shapes[1], wanted.data()).ok());
      std::copy_n(which ? b.data() : a.data(), count, inPlace.data());
      const UnalignedFloat* x = which ? a.data() : inPlace.data();
      const UnalignedFloat* y = which ? inPlace.data() : b.data();
      ASSERT_TRUE(mapBinary(execution, Binary::sub, x, shapes[0], y, shapes[1], inPlace.data()).ok());
      for (size_t i = 0; i < count; i++) ASSERT_TRUE(isSame(inPlace[i], wanted[i]));
    }
  }
}

TEST_P(Binaries, RaiseToPowers) {
  const HardFloats x(3001, 9);
  for (const float exponent : {0.0f, -0.0f, 1.0f, 2.0f, 3.0f, 0.5f, -1.0f, -0.5f, 2.2f, 10.0f, -INFINITY}) {
    std::vector<float> got(x.count()), wanted(x.count());
    findKernels(GetParam())->binary->forms[size_t(Binary::pow)].numberRight(x.data(), &exponent, got.data(), x.count());
    findKernels("reference")
        ->binary->forms[size_t(Binary::pow)]
        .numberRight(x.data(), &exponent, wanted.data(), x.count());
    for (size_t i = 0; i < x.count(); i++)
      ASSERT_TRUE(isSame(got[i], wanted[i]) ||
                  std::fabs(got[i] - wanted[i]) <= std::fabs(wanted[i]) * 0x1p-22f + 0x1p-148f)
          << x.data()[i] << " to " << exponent << " is " << got[i] << ", wanted " << wanted[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Binaries, testing::ValuesIn(levelsBesideReference()));

// Three inputs of different element sizes, as Where has them.
TEST(Broadcast, WalksInputsOfAnySizes) {
  const std::vector<std::vector<Dims>> triples = {
      {{4, 1}, {5}, {4, 5}},
      {{3, 4, 5}, {}, {5}},
      {{1}, {300, 200}, {200}},
      {{100, 100, 3}, {3}, {1}},
      {{2, 3, 4}, {2, 3, 4}, {2, 3, 4}},
      {{70, 1, 5}, {1, 80, 1}, {70, 80, 5}},
      {{100, 1, 3}, {1, 100, 3}, {}},
  };
  for (const auto& shapes : triples) {
    std::vector<uint8_t> condition(countOf(shapes[0]));
    std::vector<int64_t> a(countOf(shapes[1])), b(countOf(shapes[2]));
    for (size_t i = 0; i < condition.size(); i++) condition[i] = i * 7 % 3 == 0;
    for (size_t i = 0; i < a.size(); i++) a[i] = static_cast<int64_t>(i);
    for (size_t i = 0; i < b.size(); i++) b[i] = -static_cast<int64_t>(i);
    const BroadcastWalk::Input inputs[] = {
        {condition.data(), shapes[0], 1}, {a.data(), shapes[1], 8}, {b.data(), shapes[2], 8}};
    BroadcastWalk walk;
    ASSERT_TRUE(BroadcastWalk::create(inputs, walk).ok());
    const Dims dims = broadcastDims(shapes);
    ASSERT_EQ(walk.count(), countOf(dims));
    std::vector<int64_t> got(walk.count(), 1);
    walk.forEachRow({.threads = 2}, 1000, [&](size_t start, size_t length, const BroadcastWalk::Pointers& from) {
      for (size_t i = 0; i < length; i++) {
        const uint8_t chosen = from[0][walk.isArray(0) ? i : 0];
        const size_t which = chosen ? 1 : 2;
        std::memcpy(&got[start + i], from[which] + (walk.isArray(which) ? i * 8 : 0), 8);
      }
    });
    for (size_t i = 0; i < got.size(); i++) {
      const bool chosen = condition[positionIn(shapes[0], dims, i)];
      ASSERT_EQ(got[i], chosen ? a[positionIn(shapes[1], dims, i)] : b[positionIn(shapes[2], dims, i)]) << i;
    }
  }
}

TEST(Broadcast, MergesDimensionsIntoRows) {
  const auto rowsOf = [](const Dims& a, const Dims& b) {
    const BroadcastWalk::Input inputs[] = {{nullptr, a, 4}, {nullptr, b, 4}};
    BroadcastWalk walk;
    EXPECT_TRUE(BroadcastWalk::create(inputs, walk).ok());
    size_t rows = 0;
    walk.forEachRow({.threads = 1}, SIZE_MAX / 2, [&](size_t, size_t, const BroadcastWalk::Pointers&) { rows++; });
    return rows;
  };
  EXPECT_EQ(rowsOf({2, 3, 4}, {2, 3, 4}), 1u);
  EXPECT_EQ(rowsOf({2, 3, 4}, {1}), 1u);
  EXPECT_EQ(rowsOf({2, 1, 3, 4}, {1, 3, 4}), 2u);
  EXPECT_EQ(rowsOf({2, 3, 4}, {4}), 6u);
  EXPECT_EQ(rowsOf({2, 3, 4}, {3, 1}), 6u);
  EXPECT_EQ(rowsOf({5, 8, 7, 7}, {8, 1, 1}), 40u);
  EXPECT_EQ(rowsOf({5, 8, 7, 7}, {5, 8, 1, 1}), 40u);
}

TEST(Broadcast, RefusesShapesThatDoNotFit) {
  const float value = 0;
  float out[6];
  const Status status = mapBinary({}, Binary::add, &value, Dims{2, 3}, &value, Dims{2}, out);
  EXPECT_STREQ(status.code, "PARE_SHAPE");
  EXPECT_EQ(status.message, "the shapes [2, 3], [2] do not broadcast to each other");
}

}  // namespace
}  // namespace pare
