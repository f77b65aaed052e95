// The matrix products at every level: against a plain triple loop, and the same bits for any number of threads.
#include "engine/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "engine/matmul-integer.h"

namespace pare {
namespace {

struct Shape {
  size_t m, n, k;
};
const Shape shapes[] = {{1, 1, 1},    {1, 33, 7},    {2, 31, 5},   {3, 70, 300}, {7, 129, 20},  {14, 32, 64},
                        {15, 33, 65}, {29, 97, 515}, {64, 300, 9}, {5, 1, 77},   {61, 130, 130}};

class Matmul : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(setLevel(GetParam())); }
  static void TearDownTestSuite() { setLevel(availableLevels().back()); }
};

std::string name(const Shape& shape, bool transposeA, bool transposeB, bool packed) {
  return std::to_string(shape.m) + "×" + std::to_string(shape.n) + "×" + std::to_string(shape.k) +
         (transposeA ? " Aᵀ" : "") + (transposeB ? " Bᵀ" : "") + (packed ? " packed" : "");
}

TEST_P(Matmul, EqualsTheTripleLoop) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const Shape& shape : shapes) {
    for (int mode = 0; mode < 8; mode++) {
      const bool transposeA = mode & 1, transposeB = mode & 2, packed = mode & 4;
      const auto [m, n, k] = shape;
      std::vector<float> a(m * k), b(k * n), c(m * n, 7.f), other(m * n, 8.f);
      for (float& x : a) x = uniform(random);
      for (float& x : b) x = uniform(random);
      MatmulArguments arguments{
          .m = m, .n = n, .k = k, .transposeA = transposeA, .transposeB = transposeB, .a = a.data(), .b = b.data()};
      std::vector<uint32_t> memory(packedByteLength(kernels(), k, n) / 4);
      if (packed) {
        packMatrix(Execution{}, b.data(), k, n, transposeB, memory.data());
        arguments.packedB = memory.data();
      }
      arguments.c = c.data();
      ASSERT_TRUE(matmul(Execution{.threads = 1}, arguments).ok());
      arguments.c = other.data();
      ASSERT_TRUE(matmul(Execution{.threads = 3}, arguments).ok());
      for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
          double sum = 0, norm = 0;
          for (size_t u = 0; u < k; u++) {
            const double product = static_cast<double>(a[transposeA ? u * m + i : i * k + u]) *
                                   static_cast<double>(b[transposeB ? j * k + u : u * n + j]);
            sum += product;
            norm += std::fabs(product);
          }
          const double tolerance = static_cast<double>(k + 1) * std::ldexp(norm, -24);
          ASSERT_NEAR(c[i * n + j], sum, tolerance)
              << name(shape, transposeA, transposeB, packed) << " at " << i << ", " << j;
          ASSERT_EQ(c[i * n + j], other[i * n + j]) << name(shape, transposeA, transposeB, packed) << ", 3 threads";
        }
    }
  }
}

TEST_P(Matmul, IntegersAreExact) {
  std::mt19937 random(2);
  std::uniform_int_distribution<int> uniform(0, 255);
  for (const Shape& shape : shapes) {
    for (int mode = 0; mode < 96; mode++) {
      const bool aSigned = mode & 1, bSigned = mode & 2, aZeros = mode & 4, bZeros = mode & 8, packed = mode & 16,
                 extreme = mode / 32 == 1, rarelyExtreme = mode / 32 == 2;
      const auto [m, n, k] = shape;
      std::vector<uint8_t> a(m * k), b(k * n), aZero(m), bZero(n);
      for (uint8_t& x : a) x = static_cast<uint8_t>(extreme ? (aSigned ? 0x80 : 0xff) : uniform(random));
      for (uint8_t& x : b) x = static_cast<uint8_t>(extreme ? (bSigned ? 0x80 : 0xff) : uniform(random));
      // B as trained weights are: few neighbours are so large that sums of two products would not fit 16 bits.
      if (rarelyExtreme) {
        const int middle = bSigned ? 0 : 128;
        for (uint8_t& x : a)
          if (uniform(random) < 128) x = aSigned ? 0x7f : 0xff;
        for (uint8_t& x : b) x = static_cast<uint8_t>(middle + uniform(random) / 2 - 64);
        for (size_t i = 0; i + n < k * n; i += 1100)
          b[i] = b[i + n] = static_cast<uint8_t>(middle + (i % 200 == 0 ? 127 : -128));
      }
      for (uint8_t& x : aZero) x = static_cast<uint8_t>(uniform(random));
      for (uint8_t& x : bZero) x = static_cast<uint8_t>(uniform(random));
      std::vector<int32_t> c(m * n, 7), other(m * n, 8);
      MatmulIntegerArguments arguments{.m = m,
                                       .n = n,
                                       .k = k,
                                       .aSigned = aSigned,
                                       .bSigned = bSigned,
                                       .a = a.data(),
                                       .b = b.data(),
                                       .aZero = aZero.data(),
                                       .bZero = bZero.data(),
                                       .aZeroCount = aZeros ? m : 1,
                                       .bZeroCount = bZeros ? n : size_t{extreme ? 1u : 0u}};
      std::vector<uint32_t> memory(packedIntegerByteLength(kernels(), k, n) / 4);
      if (packed) {
        std::vector<uint8_t> turned(k * n);
        for (size_t u = 0; u < k; u++)
          for (size_t j = 0; j < n; j++) turned[j * k + u] = b[u * n + j];
        packIntegerMatrix(Execution{}, aZeros ? turned.data() : b.data(), k, n, bSigned, aZeros, memory.data());
        arguments.packedB = memory.data();
      }
      arguments.c = c.data();
      ASSERT_TRUE(matmulInteger(Execution{.threads = 1}, arguments).ok());
      arguments.c = other.data();
      ASSERT_TRUE(matmulInteger(Execution{.threads = 3}, arguments).ok());
      const auto valueOf = [](uint8_t byte, bool isSigned) {
        return isSigned ? static_cast<int32_t>(static_cast<int8_t>(byte)) : static_cast<int32_t>(byte);
      };
      for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
          const int32_t zeroA = valueOf(aZero[arguments.aZeroCount > 1 ? i : 0], aSigned);
          const int32_t zeroB = arguments.bZeroCount ? valueOf(bZero[arguments.bZeroCount > 1 ? j : 0], bSigned) : 0;
          int32_t sum = 0;
          for (size_t u = 0; u < k; u++)
            sum += (valueOf(a[i * k + u], aSigned) - zeroA) * (valueOf(b[u * n + j], bSigned) - zeroB);
          ASSERT_EQ(c[i * n + j], sum) << name(shape, false, false, packed) << " mode " << mode << " at " << i << ", "
                                       << j;
          ASSERT_EQ(other[i * n + j], sum) << name(shape, false, false, packed) << " mode " << mode << ", 3 threads";
        }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Matmul, testing::ValuesIn(availableLevels()),
                         [](const auto& level) { return level.param; });

}  // namespace
}  // namespace pare
