// Reductions over all sets of axes at every level, against a plain walk over the elements in double precision.
#include "engine/reduce.h"

#include <map>

#include "levels.h"

namespace pare {
namespace {

using Reduce = Levels;
constexpr double infinity = std::numeric_limits<double>::infinity();

const Reduction reductions[] = {Reduction::sum,       Reduction::mean,     Reduction::max, Reduction::min,
                                Reduction::product,   Reduction::l1,       Reduction::l2,  Reduction::logSum,
                                Reduction::logSumExp, Reduction::sumSquare};

double reduceList(Reduction reduction, const std::vector<double>& values) {
  double sum = 0, product = 1, squares = 0, magnitudes = 0, powers = 0, least = infinity, most = -infinity;
  for (const double x : values) {
    sum += x;
    product *= x;
    squares += x * x;
    magnitudes += std::fabs(x);
    powers += std::exp(x);
    // Whichever is NaN stays.
    least = std::isnan(least) || x >= least ? least : x;
    most = std::isnan(most) || x <= most ? most : x;
  }
  switch (reduction) {
    case Reduction::sum:
      return sum;
    case Reduction::mean:
      return sum / static_cast<double>(values.size());
    case Reduction::max:
      return most;
    case Reduction::min:
      return least;
    case Reduction::product:
      return product;
    case Reduction::sumSquare:
      return squares;
    case Reduction::l1:
      return magnitudes;
    case Reduction::l2:
      // Squares beyond float32 are infinite, as everywhere.
      return squares > 3.4028235e38 ? infinity : std::sqrt(squares);
    case Reduction::logSum:
      return std::log(sum);
    case Reduction::logSumExp:
      return std::log(powers);
  }
  return 0;
}

// The elements that each result is made of.
std::vector<std::vector<double>> listsOf(const UnalignedFloat* in, const std::vector<int64_t>& dims,
                                         const std::vector<size_t>& axes) {
  size_t count = 1, results = 1;
  std::vector<bool> reduced(dims.size());
  for (const size_t axis : axes) reduced[axis] = true;
  for (size_t i = 0; i < dims.size(); i++) {
    const auto size = static_cast<size_t>(dims[i]);
    count *= size;
    if (!reduced[i]) results *= size;
  }
  std::vector<std::vector<double>> lists(results);
  for (size_t i = 0; i < count; i++) {
    size_t at = 0, rest = i, stride = 1;
    for (size_t axis = dims.size(); axis-- > 0;) {
      const auto size = static_cast<size_t>(dims[axis]);
      if (!reduced[axis]) {
        at += rest % size * stride;
        stride *= size;
      }
      rest /= size;
    }
    lists[at].push_back(in[i]);
  }
  return lists;
}

void expectReductions(const std::string& level, const std::vector<int64_t>& dims, const UnalignedFloat* in) {
  for (uint32_t set = 0; set < 1u << dims.size(); set++) {
    std::vector<size_t> axes;
    for (size_t axis = 0; axis < dims.size(); axis++)
      if (set >> axis & 1) axes.push_back(axis);
    const auto lists = listsOf(in, dims, axes);
    for (const Reduction reduction : reductions) {
      std::vector<float> got(lists.size() + 1, 42), threaded(lists.size());
      const KernelTable& kernels = *findKernels(level);
      ASSERT_TRUE(reduce({.kernels = kernels, .threads = 1}, reduction, in, dims, axes, got.data()).ok());
      ASSERT_TRUE(reduce({.kernels = kernels, .threads = 3}, reduction, in, dims, axes, threaded.data()).ok());
      EXPECT_EQ(got.back(), 42);
      for (size_t i = 0; i < lists.size(); i++) {
        const double wanted = reduceList(reduction, lists[i]);
        const std::string what = "reduction " + std::to_string(static_cast<int>(reduction)) + " of axes " +
                                 std::to_string(set) + " on " + level + ", result " + std::to_string(i);
        if (std::isnan(wanted)) {
          ASSERT_TRUE(std::isnan(got[i])) << what << " is " << got[i];
          continue;
        }
        ASSERT_EQ(got[i], threaded[i]) << what;
        if (static_cast<float>(wanted) == got[i]) continue;
        // 32 additions of half a last place each, a few roundings more where partial results are float32.
        double magnitude = std::fabs(wanted);
        if (reduction == Reduction::sum || reduction == Reduction::mean) {
          magnitude = 0;
          for (const double x : lists[i]) magnitude += std::fabs(x);
          if (reduction == Reduction::mean) magnitude /= static_cast<double>(lists[i].size());
        }
        if (reduction == Reduction::logSum || reduction == Reduction::logSumExp) magnitude += 1;
        ASSERT_NEAR(got[i], wanted, 0x1p-19 * magnitude + 0x1p-149) << what;
      }
    }
  }
}

std::vector<float> positive(size_t count) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(0.5f, 1.5f);
  std::vector<float> values(count + 1);
  for (float& value : values) value = uniform(random);
  return values;
}

TEST_P(Reduce, AnyAxes) {
  const std::vector<std::vector<int64_t>> shapes = {{},         {1},          {7},       {3, 5, 4, 17}, {2, 1, 3},
                                                    {5, 70, 2}, {1, 300, 33}, {130, 9},  {17, 129},     {2, 3, 2, 3, 2},
                                                    {0, 3, 4},  {3, 0},       {3, 1000}, {4, 67, 65}};
  for (const auto& dims : shapes) {
    size_t count = 1;
    for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
    std::vector<float> values = positive(count);
    // Another sign here and there; logSum then is NaN in the same places.
    expectReductions(GetParam(), dims, values.data());
    for (size_t i = 0; i < count; i += 3) values[i] = -values[i];
    expectReductions(GetParam(), dims, values.data());
  }
}

TEST_P(Reduce, LongDimensionsInParts) {
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{1, 100001}, {3, 25003}, {25003, 3}, {2, 20001, 2}}) {
    const std::vector<float> values =
        positive(static_cast<size_t>(dims[0] * dims[1] * (dims.size() > 2 ? dims[2] : 1)));
    expectReductions(GetParam(), dims, values.data());
  }
}

TEST_P(Reduce, SpecialValues) {
  // Rows of NaN at each place, of both infinities, of denormals and of the largest values.
  const float special[] = {std::nanf(""), INFINITY, -INFINITY, 1e-45f, 3e38f, -3e38f, -0.0f};
  for (const int length : {1, 5, 17, 90, 200}) {
    std::vector<float> values = positive(static_cast<size_t>(length * length));
    for (size_t i = 0; i < static_cast<size_t>(length); i++)
      values[i * static_cast<size_t>(length) + i] = special[i % std::size(special)];
    expectReductions(GetParam(), {int64_t{length}, int64_t{length}}, values.data());
  }
}

TEST_P(Reduce, KeepsWhatLongSumsWouldLose) {
  // One after the other in float32, a million tenths are 100958.
  constexpr size_t count = 1'000'000;
  const std::vector<float> tenths(count, 0.1f);
  const std::vector<int64_t> row{count};
  const Execution execution{.kernels = *findKernels(GetParam()), .threads = 2};
  float sum = 0, mean = 0;
  ASSERT_TRUE(reduce(execution, Reduction::sum, tenths.data(), row, std::vector<size_t>{0}, &sum).ok());
  ASSERT_TRUE(reduce(execution, Reduction::mean, tenths.data(), row, std::vector<size_t>{0}, &mean).ok());
  EXPECT_NEAR(sum, 1e5f, 0.05f);
  EXPECT_NEAR(mean, 0.1f, 5e-8f);
}

TEST_P(Reduce, FindsExtremes) {
  for (const auto& [outer, axis, inner] : {std::tuple<size_t, size_t, size_t>{1, 1, 1},
                                           {3, 5, 1},
                                           {4, 16, 1},
                                           {4, 17, 1},
                                           {2, 100, 1},
                                           {5, 1000, 1},
                                           {2, 7, 3},
                                           {2, 50, 33},
                                           {1, 3, 700},
                                           {0, 3, 4}})
    for (const int kind : {0, 1, 2}) {
      std::vector<float> values(outer * axis * inner);
      for (size_t i = 0; i < values.size(); i++) {
        values[i] = static_cast<float>(i * 7919 % 11) - 5;  // many equal ones
        if (kind == 1 && i % 13 == 5) values[i] = std::nanf("");
        if (kind == 2) values[i] = i % 3 ? -INFINITY : INFINITY;
      }
      for (const bool smallest : {false, true})
        for (const bool last : {false, true}) {
          std::vector<int64_t> got(outer * inner), wanted(outer * inner);
          ASSERT_TRUE(extremeIndex({.kernels = *findKernels(GetParam()), .threads = 2}, values.data(), outer, axis,
                                   inner, smallest, last, got.data())
                          .ok());
          ASSERT_TRUE(extremeIndex({.kernels = *findKernels("reference"), .threads = 1}, values.data(), outer, axis,
                                   inner, smallest, last, wanted.data())
                          .ok());
          EXPECT_EQ(got, wanted) << outer << " × " << axis << " × " << inner << ", kind " << kind << ", smallest "
                                 << smallest << ", last " << last;
        }
    }
  int64_t index = 0;
  float value = 0;
  EXPECT_STREQ(extremeIndex({}, &value, 1, 0, 1, false, false, &index).code, "PARE_SHAPE");
}

INSTANTIATE_TEST_SUITE_P(Levels, Reduce, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
