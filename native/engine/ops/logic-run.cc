// Running comparisons, logic and Where.
#include "engine/convert.h"
#include "engine/elementwise.h"
#include "engine/pairs.h"
#include "engine/run.h"

namespace pare {
namespace {

using namespace types;

LogicKernels::Compare kernelFor(const LogicKernels::Forms& forms, PairForm form) {
  return form == PairForm::arrays ? forms.arrays : form == PairForm::numberRight ? forms.numberRight : forms.numberLeft;
}

template <Relation relation, bool exchanged>
Status runCompare(RunContext& c) {
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  const DataType dtype = c.in(0).dtype;
  const size_t size = bitsOf(dtype) / 8;
  const LogicKernels::Forms& forms =
      c.execution->kernels.logic->compare[static_cast<size_t>(relation)][static_cast<size_t>(*numberOf(dtype))];
  const Operand &a = exchanged ? pair.b : pair.a, &b = exchanged ? pair.a : pair.b;
  uint8_t* out = c.out(0).data;
  return forEachPair(*c.execution, a, size, b, size,
                     [&](PairForm form, const uint8_t* left, const uint8_t* right, size_t start, size_t length) {
                       kernelFor(forms, form)(left, right, out + start, length);
                     });
}

// Any byte but 0 is true.
struct And {
  static uint8_t apply(uint8_t a, uint8_t b) { return (a != 0) & (b != 0); }
};
struct Or {
  static uint8_t apply(uint8_t a, uint8_t b) { return (a | b) != 0; }
};
struct Xor {
  static uint8_t apply(uint8_t a, uint8_t b) { return (a != 0) != (b != 0); }
};

template <class Op>
Status runLogic(RunContext& c) {
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  return mapPairs<uint8_t, uint8_t, uint8_t>(*c.execution, pair.a, pair.b, c.out(0).data,
                                             [](uint8_t x, uint8_t y) { return Op::apply(x, y); });
}

Status runNot(RunContext& c) {
  const uint8_t* in = c.in(0).data;
  uint8_t* out = c.out(0).data;
  c.execution->forEachChunk(c.in(0).count(), elementwiseGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) out[i] = in[i] == 0;
  });
  return c.execution->outcome();
}

Status runWhere(RunContext& c) {
  const TensorView &condition = c.in(0), &x = c.in(1), &y = c.in(2), &out = c.out(0);
  const size_t size = bitsOf(out.dtype) / 8;
  const auto log2 = static_cast<size_t>(__builtin_ctzll(size));
  const auto& forms = c.execution->kernels.logic->choose[log2];
  const size_t count = out.count();
  // The usual case, and whole tensors with one number, without a walk.
  const bool isWholeX = x.dims == out.dims, isWholeY = y.dims == out.dims;
  if (condition.dims == out.dims && (isWholeX || x.count() == 1) && (isWholeY || y.count() == 1)) {
    const LogicKernels::Choose choose = forms[isWholeX][isWholeY];
    c.execution->forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      choose(condition.data + begin, x.data + (isWholeX ? begin * size : 0), y.data + (isWholeY ? begin * size : 0),
             out.data + begin * size, end - begin);
    });
    return c.execution->outcome();
  }
  const BroadcastWalk::Input inputs[] = {
      {condition.data, condition.dims, 1}, {x.data, x.dims, size}, {y.data, y.dims, size}};
  BroadcastWalk walk;
  if (Status status = BroadcastWalk::create(inputs, walk); !status.ok()) return status;
  if (walk.count() != count) return Status::shape(c.reader().label() + ": the inputs do not broadcast to the output");
  const LogicKernels::Choose choose = forms[walk.isArray(1)][walk.isArray(2)];
  const ConvertKernels::Function copy = c.execution->kernels.convert->at(Number::uint8, Number::uint8);
  walk.forEachRow(*c.execution, elementwiseGrain,
                  [&](size_t start, size_t length, const BroadcastWalk::Pointers& from) {
                    uint8_t* to = out.data + start * size;
                    if (walk.isArray(0)) return choose(from[0], from[1], from[2], to, length);
                    // One condition for the row: a copy, or one number all along.
                    const size_t chosen = *from[0] ? 1 : 2;
                    if (walk.isArray(chosen)) return copy(from[chosen], to, length * size);
                    for (size_t i = 0; i < length; i++) copy(from[chosen], to + i * size, size);
                  });
  return c.execution->outcome();
}

template <class T>
bool isInfinite(T value, bool negative, bool positive) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  return (negative && value == -infinity) || (positive && value == infinity);
}

Status runIsNan(RunContext& c) {
  const TensorView& x = c.in(0);
  uint8_t* out = c.out(0).data;
  c.execution->forEachChunk(x.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    if (x.dtype == DataType::float32)
      return c.execution->kernels.logic->isNan(x.floats() + begin, out + begin, end - begin);
    const auto* in = x.as<double>();
    for (size_t i = begin; i < end; i++) out[i] = in[i] != in[i];
  });
  return c.execution->outcome();
}

Status runIsInf(RunContext& c) {
  const TensorView& x = c.in(0);
  const bool negative = c.reader().integer("detect_negative") != 0,
             positive = c.reader().integer("detect_positive") != 0;
  uint8_t* out = c.out(0).data;
  c.execution->forEachChunk(x.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    if (x.dtype == DataType::float32)
      return c.execution->kernels.logic->isInfinite(x.floats() + begin, out + begin, end - begin, negative, positive);
    const auto* in = x.as<double>();
    for (size_t i = begin; i < end; i++) out[i] = isInfinite(double{in[i]}, negative, positive);
  });
  return c.execution->outcome();
}

Status prepareCompare(PrepareContext& c) { return c.needType(kernelNumbers); }
Status prepareReal(PrepareContext& c) { return c.needType(f32 | f64); }
Status prepareWhere(PrepareContext& c) { return c.needType(numbers | boolean | float8s | DataType::complex64, 1); }

const OpRuns runs({
    {"Equal", runCompare<Relation::equal, false>, prepareCompare},
    {"Less", runCompare<Relation::less, false>, prepareCompare},
    {"LessOrEqual", runCompare<Relation::lessOrEqual, false>, prepareCompare},
    {"Greater", runCompare<Relation::less, true>, prepareCompare},
    {"GreaterOrEqual", runCompare<Relation::lessOrEqual, true>, prepareCompare},
    {"And", runLogic<And>},
    {"Or", runLogic<Or>},
    {"Xor", runLogic<Xor>},
    {"Not", runNot},
    {"Where", runWhere, prepareWhere},
    {"IsNaN", runIsNan, prepareReal},
    {"IsInf", runIsInf, prepareReal},
});

}  // namespace
}  // namespace pare
