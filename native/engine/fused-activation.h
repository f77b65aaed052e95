// The activation that a fused layer ends with, by the name of its operator.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/elementwise.h"
#include "kernels/activation.h"

namespace pare {

struct FusedActivation {
  Activation epilogue;         // what the layer's own last step does
  std::optional<Unary> after;  // else a function over its results
  UnaryParameters parameters;

  // `numbers` are its parameters in the order of its operator's, missing ones as that has them. False for a name that
  // is none; "" is no activation.
  static bool read(std::string_view name, std::span<const double> numbers, FusedActivation& activation);

  Status finish(const Execution& execution, UnalignedFloat* y, size_t count) const {
    return after ? mapUnary(execution, *after, y, y, count, parameters) : execution.outcome();
  }
};

}  // namespace pare
