// Quantizing and dequantizing at every level against the reference: all types, all layouts, any number of threads.
#include "engine/quantize.h"

#include "levels.h"

namespace pare {
namespace {

constexpr QuantizedType types[] = {QuantizedType::int8,   QuantizedType::uint8, QuantizedType::int16,
                                   QuantizedType::uint16, QuantizedType::int4,  QuantizedType::uint4};

struct Case {
  const char* name;
  QuantizationLayout layout;
};
const Case cases[] = {
    {"nothing", {1, 1, 0, 0}},        {"one value", {1, 1, 1, 0}},         {"a tensor", {1, 1, 70001, 0}},
    {"long runs", {1, 3, 5000, 0}},   {"short runs", {70, 5, 9, 0}},       {"columns", {300, 77, 1, 0}},
    {"few columns", {5001, 3, 1, 0}}, {"many columns", {3, 20011, 1, 0}},  {"row blocks", {50, 70, 1, 32}},
    {"one block", {50, 7, 1, 32}},    {"blocks of rows", {1, 70, 45, 16}}, {"blocks between", {3, 20, 11, 7}},
    {"an empty axis", {4, 0, 3, 0}},  {"runs in a row", {1, 41, 33, 0}},
};

using Quantize = Levels;

TEST_P(Quantize, EqualsTheReference) {
  for (const auto& [name, layout] : cases)
    for (const QuantizedType type : types)
      for (const bool symmetric : {true, false}) {
        const HardFloats x(layout.count());
        const auto compute = [&, layout = layout] {
          const Execution execution{.threads = 2};
          QuantizationParameters parameters;
          std::vector<uint8_t> q(byteLengthOf(type, x.count()) + 1), bytes;
          std::vector<float> restored(x.count());
          uint64_t nans = 0;
          QuantizationError error;
          EXPECT_TRUE(computeParameters(execution, x.data(), layout, type, symmetric, false, parameters).ok());
          EXPECT_TRUE(quantize(execution, x.data(), layout, type, parameters, q.data() + 1, &nans).ok());
          EXPECT_TRUE(dequantize(execution, q.data() + 1, layout, type, parameters, restored.data()).ok());
          EXPECT_TRUE(quantizationError(execution, x.data(), q.data() + 1, layout, type, parameters, &error).ok());
          append(bytes, parameters.scale.data(), parameters.scale.size() * 4);
          append(bytes, parameters.zeroPoint.data(), parameters.zeroPoint.size() * 4);
          append(bytes, q.data(), q.size());
          append(bytes, restored.data(), restored.size() * 4);
          append(bytes, &nans, sizeof nans);
          append(bytes, &error.maxError, sizeof error.maxError);
          append(bytes, &error.count, sizeof error.count);
          return bytes;
        };
        expectReferenceBytes(GetParam(), compute, name);
      }
}

// Quotients next to ties, for which a division by way of the reciprocal must round exactly as a division does.
TEST_P(Quantize, RoundsQuotientsNextToTiesAsTheReference) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> significand(1, 2);
  for (int round = 0; round < 300; round++) {
    const int exponent = static_cast<int>(random() % 240) - 120;
    const float scale = std::ldexp(significand(random), exponent);
    std::vector<float> x;
    for (int step = -300; step <= 300; step++) {
      float tie = (static_cast<float>(step) + 0.5f) * scale;
      for (int i = 0; i < 2; i++) tie = std::nextafter(tie, -std::numeric_limits<float>::infinity());
      for (int i = 0; i < 5; i++, tie = std::nextafter(tie, std::numeric_limits<float>::infinity())) x.push_back(tie);
    }
    const QuantizationLayout layout{.inner = x.size()};
    const QuantizationParameters parameters{{scale}, {0}};
    const auto compute = [&] {
      std::vector<uint8_t> q(x.size() * 2);
      uint64_t nans = 0;
      EXPECT_TRUE(
          quantize(Execution{.threads = 1}, x.data(), layout, QuantizedType::int16, parameters, q.data(), &nans).ok());
      return q;
    };
    expectReferenceBytes(GetParam(), compute, "scale " + std::to_string(scale));
  }
}

TEST(QuantizeIntegers, ComeBackAsTheyWerePacked) {
  for (const QuantizedType type : types) {
    const bool isSigned = type == QuantizedType::int8 || type == QuantizedType::int16 || type == QuantizedType::int4;
    const std::vector<int32_t> values = isSigned ? std::vector{-8, 7, -1, 0, 3} : std::vector{0, 15, 8, 7, 3};
    std::vector<uint8_t> bytes(byteLengthOf(type, values.size()));
    packIntegers(type, values.data(), bytes.data(), values.size());
    std::vector<int32_t> back(values.size());
    unpackIntegers(type, bytes.data(), back.data(), back.size());
    EXPECT_EQ(back, values);
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Quantize, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
