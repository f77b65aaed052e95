// Running random numbers: RandomUniform, RandomNormal, their Like forms, Bernoulli, Multinomial.
#include <atomic>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>

#include "engine/blob.h"
#include "engine/prune.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

// With a seed, the n-th run of a plan gives what the n-th run of any other plan does.
struct RandomState : NodeState {
  uint64_t seed = 0;
  mutable std::atomic<uint64_t> round{0};
};

Status prepareSeed(PrepareContext& c) {
  auto& state = c.make<RandomState>();
  if (const Attribute* given = c.node().attribute("seed")) {
    const double seed = given->real;
    static_assert(sizeof state.seed == sizeof seed);
    std::memcpy(&state.seed, &seed, sizeof seed);
    return Status::success();
  }
  std::random_device device;
  state.seed = uint64_t{device()} << 32 | device();
  return Status::success();
}

// `count` numbers in [0, 1) of this run.
Status draw(const RunContext& c, size_t count, std::unique_ptr<Blob>& own, UnalignedFloat*& numbers) {
  const auto& state = c.state<RandomState>();
  own = Blob::allocate(std::max<size_t>(count, 1) * sizeof(float));
  if (!own) return Status::memory("no memory for random numbers");
  numbers = reinterpret_cast<UnalignedFloat*>(own->data());
  return randomScores(*c.execution, state.seed, state.round.fetch_add(1), numbers, count);
}

void put(const TensorView& to, size_t at, double value) {
  if (to.dtype == DataType::float64)
    to.as<double>()[at] = value;
  else
    to.floats()[at] = static_cast<float>(value);
}

Status runUniform(RunContext& c) {
  const TensorView& y = c.out(0);
  const double low = c.reader().real("low"), high = c.reader().real("high");
  std::unique_ptr<Blob> own;
  UnalignedFloat* numbers = nullptr;
  const size_t count = y.count();
  if (Status status = draw(c, count, own, numbers); !status.ok()) return status;
  for (size_t i = 0; i < count; i++) put(y, i, low + (high - low) * static_cast<double>(numbers[i]));
  return c.execution->outcome();
}

// Box and Muller: two uniform numbers, of which the first is moved into (0, 1], give two normal ones.
Status runNormal(RunContext& c) {
  const TensorView& y = c.out(0);
  const double mean = c.reader().real("mean"), scale = c.reader().real("scale");
  std::unique_ptr<Blob> own;
  UnalignedFloat* numbers = nullptr;
  const size_t count = y.count();
  if (Status status = draw(c, count + count % 2, own, numbers); !status.ok()) return status;
  for (size_t i = 0; i < count; i++) {
    const auto first = static_cast<double>(numbers[i - i % 2]), second = static_cast<double>(numbers[i - i % 2 + 1]);
    const double length = std::sqrt(-2 * std::log(1 - first)), angle = 2 * std::numbers::pi * second;
    put(y, i, mean + scale * length * (i % 2 == 0 ? std::cos(angle) : std::sin(angle)));
  }
  return c.execution->outcome();
}
Status prepareRandom(PrepareContext& c) {
  const DataType type = c.out(0).dtype;
  if (type != DataType::float32 && type != DataType::float64)
    return c.unsupported(std::string("numbers of type ") + dataTypeName(type) + " do not run yet");
  return prepareSeed(c);
}

// One with the probability that the input says, else zero.
Status runBernoulli(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  std::unique_ptr<Blob> own;
  UnalignedFloat* numbers = nullptr;
  const size_t count = x.count();
  if (Status status = draw(c, count, own, numbers); !status.ok()) return status;
  return visitType(y.dtype, [&]<class T>() {
    for (size_t i = 0; i < count; i++) {
      const double probability = x.dtype == DataType::float64 ? x.as<double>()[i] : static_cast<double>(x.floats()[i]);
      y.as<T>()[i] = static_cast<T>(static_cast<double>(numbers[i]) < probability ? 1 : 0);
    }
    return c.execution->outcome();
  });
}
Status prepareBernoulli(PrepareContext& c) {
  if (!visitedTypes.contains(c.out(0).dtype))
    return c.unsupported(std::string("results of type ") + dataTypeName(c.out(0).dtype) + " do not run yet");
  if (Status status = c.needType(types::f32 | types::f64); !status.ok()) return status;
  return prepareSeed(c);
}

// Classes by the logarithms of their probabilities, which need not add up to one.
Status runMultinomial(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  const auto batch = static_cast<size_t>(x.dims[0]), classes = static_cast<size_t>(x.dims[1]);
  const auto samples = static_cast<size_t>(y.dims[1]);
  std::unique_ptr<Blob> own;
  UnalignedFloat* numbers = nullptr;
  if (y.count() == 0) return c.execution->outcome();
  if (classes == 0) return c.shapeError("there are no classes");
  if (Status status = draw(c, batch * samples, own, numbers); !status.ok()) return status;
  for (size_t row = 0; row < batch; row++) {
    const UnalignedFloat* logs = x.floats() + row * classes;
    double largest = static_cast<double>(logs[0]);
    for (size_t i = 0; i < classes; i++) largest = std::fmax(largest, static_cast<double>(logs[i]));
    std::vector<double> sums(classes);
    double sum = 0;
    for (size_t i = 0; i < classes; i++) sums[i] = sum += std::exp(static_cast<double>(logs[i]) - largest);
    for (size_t i = 0; i < samples; i++) {
      const double at = static_cast<double>(numbers[row * samples + i]) * sum;
      size_t chosen = 0;
      while (chosen + 1 < classes && !(at < sums[chosen])) chosen++;
      if (y.dtype == DataType::int32)
        y.as<int32_t>()[row * samples + i] = static_cast<int32_t>(chosen);
      else
        y.as<int64_t>()[row * samples + i] = static_cast<int64_t>(chosen);
    }
  }
  return c.execution->outcome();
}
Status prepareMultinomial(PrepareContext& c) {
  if (Status status = c.needType(types::f32); !status.ok()) return status;
  return prepareSeed(c);
}

const OpRuns runs({
    {"RandomUniform", runUniform, prepareRandom},
    {"RandomUniformLike", runUniform, prepareRandom},
    {"RandomNormal", runNormal, prepareRandom},
    {"RandomNormalLike", runNormal, prepareRandom},
    {"Bernoulli", runBernoulli, prepareBernoulli},
    {"Multinomial", runMultinomial, prepareMultinomial},
});

}  // namespace
}  // namespace pare
