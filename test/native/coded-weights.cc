// Products by packed weights at every level: the codes' own kernel and panels of floats, against plain loops.
#include "engine/coded-weights.h"

#include <random>

#include "kernels/four-bit.h"
#include "levels.h"

namespace pare {
namespace {

struct Case {
  size_t m, k, n, blockSize;
  bool isPacked;  // as MatMulNBits has it: columns filled up to whole blocks
};
const Case cases[] = {{1, 64, 3, 16, true},   {2, 40, 7, 16, true},   {3, 33, 5, 32, true},     {5, 300, 70, 64, true},
                      {1, 256, 9, 256, true}, {17, 77, 65, 16, true}, {40, 515, 33, 128, true}, {4, 96, 5, 32, false},
                      {3, 50, 11, 64, false}, {33, 70, 40, 32, false}};

using CodedProduct = Levels;

TEST_P(CodedProduct, EqualsPlainLoops) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const Execution execution{.threads = 2};
  for (const Case& of : cases)
    for (const bool hasBytes : {false, true})
      for (const bool hasZeros : {false, true}) {
        if (!of.isPacked && (hasBytes || hasZeros)) continue;
        CodedWeights weights{
            .hasBytes = hasBytes, .isUpperFirst = !of.isPacked, .k = of.k, .n = of.n, .blockSize = of.blockSize};
        weights.stride = of.isPacked ? (of.k + of.blockSize - 1) / of.blockSize * of.blockSize : of.k;
        const size_t codeCount = of.n * weights.stride, blocks = (codeCount + of.blockSize - 1) / of.blockSize;
        std::vector<uint8_t> codes((hasBytes ? codeCount : (codeCount + 1) / 2) + 1);
        for (uint8_t& byte : codes) byte = static_cast<uint8_t>(random());
        std::vector<float> scales(blocks), zeroScales(blocks), a(of.m * of.k), bias(of.n), y(of.m * of.n);
        for (auto* floats : {&scales, &zeroScales, &a, &bias})
          for (float& one : *floats) one = uniform(random);
        weights.codes = codes.data() + 1;
        weights.scales = scales.data();
        weights.values = nf4Values;
        weights.zeroScales = hasZeros ? zeroScales.data() : nullptr;
        ASSERT_TRUE(setLevel(GetParam()));
        ASSERT_TRUE(multiplyCoded(execution, weights, a.data(), of.m, bias.data(), y.data()).ok());
        for (size_t i = 0; i < of.m; i++)
          for (size_t j = 0; j < of.n; j++) {
            double sum = static_cast<double>(bias[j]), size = 1;
            for (size_t u = 0; u < of.k; u++) {
              const size_t at = j * weights.stride + u, block = at / of.blockSize;
              const int shift = (at % 2 == 0) == weights.isUpperFirst ? 4 : 0;
              const double value = hasBytes ? static_cast<double>(weights.codes[at])
                                            : static_cast<double>(nf4Values[weights.codes[at / 2] >> shift & 15]);
              const double weight = value * static_cast<double>(scales[block]) -
                                    (hasZeros ? static_cast<double>(zeroScales[block]) : 0.0);
              sum += static_cast<double>(a[i * of.k + u]) * weight;
              size += std::fabs(static_cast<double>(a[i * of.k + u])) *
                      (std::fabs(value * static_cast<double>(scales[block])) + 1);
            }
            ASSERT_NEAR(static_cast<double>(y[i * of.n + j]), sum, size * 1e-6)
                << of.m << " × " << of.k << " × " << of.n << " by " << of.blockSize << " at " << i << ", " << j;
          }
      }
}

INSTANTIATE_TEST_SUITE_P(Levels, CodedProduct, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
