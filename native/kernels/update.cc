// Steps of optimizers (see update.h).
#include "kernels/update.h"

#include "kernels/float-vector.h"
#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

struct Place {
  size_t at, lanes;

  PARE_INLINE Floats read(const UnalignedFloat* from) const { return loadFirst(from + at, lanes); }
  PARE_INLINE void write(UnalignedFloat* to, Floats value) const { storeFirst(to + at, value, lanes); }
};

template <class Step>
PARE_INLINE void forEachPlace(size_t begin, size_t end, Step&& step) {
  forEachVector(end - begin, [&](size_t i, size_t lanes) PARE_INLINE_LAMBDA { step(Place{begin + i, lanes}); });
}

PARE_INLINE Floats gradientOf(const UpdateArguments& of, Place place, Floats weights) {
  Floats g = place.read(of.gradient) * of.scale;
  if (of.l2 != 0) g += weights * of.l2;
  if (of.l1 != 0) g += weights > 0.0f ? broadcast(of.l1) : weights < 0.0f ? broadcast(-of.l1) : Floats{};
  return g;
}

PARE_INLINE void finish(const UpdateArguments& of, Place place, Floats weights, Floats direction) {
  Floats next = weights * of.keep - direction;
  if (of.threshold != 0) {
    const Floats size = absoluteOf(next) - of.threshold;
    next = size > 0.0f ? withSignOf(size, next) : next == next ? Floats{} : next;
  }
  if (of.mask) next *= place.read(of.mask);
  place.write(of.newWeights, next);
}

void sgd(const UpdateArguments& of, size_t begin, size_t end) {
  forEachPlace(begin, end, [&](Place place) PARE_INLINE_LAMBDA {
    const Floats weights = place.read(of.weights);
    Floats direction = gradientOf(of, place, weights);
    if (of.first) {
      const Floats velocity = place.read(of.first) * of.momentum + direction;
      place.write(of.newFirst, velocity);
      direction = of.nesterov ? direction + velocity * of.momentum : velocity;
    }
    finish(of, place, weights, direction * of.rate);
  });
}

void adam(const UpdateArguments& of, size_t begin, size_t end) {
  const float rest1 = 1 - of.beta1, rest2 = 1 - of.beta2;
  forEachPlace(begin, end, [&](Place place) PARE_INLINE_LAMBDA {
    const Floats weights = place.read(of.weights), g = gradientOf(of, place, weights);
    const Floats mean = place.read(of.first) * of.beta1 + g * rest1;
    const Floats square = place.read(of.second) * of.beta2 + g * g * rest2;
    place.write(of.newFirst, mean);
    place.write(of.newSecond, square);
    finish(of, place, weights, mean * of.rate / (squareRootOf(square) * of.deviationScale + of.epsilon));
  });
}

void rmsprop(const UpdateArguments& of, size_t begin, size_t end) {
  const float rest = 1 - of.beta2;
  forEachPlace(begin, end, [&](Place place) PARE_INLINE_LAMBDA {
    const Floats weights = place.read(of.weights), g = gradientOf(of, place, weights);
    const Floats square = place.read(of.first) * of.beta2 + g * g * rest;
    place.write(of.newFirst, square);
    Floats direction = g / (squareRootOf(square) + of.epsilon);
    if (of.second) {
      direction += place.read(of.second) * of.momentum;
      place.write(of.newSecond, direction);
    }
    finish(of, place, weights, direction * of.rate);
  });
}

}  // namespace

extern const UpdateKernels updateKernels;
const UpdateKernels updateKernels{sgd, adam, rmsprop};

}  // namespace pare::PARE_LEVEL
