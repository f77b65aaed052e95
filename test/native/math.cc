// Functions of one float32 at every level, in last places from the reference, which is the C library in double
// precision.
#include <algorithm>

#include "engine/elementwise.h"
#include "levels.h"

namespace pare {
namespace {

// How far a function may be off: in last places of the result, plus a fraction of |x| where the definition cancels.
struct Case {
  const char* name;
  Unary function;
  UnaryParameters parameters;
  double places;
  double ofInput = 0;
};

constexpr double lastPlace = 0x1p-24, leastFloat = 0x1p-149;
const Case cases[] = {
    {"abs", Unary::abs, {}, 0},
    {"acos", Unary::acos, {}, 2},
    {"acosh", Unary::acosh, {}, 3},
    {"asin", Unary::asin, {}, 2},
    {"asinh", Unary::asinh, {}, 3},
    {"atan", Unary::atan, {}, 2},
    {"atanh", Unary::atanh, {}, 3},
    {"ceil", Unary::ceil, {}, 0},
    {"celu", Unary::celu, {1.5f, 0}, 4},
    {"clip", Unary::clip, {-0.75f, 6}, 0},
    {"clip, empty", Unary::clip, {1, -1}, 0},
    {"cos", Unary::cos, {}, 2},
    {"cosh", Unary::cosh, {}, 3},
    {"elu", Unary::elu, {0.7f, 0}, 4},
    {"erf", Unary::erf, {}, 3},
    {"exp", Unary::exp, {}, 1.5},
    {"floor", Unary::floor, {}, 0},
    {"gelu", Unary::gelu, {}, 4, lastPlace / 4},
    {"geluTanh", Unary::geluTanh, {}, 8, lastPlace / 4},
    {"hardSigmoid", Unary::hardSigmoid, {0.2f, 0.5f}, 0},
    {"hardSwish", Unary::hardSwish, {}, 0},
    {"leakyRelu", Unary::leakyRelu, {0.01f, 0}, 0},
    {"leakyRelu, negative", Unary::leakyRelu, {-2, 0}, 0},
    {"log", Unary::log, {}, 1.5},
    {"mish", Unary::mish, {}, 5, leastFloat},
    {"neg", Unary::neg, {}, 0},
    {"quickGelu", Unary::quickGelu, {1.702f, 0}, 4, lastPlace / 4},
    {"reciprocal", Unary::reciprocal, {}, 0},
    {"relu", Unary::relu, {}, 0},
    {"round", Unary::round, {}, 0},
    {"selu", Unary::selu, {1.67326319f, 1.05070098f}, 4},
    {"shrink", Unary::shrink, {1.5f, 0.25f}, 0},
    {"sigmoid", Unary::sigmoid, {}, 2.5},
    {"sign", Unary::sign, {}, 0},
    {"silu", Unary::silu, {}, 3, leastFloat},
    {"sin", Unary::sin, {}, 2},
    {"sinh", Unary::sinh, {}, 3},
    {"softplus", Unary::softplus, {}, 2.5},
    {"softsign", Unary::softsign, {}, 0},
    {"sqrt", Unary::sqrt, {}, 0},
    {"tan", Unary::tan, {}, 2},
    {"tanh", Unary::tanh, {}, 2.5},
    {"thresholdedRelu", Unary::thresholdedRelu, {1, 0}, 0},
};

// The distance of two neighbours at `value`.
double placeOf(float value) {
  const float magnitude = std::fabs(value);
  const float next = std::nextafter(magnitude, std::numeric_limits<float>::infinity());
  if (!std::isfinite(next)) return 0x1p104;
  return static_cast<double>(next) - static_cast<double>(magnitude);
}

// Every exponent with evenly spread mantissas, both signs, and the special values; one byte off alignment.
std::vector<uint8_t> sweep(size_t count) {
  std::vector<uint8_t> bytes(count * 4 + 1);
  static constexpr float infinity = std::numeric_limits<float>::infinity();
  static constexpr float special[] = {0.0f,      -0.0f,      1e-45f,  -1e-45f,  0x1p-126f,    -0x1p-126f, 1.0f,
                                      -1.0f,     0.5f,       1.5f,    2.5f,     -3.5f,        infinity,   -infinity,
                                      88.72284f, -103.9721f, 3.4e38f, -3.4e38f, std::nanf("")};
  for (size_t i = 0; i < count; i++) {
    // A step that is coprime to 2³² visits patterns evenly.
    auto value = __builtin_bit_cast(float, static_cast<uint32_t>(i * 0x9e3779b1u));
    if (i % 2) value = std::fmod(value, 32.0f);  // most functions happen here
    if (i < std::size(special)) value = special[i];
    std::memcpy(bytes.data() + 1 + i * 4, &value, 4);
  }
  return bytes;
}

class Math : public testing::TestWithParam<std::tuple<std::string, Case>> {};

TEST_P(Math, IsWithinLastPlacesOfTheReference) {
  const auto& [level, test] = GetParam();
  const size_t count = 400003;
  const std::vector<uint8_t> bytes = sweep(count);
  const auto* x = reinterpret_cast<const UnalignedFloat*>(bytes.data() + 1);
  std::vector<float> wanted(count), got(count);
  (*findKernels("reference")->math)[test.function](x, wanted.data(), count, test.parameters);
  (*findKernels(level)->math)[test.function](x, got.data(), count, test.parameters);
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const float w = wanted[i], g = got[i];
    if (std::isnan(w) || std::isnan(g)) {
      ASSERT_EQ(std::isnan(g), std::isnan(w)) << test.name << "(" << x[i] << ") is " << g << ", wanted " << w;
      continue;
    }
    if (w == g) continue;
    // Beyond the largest float lies its own last place, and infinity one further.
    const auto finite = [](float v) { return std::isinf(v) ? std::copysign(0x1p128, static_cast<double>(v)) : v; };
    const double off = std::max(0.0, std::fabs(finite(w) - finite(g)) - test.ofInput * std::fabs(double{x[i]}));
    if (off / placeOf(w) > worst) {
      worst = off / placeOf(w);
      at = i;
    }
  }
  EXPECT_LE(worst, test.places) << test.name << "(" << std::hexfloat << x[at] << ") is " << got[at] << ", wanted "
                                << wanted[at];
}

TEST_P(Math, GivesTheSameInPlaceInPartsAndOverThreads) {
  const auto& [level, test] = GetParam();
  const MathKernels::Map map = (*findKernels(level)->math)[test.function];
  for (const size_t count : oddCounts) {
    const HardFloats x(count, 7);
    // A NaN's sign is nobody's.
    const auto expectSame = [&](const std::vector<float>& a, const std::vector<float>& b) {
      for (size_t i = 0; i < count; i++)
        ASSERT_TRUE((std::isnan(a[i]) && std::isnan(b[i])) || std::memcmp(&a[i], &b[i], 4) == 0)
            << test.name << "(" << x.data()[i] << ") at " << i << " of " << count << ": " << a[i] << ", " << b[i];
    };
    std::vector<float> whole(count + 1, 42), parts(count), pooled(count);
    map(x.data(), whole.data(), count, test.parameters);
    EXPECT_EQ(whole[count], 42) << "written past the end";
    std::copy_n(x.data(), count, parts.data());
    for (size_t begin = 0, length = 1; begin < count; begin += length, length = length % 37 + 1)
      map(parts.data() + begin, parts.data() + begin, std::min(length, count - begin), test.parameters);
    const Execution execution{.kernels = *findKernels(level), .threads = 2};
    ASSERT_TRUE(mapUnary(execution, test.function, x.data(), pooled.data(), count, test.parameters).ok());
    expectSame(whole, parts);
    expectSame(whole, pooled);
  }
}

TEST(MathCases, CoverTheTable) {
  std::vector<bool> seen(unaryCount);
  for (const Case& test : cases) seen[static_cast<size_t>(test.function)] = true;
  for (size_t i = 0; i < unaryCount; i++) EXPECT_TRUE(seen[i]) << "no case for function " << i;
}

INSTANTIATE_TEST_SUITE_P(Levels, Math,
                         testing::Combine(testing::ValuesIn(levelsBesideReference()), testing::ValuesIn(cases)));

}  // namespace
}  // namespace pare
