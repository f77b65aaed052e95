// Running functions of one element, and what passes its input on.
#include <cstring>
#include <limits>
#include <type_traits>

#include "engine/elementwise.h"
#include "engine/pairs.h"
#include "engine/run.h"
#include "engine/unary.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

struct UnaryState : NodeState {
  UnaryParameters parameters;
};

template <Unary function>
Status runUnary(RunContext& c) {
  const TensorView& x = c.in(0);
  return mapUnary(*c.execution, function, x.dtype, x.data, c.out(0).data, x.count(), c.state<UnaryState>().parameters);
}

// Attributes by the names of the two parameters; empty where there is none.
struct ParameterNames {
  std::string_view alpha = {}, beta = {};
};
constexpr ParameterNames none, alphaAlone{"alpha"}, alphaAndBeta{"alpha", "beta"}, ofSelu{"alpha", "gamma"},
    ofShrink{"lambd", "bias"};

template <Unary function, const ParameterNames& names>
Status prepareUnary(PrepareContext& c) {
  auto& parameters = c.make<UnaryState>().parameters;
  if (!names.alpha.empty()) parameters.alpha = static_cast<float>(c.real(names.alpha));
  if (!names.beta.empty()) parameters.beta = static_cast<float>(c.real(names.beta));
  return c.needType(typesOf(function));
}

Status prepareFloats(PrepareContext& c) { return c.needType(types::f32); }

struct GeluState : UnaryState {
  Unary function = Unary::gelu;
};
Status prepareGelu(PrepareContext& c) {
  c.make<GeluState>().function = c.text("approximate") == "tanh" ? Unary::geluTanh : Unary::gelu;
  return c.needType(typesOf(Unary::gelu));
}
Status runGelu(RunContext& c) {
  const TensorView& x = c.in(0);
  return mapUnary(*c.execution, c.state<GeluState>().function, x.dtype, x.data, c.out(0).data, x.count());
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
  for (const size_t bound : {1, 2})
    if (c.has(bound) && c.in(bound).count() != 1)
      return Status::shape(c.reader().label() + ": " + c.reader().inputName(bound) + " is " +
                           shapeText(c.in(bound).dims) + "; it must be one number");
  if (c.in(0).dtype == DataType::float32) return clipAs<float>(c);
  return visitOther(c.in(0).dtype, [&](auto zero) { return clipAs<decltype(zero)>(c); });
}
Status prepareClip(PrepareContext& c) {
  using namespace types;
  return c.needType(f32 | f64 | integers);
}

Status runBitwiseNot(RunContext& c) {
  const TensorView& x = c.in(0);
  uint8_t* out = c.out(0).data;
  c.execution->forEachChunk(x.byteLength(), elementwiseGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) out[i] = static_cast<uint8_t>(~x.data[i]);
  });
  return c.execution->outcome();
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

#define PARE_UNARY(name, function, names) \
  { name, runUnary<Unary::function>, prepareUnary<Unary::function, names> }
const OpRuns runs({
    PARE_UNARY("Abs", abs, none),
    PARE_UNARY("Acos", acos, none),
    PARE_UNARY("Acosh", acosh, none),
    PARE_UNARY("Asin", asin, none),
    PARE_UNARY("Asinh", asinh, none),
    PARE_UNARY("Atan", atan, none),
    PARE_UNARY("Atanh", atanh, none),
    PARE_UNARY("Ceil", ceil, none),
    PARE_UNARY("Celu", celu, alphaAlone),
    PARE_UNARY("Cos", cos, none),
    PARE_UNARY("Cosh", cosh, none),
    PARE_UNARY("Elu", elu, alphaAlone),
    PARE_UNARY("Erf", erf, none),
    PARE_UNARY("Exp", exp, none),
    PARE_UNARY("Floor", floor, none),
    PARE_UNARY("HardSigmoid", hardSigmoid, alphaAndBeta),
    PARE_UNARY("HardSwish", hardSwish, none),
    PARE_UNARY("LeakyRelu", leakyRelu, alphaAlone),
    PARE_UNARY("Log", log, none),
    PARE_UNARY("Mish", mish, none),
    PARE_UNARY("Neg", neg, none),
    PARE_UNARY("Reciprocal", reciprocal, none),
    PARE_UNARY("Relu", relu, none),
    PARE_UNARY("Round", round, none),
    PARE_UNARY("Selu", selu, ofSelu),
    PARE_UNARY("Shrink", shrink, ofShrink),
    PARE_UNARY("Sigmoid", sigmoid, none),
    PARE_UNARY("Sign", sign, none),
    PARE_UNARY("Sin", sin, none),
    PARE_UNARY("Sinh", sinh, none),
    PARE_UNARY("Softplus", softplus, none),
    PARE_UNARY("Softsign", softsign, none),
    PARE_UNARY("Sqrt", sqrt, none),
    PARE_UNARY("Tan", tan, none),
    PARE_UNARY("Tanh", tanh, none),
    PARE_UNARY("ThresholdedRelu", thresholdedRelu, alphaAlone),
    {"Gelu", runGelu, prepareGelu},
    {"Gelu", runGelu, prepareGelu, row::microsoft},
    {"QuickGelu", runUnary<Unary::quickGelu>, prepareUnary<Unary::quickGelu, alphaAlone>, row::microsoft},
    PARE_UNARY("Swish", quickGelu, alphaAlone),
    {"FastGelu", runBiasGelu<Unary::geluTanh>, prepareFloats, row::microsoft},
    {"BiasGelu", runBiasGelu<Unary::gelu>, prepareFloats, row::microsoft},
    {"BitwiseNot", runBitwiseNot},
    {"Clip", runClip, prepareClip},
    {"Identity", runDropout},
    {"Dropout", runDropout, prepareDropout},
});
#undef PARE_UNARY

}  // namespace
}  // namespace pare
