// What may follow a sum before it is stored: a bias, a tensor of the result's shape, and an activation.
#pragma once

#include <cstdint>

#include "kernels/unaligned.h"

namespace pare {

struct Activation {
  enum class Kind : uint8_t {
    none,
    clip,         // alpha to beta; ReLU is 0 to infinity
    leakyRelu,    // alpha·x where x is negative
    hardSigmoid,  // alpha·x + beta within 0 to 1
    hardSwish,    // x · hardSigmoid(x): alpha 1/6 and beta 1/2
    sigmoid,      // 1 / (1 + exp(−x))
    silu,         // x · sigmoid(x)
    tanh,
    gelu,      // with erf
    geluTanh,  // with tanh, an approximation
  };
  Kind kind = Kind::none;
  float alpha = 0, beta = 0;

  static Activation relu() { return {Kind::clip, 0, __builtin_inff()}; }
  static Activation clip(float least, float most) { return {Kind::clip, least, most}; }
  static Activation leakyRelu(float slope) { return {Kind::leakyRelu, slope, 0}; }
  static Activation hardSigmoid(float slope, float offset) { return {Kind::hardSigmoid, slope, offset}; }
  static Activation hardSwish() { return {Kind::hardSwish, 1.0f / 6, 0.5f}; }
  static Activation sigmoid() { return {Kind::sigmoid, 0, 0}; }
  static Activation silu() { return {Kind::silu, 0, 0}; }
};

}  // namespace pare
