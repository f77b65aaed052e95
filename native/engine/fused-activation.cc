// Reading activations (see fused-activation.h).
#include "engine/fused-activation.h"

#include <array>

namespace pare {
namespace {

struct Named {
  std::string_view name;
  Unary function;
  float alpha = 0, beta = 0;
};
constexpr float infinity = __builtin_inff();
constexpr std::array functions{
    Named{"Elu", Unary::elu, 1},
    Named{"Mish", Unary::mish},
    Named{"QuickGelu", Unary::quickGelu, 1.702f},
    Named{"Selu", Unary::selu, 1.67326319217681884765625f, 1.05070102214813232421875f},
    Named{"Softplus", Unary::softplus},
    Named{"Softsign", Unary::softsign},
    Named{"ThresholdedRelu", Unary::thresholdedRelu, 1},
};

}  // namespace

bool FusedActivation::read(std::string_view name, std::span<const double> numbers, FusedActivation& activation) {
  const auto number = [&](size_t i, float otherwise) {
    return i < numbers.size() ? static_cast<float>(numbers[i]) : otherwise;
  };
  activation = {};
  Activation& epilogue = activation.epilogue;
  if (name.empty()) return true;
  if (name == "Relu")
    epilogue = Activation::relu();
  else if (name == "Clip")
    epilogue = Activation::clip(number(0, -infinity), number(1, infinity));
  else if (name == "LeakyRelu")
    epilogue = Activation::leakyRelu(number(0, 0.01f));
  else if (name == "HardSigmoid")
    epilogue = Activation::hardSigmoid(number(0, 0.2f), number(1, 0.5f));
  else if (name == "HardSwish")
    epilogue = Activation::hardSwish();
  else if (name == "Sigmoid")
    epilogue = Activation::sigmoid();
  else if (name == "Silu" || name == "Swish")
    epilogue = Activation::silu();
  else if (name == "Tanh")
    epilogue.kind = Activation::Kind::tanh;
  else if (name == "Gelu")
    epilogue.kind = Activation::Kind::gelu;
  else if (name == "FastGelu")
    epilogue.kind = Activation::Kind::geluTanh;
  if (epilogue.kind != Activation::Kind::none) return true;
  for (const Named& one : functions)
    if (one.name == name) {
      activation.after = one.function;
      activation.parameters = {number(0, one.alpha), number(1, one.beta)};
      return true;
    }
  return false;
}

}  // namespace pare
