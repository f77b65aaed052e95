// Running functions of one element, and what passes its input on.
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/elementwise.h"
#include "engine/pairs.h"
#include "engine/run.h"

namespace pare {
namespace {

struct UnaryState : NodeState {
  UnaryParameters parameters;
};

// Attributes by the names of the two parameters; null where there is none.
template <Unary function>
Status runUnary(RunContext& c) {
  const TensorView& x = c.in(0);
  return mapUnary(*c.execution, function, x.floats(), c.out(0).floats(), x.count(), c.state<UnaryState>().parameters);
}

Status prepareUnary(PrepareContext& c, const char* alpha, const char* beta) {
  auto& parameters = c.make<UnaryState>().parameters;
  if (alpha) parameters.alpha = static_cast<float>(c.real(alpha));
  if (beta) parameters.beta = static_cast<float>(c.real(beta));
  return c.needType(types::f32);
}
Status prepareNone(PrepareContext& c) { return prepareUnary(c, nullptr, nullptr); }
Status prepareAlpha(PrepareContext& c) { return prepareUnary(c, "alpha", nullptr); }
Status prepareAlphaBeta(PrepareContext& c) { return prepareUnary(c, "alpha", "beta"); }
Status prepareSelu(PrepareContext& c) { return prepareUnary(c, "alpha", "gamma"); }
Status prepareShrink(PrepareContext& c) { return prepareUnary(c, "lambd", "bias"); }

struct GeluState : UnaryState {
  Unary function = Unary::gelu;
};
Status prepareGelu(PrepareContext& c) {
  if (c.text("approximate") == "tanh")
    c.make<GeluState>().function = Unary::geluTanh;
  else
    c.make<GeluState>();
  return c.needType(types::f32);
}
Status runGelu(RunContext& c) {
  const TensorView& x = c.in(0);
  return mapUnary(*c.execution, c.state<GeluState>().function, x.floats(), c.out(0).floats(), x.count());
}

// The same of x + bias, which broadcasts to it: piece by piece, so that the sum is still in the cache.
template <Unary function>
Status runBiasGelu(RunContext& c) {
  const TensorView &x = c.in(0), &y = c.out(0);
  if (!c.has(1)) return mapUnary(*c.execution, function, x.floats(), y.floats(), x.count());
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  const KernelTable& kernels = c.execution->kernels;
  const BinaryKernels::Forms& add = (*kernels.binary)[Binary::add];
  const MathKernels::Map gelu = (*kernels.math)[function];
  return forEachPair(*c.execution, pair.a, sizeof(float), pair.b, sizeof(float),
                     [&](PairForm form, const uint8_t* left, const uint8_t* right, size_t start, size_t length) {
                       const BinaryKernels::Function run = kernelFor(add, form);
                       UnalignedFloat* to = y.floats() + start;
                       run(reinterpret_cast<const UnalignedFloat*>(left),
                           reinterpret_cast<const UnalignedFloat*>(right), to, length);
                       gelu(to, to, length, {});
                     });
}

// The bounds are attributes before opset 11, inputs of any type after.
template <class T>
Status clipAs(RunContext& c) {
  const TensorView& x = c.in(0);
  const bool hasInputs = c.opset >= 11;
  const NodeReader reader = c.reader();
  T low = std::numeric_limits<T>::lowest(), high = std::numeric_limits<T>::max();
  if constexpr (std::is_floating_point_v<T>) {
    low = -std::numeric_limits<T>::infinity();
    high = std::numeric_limits<T>::infinity();
  }
  if (!hasInputs && reader.hasAttribute("min")) low = static_cast<T>(reader.real("min"));
  if (!hasInputs && reader.hasAttribute("max")) high = static_cast<T>(reader.real("max"));
  if (hasInputs && c.has(1)) low = c.in(1).as<T>()[0];
  if (hasInputs && c.has(2)) high = c.in(2).as<T>()[0];
  if constexpr (std::is_same_v<T, float>)
    return mapUnary(*c.execution, Unary::clip, x.floats(), c.out(0).floats(), x.count(), {low, high});
  const auto* in = x.as<T>();
  auto* out = c.out(0).as<T>();
  c.execution->forEachChunk(x.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
      const T value = in[i] < low ? low : in[i];
      out[i] = value > high ? high : value;
    }
  });
  return Status::success();
}

Status runClip(RunContext& c) {
  switch (c.in(0).dtype) {
    case DataType::float32:
      return clipAs<float>(c);
    case DataType::float64:
      return clipAs<double>(c);
    case DataType::int8:
      return clipAs<int8_t>(c);
    case DataType::uint8:
      return clipAs<uint8_t>(c);
    case DataType::int32:
      return clipAs<int32_t>(c);
    case DataType::int64:
      return clipAs<int64_t>(c);
    default:
      return clipAs<uint64_t>(c);
  }
}
Status prepareClip(PrepareContext& c) {
  using namespace types;
  return c.needType(f32 | f64 | i8 | u8 | i32 | i64 | u64);
}

// Dropout outside of training, and Identity where its input's memory cannot be its own.
Status prepareDropout(PrepareContext& c) {
  if (c.def().since == 1 && c.integer("is_test") == 0) return c.unsupported("is_test = 0 (training) does not run");
  const Tensor* training = c.constant(2);
  if (c.has(2) && (!training || training->bytes.empty() || training->bytes[0] != 0))
    return c.unsupported("training_mode does not run");
  return Status::success();
}
Status runDropout(RunContext& c) {
  const TensorView& x = c.in(0);
  if (x.byteLength() > 0 && c.out(0).data != x.data) std::memcpy(c.out(0).data, x.data, x.byteLength());
  if (c.wants(1)) {
    TensorView& mask = c.out(1);
    if (mask.dtype == DataType::boolean)
      std::memset(mask.data, 1, mask.byteLength());
    else
      for (size_t i = 0; i < mask.count(); i++) mask.floats()[i] = 1;
  }
  return Status::success();
}

#define PARE_UNARY(name, function, prepare) \
  { name, runUnary<Unary::function>, prepare }
const OpRuns runs({
    PARE_UNARY("Abs", abs, prepareNone),
    PARE_UNARY("Acos", acos, prepareNone),
    PARE_UNARY("Acosh", acosh, prepareNone),
    PARE_UNARY("Asin", asin, prepareNone),
    PARE_UNARY("Asinh", asinh, prepareNone),
    PARE_UNARY("Atan", atan, prepareNone),
    PARE_UNARY("Atanh", atanh, prepareNone),
    PARE_UNARY("Ceil", ceil, prepareNone),
    PARE_UNARY("Celu", celu, prepareAlpha),
    PARE_UNARY("Cos", cos, prepareNone),
    PARE_UNARY("Cosh", cosh, prepareNone),
    PARE_UNARY("Elu", elu, prepareAlpha),
    PARE_UNARY("Erf", erf, prepareNone),
    PARE_UNARY("Exp", exp, prepareNone),
    PARE_UNARY("Floor", floor, prepareNone),
    PARE_UNARY("HardSigmoid", hardSigmoid, prepareAlphaBeta),
    PARE_UNARY("HardSwish", hardSwish, prepareNone),
    PARE_UNARY("LeakyRelu", leakyRelu, prepareAlpha),
    PARE_UNARY("Log", log, prepareNone),
    PARE_UNARY("Mish", mish, prepareNone),
    PARE_UNARY("Neg", neg, prepareNone),
    PARE_UNARY("Reciprocal", reciprocal, prepareNone),
    PARE_UNARY("Relu", relu, prepareNone),
    PARE_UNARY("Round", round, prepareNone),
    PARE_UNARY("Selu", selu, prepareSelu),
    PARE_UNARY("Shrink", shrink, prepareShrink),
    PARE_UNARY("Sigmoid", sigmoid, prepareNone),
    PARE_UNARY("Sign", sign, prepareNone),
    PARE_UNARY("Sin", sin, prepareNone),
    PARE_UNARY("Sinh", sinh, prepareNone),
    PARE_UNARY("Softplus", softplus, prepareNone),
    PARE_UNARY("Softsign", softsign, prepareNone),
    PARE_UNARY("Sqrt", sqrt, prepareNone),
    PARE_UNARY("Tan", tan, prepareNone),
    PARE_UNARY("Tanh", tanh, prepareNone),
    PARE_UNARY("ThresholdedRelu", thresholdedRelu, prepareAlpha),
    {"Gelu", runGelu, prepareGelu},
    {"Gelu", runGelu, prepareGelu, row::microsoft},
    {"QuickGelu", runUnary<Unary::quickGelu>, prepareAlpha, row::microsoft},
    {"Swish", runUnary<Unary::quickGelu>, prepareAlpha},
    {"FastGelu", runBiasGelu<Unary::geluTanh>, prepareNone, row::microsoft},
    {"BiasGelu", runBiasGelu<Unary::gelu>, prepareNone, row::microsoft},
    {"Clip", runClip, prepareClip},
    {"Identity", runDropout},
    {"Dropout", runDropout, prepareDropout},
});
#undef PARE_UNARY

}  // namespace
}  // namespace pare
