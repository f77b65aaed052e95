// Which ops' outputs are parts of their first input, so that a plan need not
// copy them.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/shape.h"

namespace pare {

// Where an output begins in the first input, in elements, if its elements
// follow one another there; none otherwise. `types` are those of all values;
// dimensions of the node's inputs and outputs are numbers.
using PartFunction = std::optional<size_t> (*)(const NodeReader&, std::span<const TensorType> types, size_t output);

// The functions of a file of native/engine/ops: one list at namespace scope
// each.
class PartRules {
 public:
  struct Rule {
    std::string_view name;  // of ai.onnx
    PartFunction part;
  };
  explicit PartRules(std::vector<Rule> rules);
  // Null where a node's outputs are never parts.
  static PartFunction of(const Node& node);

 private:
  std::vector<Rule> rules_;
  const PartRules* next_;
};

}  // namespace pare
