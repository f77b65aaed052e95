// Sums to floats and bytes, and arithmetic of bytes, at every level against the reference.
#include <random>

#include "levels.h"

namespace pare {
namespace {

struct Case {
  size_t rows, columns;
  bool perRow, hasOffsets;
};
const Case cases[] = {{0, 0, false, false}, {1, 1, false, true},  {3, 15, true, true},   {2, 16, false, false},
                      {5, 17, false, true}, {4, 67, true, false}, {3, 200, false, true}, {2, 33, true, true}};

// Sums that reach from far outside of any grid to ties on it.
struct Block {
  std::vector<int32_t> sums, offsets;
  std::vector<float> scales, bias;
  SumBlock block;

  explicit Block(const Case& of) {
    std::mt19937 random(7);
    const size_t stride = of.columns + 3, factors = std::max(of.rows, of.columns) + 1;
    sums.resize(of.rows * stride + 1);
    for (size_t i = 0; i < sums.size(); i++)
      sums[i] = i % 7 == 0 ? static_cast<int32_t>(random()) : static_cast<int32_t>(random() % 2001) - 1000;
    for (size_t i = 0; i < factors; i++) {
      offsets.push_back(i % 11 == 0 ? INT32_MAX : static_cast<int32_t>(random() % 101) - 50);
      scales.push_back(i % 5 == 0 ? 0.5f : static_cast<float>(random() % 1000) / 700.0f);
      bias.push_back(static_cast<float>(random() % 1000) / 300.0f - 1.0f);
    }
    block = {.sums = sums.data(),
             .stride = stride,
             .rows = of.rows,
             .columns = of.columns,
             .perRow = of.perRow,
             .offsets = of.hasOffsets ? offsets.data() : nullptr,
             .scales = scales.data()};
  }
};

using Requantize = Levels;

TEST_P(Requantize, EqualsTheReference) {
  for (const Case& of : cases) {
    const Block input(of);
    const auto compute = [&] {
      const RequantizeKernels& table = *kernels().requantize;
      std::vector<float> floats(of.rows * (of.columns + 1) + 1, 9.0f);
      std::vector<uint8_t> bytes(of.rows * (of.columns + 1) + 1, 9), all;
      for (const UnalignedFloat* bias :
           {static_cast<const UnalignedFloat*>(nullptr), static_cast<const UnalignedFloat*>(input.bias.data())}) {
        table.toFloats(input.block, bias, floats.data(), of.columns + 1);
        append(all, floats.data(), floats.size() * sizeof(float));
      }
      for (const ByteGrid grid : {ByteGrid{0, 255, 3}, ByteGrid{-128, 127, -128}, ByteGrid{0, 255, 255}}) {
        table.toBytes(input.block, grid, bytes.data(), of.columns + 1);
        append(all, bytes.data(), bytes.size());
      }
      return all;
    };
    expectReferenceBytes(GetParam(), compute, std::to_string(of.rows) + " × " + std::to_string(of.columns));
  }
}

TEST_P(Requantize, FloatsMayTakeTheSumsOwnMemory) {
  const Block input({3, 50, false, true});
  std::vector<float> apart(3 * 53);
  kernels().requantize->toFloats(input.block, nullptr, apart.data(), 53);
  std::vector<int32_t> sums = input.sums;
  SumBlock block = input.block;
  block.sums = sums.data();
  kernels().requantize->toFloats(block, nullptr, reinterpret_cast<UnalignedFloat*>(sums.data()), 53);
  for (size_t i = 0; i < 3; i++) ASSERT_EQ(std::memcmp(sums.data() + i * 53, apart.data() + i * 53, 200), 0);
}

// A step apart is allowed where the level rounds a product and a sum each, and the reference rounds them together.
void expectNear(const std::vector<uint8_t>& got, const std::vector<uint8_t>& wanted, bool isSigned) {
  ASSERT_EQ(got.size(), wanted.size());
  size_t apart = 0;
  for (size_t i = 0; i < got.size(); i++) {
    const auto valueOf = [&](uint8_t byte) { return isSigned ? static_cast<int8_t>(byte) : int{byte}; };
    ASSERT_LE(std::abs(valueOf(got[i]) - valueOf(wanted[i])), 1) << "at " << i;
    apart += got[i] != wanted[i];
  }
  ASSERT_LE(apart, got.size() / 100 + 1);
}

TEST_P(Requantize, BytesAddAndMultiplyAsTheReference) {
  std::mt19937 random(5);
  for (const size_t count : {size_t{0}, size_t{1}, size_t{31}, size_t{64}, size_t{1000}})
    for (const bool isSigned : {false, true})
      for (const size_t steps : {0u, 1u, 2u, 3u}) {
        std::vector<uint8_t> a(count + 1), b(count + 1);
        for (size_t i = 0; i <= count; i++) {
          a[i] = static_cast<uint8_t>(random());
          b[i] = static_cast<uint8_t>(random());
        }
        const auto compute = [&](const std::string& level) {
          EXPECT_TRUE(setLevel(level));
          const ByteArithmeticKernels& table = *kernels().byteArithmetic;
          std::vector<uint8_t> y(3 * count);
          table.add(a.data(), steps % 2, b.data(), steps / 2, count, isSigned, {0.37f, 0.81f, -20.0f}, y.data());
          table.multiply(a.data(), steps % 2, b.data(), steps / 2, count, isSigned, {3, -4, 0.013f, 17.0f},
                         y.data() + count);
          return y;
        };
        const std::vector<uint8_t> wanted = compute("reference");
        expectNear(compute(GetParam()), wanted, isSigned);
      }
}

TEST_P(Requantize, BytesAccumulateAsTheReference) {
  std::mt19937 random(6);
  std::vector<uint8_t> x(4000);
  for (uint8_t& byte : x) byte = static_cast<uint8_t>(random());
  for (const size_t step : {1u, 2u, 3u})
    for (const bool isSigned : {false, true}) {
      const auto compute = [&] {
        std::vector<int32_t> sums(1001, 5);
        kernels().byteArithmetic->accumulate(x.data() + 1, step, 1000, isSigned, 100, -77, sums.data());
        std::vector<uint8_t> bytes;
        append(bytes, sums.data(), sums.size() * sizeof(int32_t));
        return bytes;
      };
      expectReferenceBytes(GetParam(), compute, "step " + std::to_string(step));
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, Requantize, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
