// The slow, obvious version of update.h.
#include "kernels/update.h"

#include <cmath>

namespace pare::PARE_LEVEL {
namespace {

float gradientOf(const UpdateArguments& of, size_t i) {
  const float w = of.weights[i];
  float g = of.gradient[i] * of.scale;
  if (of.l2 != 0) g += w * of.l2;
  if (of.l1 != 0) g += w > 0 ? of.l1 : w < 0 ? -of.l1 : 0.0f;
  return g;
}

void finish(const UpdateArguments& of, size_t i, float direction) {
  float next = of.weights[i] * of.keep - direction;
  if (of.threshold != 0 && !std::isnan(next))
    next = std::fabs(next) > of.threshold ? std::copysign(std::fabs(next) - of.threshold, next) : 0.0f;
  if (of.mask) next *= of.mask[i];
  of.newWeights[i] = next;
}

void sgd(const UpdateArguments& of, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) {
    const float g = gradientOf(of, i);
    float direction = g;
    if (of.first) {
      const float velocity = of.first[i] * of.momentum + g;
      of.newFirst[i] = velocity;
      direction = of.nesterov ? g + velocity * of.momentum : velocity;
    }
    finish(of, i, direction * of.rate);
  }
}

void adam(const UpdateArguments& of, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) {
    const float g = gradientOf(of, i);
    const float mean = of.first[i] * of.beta1 + g * (1 - of.beta1);
    const float square = of.second[i] * of.beta2 + g * g * (1 - of.beta2);
    of.newFirst[i] = mean;
    of.newSecond[i] = square;
    finish(of, i, mean * of.rate / (std::sqrt(square) * of.deviationScale + of.epsilon));
  }
}

void rmsprop(const UpdateArguments& of, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++) {
    const float g = gradientOf(of, i);
    const float square = of.first[i] * of.beta2 + g * g * (1 - of.beta2);
    of.newFirst[i] = square;
    float direction = g / (std::sqrt(square) + of.epsilon);
    if (of.second) {
      direction += of.second[i] * of.momentum;
      of.newSecond[i] = direction;
    }
    finish(of, i, direction * of.rate);
  }
}

}  // namespace

extern const UpdateKernels updateKernels;
const UpdateKernels updateKernels{sgd, adam, rmsprop};

}  // namespace pare::PARE_LEVEL
