// Steps of optimizers over float32 weights: one pass that reads the gradient and what the optimizer remembers, and
// writes both and the weights.
//
// Operation, as PyTorch's: g = scale·gradient + l2·w + l1·sign(w); then a direction d of g and the memory, and
// w ← mask · shrink(keep·w − d), shrink(x) = sign(x)·max(|x| − threshold, 0) (proximal l1; Parikh & Boyd 2014).
//   sgd      v ← momentum·v + g;  d = rate·v, or with Nesterov rate·(g + momentum·v)
//   adam     m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; d = rate · m / (√v · deviationScale + ε)   (Kingma & Ba 2014)
//   rmsprop  v ← αv + (1 − α)g²;  u ← momentum·u + g / (√v + ε); d = rate·u
// Layout: contiguous, any alignment; each output may be its input. Floor: 12 bytes an element over the memory's
// bandwidth, and 8 more for each thing remembered.
#pragma once

#include <cstddef>

#include "kernels/unaligned.h"

namespace pare {

struct UpdateArguments {
  const UnalignedFloat *weights, *gradient;
  const UnalignedFloat* mask = nullptr;    // or null for ones
  const UnalignedFloat* first = nullptr;   // sgd: v, or null without momentum; adam: m; rmsprop: v
  const UnalignedFloat* second = nullptr;  // adam: v; rmsprop: u, or null without momentum
  UnalignedFloat *newWeights, *newFirst = nullptr, *newSecond = nullptr;
  float rate;  // adam: the learning rate over 1 − β₁^step
  float scale = 1, l1 = 0, l2 = 0, keep = 1, threshold = 0;
  float momentum = 0;  // of sgd and rmsprop
  bool nesterov = false;
  float beta1 = 0.9f, beta2 = 0.999f;         // rmsprop's α is beta2
  float epsilon = 1e-8f, deviationScale = 1;  // adam: 1 / √(1 − β₂^step)
};

struct UpdateKernels {
  using Step = void (*)(const UpdateArguments& of, size_t begin, size_t end);
  Step sgd, adam, rmsprop;
};

}  // namespace pare
