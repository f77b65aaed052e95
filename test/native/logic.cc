// Comparisons and choices at every level against the reference.
#include "engine/convert.h"
#include "levels.h"

namespace pare {
namespace {

using Logic = Levels;

// Few different values, so that many are equal; floats with NaN and zeros of both signs.
std::vector<uint8_t> fewNumbers(size_t number, size_t count, uint32_t seed) {
  static constexpr size_t sizes[] = {4, 8, 1, 1, 2, 2, 4, 4, 8, 8, 1};
  std::vector<uint8_t> bytes(count * sizes[number] + 1);
  std::mt19937 random(seed);
  static constexpr double reals[] = {0.0, -0.0, 1.5, -2.5, INFINITY, -INFINITY, NAN};
  for (size_t i = 0; i < count; i++) {
    uint8_t* to = bytes.data() + 1 + i * sizes[number];
    const double real = reals[random() % std::size(reals)];
    const auto single = static_cast<float>(real);
    const auto whole = static_cast<int64_t>(random() % 3) - 1;
    if (number == 0)
      std::memcpy(to, &single, 4);
    else if (number == 1)
      std::memcpy(to, &real, 8);
    else
      std::memcpy(to, &whole, sizes[number]);
  }
  return bytes;
}

TEST_P(Logic, ComparesAsTheReference) {
  for (size_t number = 0; number < numberCount; number++) {
    for (const size_t count : {1, 3, 17, 70, 500}) {
      const std::vector<uint8_t> a = fewNumbers(number, count, 1), b = fewNumbers(number, count, 2);
      for (size_t relation = 0; relation < relationCount; relation++) {
        const auto compute = [&] {
          const LogicKernels::Forms& forms = kernels().logic->compare[relation][number];
          std::vector<uint8_t> out(3 * count + 1, 42);
          forms.arrays(a.data() + 1, b.data() + 1, out.data(), count);
          forms.numberRight(a.data() + 1, b.data() + 1, out.data() + count, count);
          forms.numberLeft(a.data() + 1, b.data() + 1, out.data() + 2 * count, count);
          return out;
        };
        expectReferenceBytes(GetParam(), compute,
                             "relation " + std::to_string(relation) + " of number " + std::to_string(number));
      }
    }
  }
}

TEST_P(Logic, ChoosesAsTheReference) {
  for (size_t size = 0; size < elementSizeCount; size++) {
    for (const size_t count : {0, 1, 3, 17, 70, 500}) {
      std::vector<uint8_t> condition(count), a((count + 1) << size), b(a.size());
      for (size_t i = 0; i < count; i++) condition[i] = static_cast<uint8_t>(i * 7 % 3);
      for (size_t i = 0; i < a.size(); i++) {
        a[i] = static_cast<uint8_t>(i);
        b[i] = static_cast<uint8_t>(~i * 3);
      }
      const auto compute = [&] {
        std::vector<uint8_t> all;
        for (const size_t form : {0, 1, 2, 3}) {
          std::vector<uint8_t> out((count << size) + 2, 42);
          kernels().logic->choose[size][form / 2][form % 2](condition.data(), a.data() + 1, b.data() + 1,
                                                            out.data() + 1, count);
          append(all, out.data(), out.size());
        }
        return all;
      };
      expectReferenceBytes(GetParam(), compute, "elements of " + std::to_string(1 << size) + " bytes");
    }
  }
}

TEST_P(Logic, FindsWhatIsNoNumber) {
  for (const size_t count : oddCounts) {
    const HardFloats x(count);
    const auto compute = [&] {
      std::vector<uint8_t> out(5 * count + 1, 42);
      kernels().logic->isNan(x.data(), out.data(), count);
      for (const size_t signs : {0, 1, 2, 3})
        kernels().logic->isInfinite(x.data(), out.data() + (1 + signs) * count, count, signs / 2 != 0, signs % 2 != 0);
      return out;
    };
    expectReferenceBytes(GetParam(), compute, std::to_string(count) + " elements");
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Logic, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
