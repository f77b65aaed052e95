// Running Min, Max, Sum and Mean of any number of tensors that broadcast.
#include <cmath>
#include <cstring>

#include "engine/elementwise.h"
#include "engine/nan.h"
#include "engine/pairs.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

using namespace types;

struct Minimum {
  static constexpr Binary kernel = Binary::min;
  template <class T>
  static T apply(T a, T b) {
    return a < b || isNan(a) ? a : b;  // NaN stays
  }
};
struct Maximum {
  static constexpr Binary kernel = Binary::max;
  template <class T>
  static T apply(T a, T b) {
    return a > b || isNan(a) ? a : b;
  }
};
struct Sum {
  static constexpr Binary kernel = Binary::add;
  template <class T>
  static T apply(T a, T b) {
    return a + b;
  }
};

struct Quotient {
  static constexpr Binary kernel = Binary::div;
  template <class T>
  static T apply(T a, T b) {
    return a / b;
  }
};

template <class Op>
Status join(const Execution& execution, DataType dtype, const Operand& a, const Operand& b, void* out) {
  if (dtype == DataType::float32)
    return mapBinary(execution, Op::kernel, static_cast<const UnalignedFloat*>(a.data), a.dims,
                     static_cast<const UnalignedFloat*>(b.data), b.dims, static_cast<UnalignedFloat*>(out));
  return visitOther(dtype, [&](auto zero) {
    using T = decltype(zero);
    return mapPairs<T, T, T>(execution, a, b, out, [](T x, T y) { return static_cast<T>(Op::apply(x, y)); });
  });
}

// Writes `from` out to the dimensions of `to`.
Status spread(const RunContext& c, const Operand& from, const Operand& to, void* out) {
  const auto second = [&](auto zero) {
    using T = decltype(zero);
    return mapPairs<T, T, T>(*c.execution, to, from, out, [](T, T y) { return y; });
  };
  return c.out(0).dtype == DataType::float32 ? second(float{}) : visitOther(c.out(0).dtype, second);
}

// All inputs of one shape: piece after piece, so that what is joined stays in the cache.
template <class Op>
Status joinAlike(const RunContext& c, std::span<const Operand> operands) {
  const TensorView& out = c.out(0);
  const size_t size = bitsOf(out.dtype) / 8;
  const Execution single{.kernels = c.execution->kernels, .threads = 1, .cancelled = c.execution->cancelled};
  c.execution->forEachChunk(out.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    const auto length = static_cast<int64_t>(end - begin);
    const auto part = [&](const void* data) {
      return Operand{static_cast<const uint8_t*>(data) + begin * size, {&length, 1}};
    };
    uint8_t* to = out.data + begin * size;
    Operand sum = part(operands[0].data);
    for (const Operand& operand : operands.subspan(1)) {
      // Equal shapes cannot fail; what else a run ends with, its outcome says.
      (void)join<Op>(single, out.dtype, sum, part(operand.data), to);
      sum.data = to;
    }
  });
  return c.execution->outcome();
}

template <class Op>
Status joinAll(const RunContext& c) {
  const TensorView& out = c.out(0);
  std::vector<Operand> operands;
  bool isAlike = true;
  for (size_t i = 0; i < c.inputs.size(); i++) {
    const TensorView& in = c.in(i);
    if (!broadcastsTo(in.dims, out.dims))
      return Status::shape(c.reader().label() + ": " + c.reader().inputName(i) + " is " + shapeText(in.dims) +
                           ", which does not broadcast to " + shapeText(out.dims));
    operands.push_back({in.data, in.dims});
    isAlike = isAlike && in.dims == out.dims;
  }
  // The first one must be whole; and where one's memory is the output's, that one, before it is written.
  size_t first = 0;
  for (size_t i = operands.size(); i-- > 0;)
    if (c.in(i).dims == out.dims && c.in(first).data != out.data) first = i;
  std::swap(operands[0], operands[first]);
  const Operand whole{out.data, out.dims};
  if (operands.size() == 2) return join<Op>(*c.execution, out.dtype, operands[0], operands[1], out.data);
  if (operands.size() > 2 && isAlike) return joinAlike<Op>(c, operands);
  if (operands[0].data != out.data)
    if (Status status = spread(c, operands[0], whole, out.data); !status.ok()) return status;
  for (size_t i = 1; i < operands.size(); i++)
    if (Status status = join<Op>(*c.execution, out.dtype, whole, operands[i], out.data); !status.ok()) return status;
  return Status::success();
}

template <class Op>
Status runJoin(RunContext& c) {
  return joinAll<Op>(c);
}

Status runMean(RunContext& c) {
  if (Status status = joinAll<Sum>(c); !status.ok()) return status;
  const TensorView& out = c.out(0);
  const auto count = static_cast<float>(c.inputs.size());
  const double wide = count;
  const Operand number{out.dtype == DataType::float32 ? static_cast<const void*>(&count) : &wide, {}};
  return join<Quotient>(*c.execution, out.dtype, {out.data, out.dims}, number, out.data);
}

Status prepareNumbers(PrepareContext& c) {
  for (size_t i = 0; i < std::max<size_t>(c.inputCount(), 1); i++)
    if (!c.has(i)) return Status::model(c.label() + ": input " + std::to_string(i) + " is missing");
  return c.needType(f32 | f64 | integers);
}

const OpRuns runs({
    {"Min", runJoin<Minimum>, prepareNumbers},
    {"Max", runJoin<Maximum>, prepareNumbers},
    {"Sum", runJoin<Sum>, prepareNumbers},
    {"Mean", runMean, prepareNumbers},
});

}  // namespace
}  // namespace pare
