// Steps of optimizers at every level against the reference, odd counts, unaligned, in place and beside.
#include "kernels/update.h"

#include "levels.h"

namespace pare {
namespace {

using Updates = Levels;

float sampleOf(size_t i, float step) { return std::sin(static_cast<float>(i) * step) * (i % 7 == 3 ? 0.0f : 1.0f); }

struct Case {
  UpdateKernels::Step UpdateKernels::*step;
  bool hasFirst, hasSecond, masked, nesterov;
  float l1, l2, keep, threshold;
};

// A block of memory one byte off every alignment.
class Loose {
 public:
  Loose(size_t count, float step, bool positive = false) : bytes_(count * 4 + 1) {
    for (size_t i = 0; i < count; i++) data()[i] = positive ? std::fabs(sampleOf(i, step)) : sampleOf(i, step);
  }
  UnalignedFloat* data() { return reinterpret_cast<UnalignedFloat*>(bytes_.data() + 1); }

 private:
  std::vector<uint8_t> bytes_;
};

TEST_P(Updates, AsTheReference) {
  const KernelTable &reference = *findKernels("reference"), &level = *findKernels(GetParam().c_str());
  const Case cases[] = {
      {&UpdateKernels::sgd, false, false, false, false, 0, 0, 1, 0},
      {&UpdateKernels::sgd, true, false, true, false, 0.01f, 0.02f, 1, 0},
      {&UpdateKernels::sgd, true, false, false, true, 0, 0, 0.99f, 0.1f},
      {&UpdateKernels::adam, true, true, false, false, 0, 0, 0.9f, 0},
      {&UpdateKernels::adam, true, true, true, false, 0.1f, 0.1f, 1, 0.2f},
      {&UpdateKernels::rmsprop, true, false, false, false, 0, 0, 1, 0},
      {&UpdateKernels::rmsprop, true, true, true, false, 0, 0.3f, 1, 0},
  };
  for (const size_t count : oddCounts)
    for (const Case& one : cases)
      for (const bool inPlace : {false, true}) {
        const auto run = [&](const KernelTable& table, std::vector<float>& results) {
          Loose weights(count, 0.7f), gradient(count, 1.3f), mask(count, 2.1f), first(count, 0.3f, true),
              second(count, 0.9f, true), newWeights(count, 0), newFirst(count, 0), newSecond(count, 0);
          UpdateArguments of{};
          of.weights = weights.data();
          of.gradient = gradient.data();
          of.newWeights = inPlace ? weights.data() : newWeights.data();
          if (one.masked) of.mask = mask.data();
          if (one.hasFirst) of.first = first.data();
          if (one.hasSecond) of.second = second.data();
          of.newFirst = inPlace ? first.data() : newFirst.data();
          of.newSecond = inPlace ? second.data() : newSecond.data();
          of.rate = 0.1f;
          of.scale = 0.5f;
          of.momentum = 0.9f;
          of.nesterov = one.nesterov;
          of.beta1 = 0.9f;
          of.beta2 = 0.99f;
          of.epsilon = 1e-3f;
          of.deviationScale = 1.5f;
          of.l1 = one.l1;
          of.l2 = one.l2;
          of.keep = one.keep;
          of.threshold = one.threshold;
          const size_t middle = count / 3;
          (table.update->*one.step)(of, 0, middle);
          (table.update->*one.step)(of, middle, count);
          for (const UnalignedFloat* part : {of.newWeights, of.newFirst, of.newSecond})
            for (size_t i = 0; i < count; i++) results.push_back(float{part[i]});
        };
        std::vector<float> wanted, got;
        run(reference, wanted);
        run(level, got);
        for (size_t i = 0; i < wanted.size(); i++)
          ASSERT_NEAR(got[i], wanted[i], 1e-6f * (1 + std::fabs(wanted[i])))
              << GetParam() << ": element " << i << " of " << count;
      }
}

INSTANTIATE_TEST_SUITE_P(AllLevels, Updates, testing::ValuesIn(levelsBesideReference()));

}  // namespace
}  // namespace pare
