// A node's attributes, or their defaults from its row, and its name for messages.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph.h"

namespace pare {

class NodeReader {
 public:
  NodeReader(const Node& node, int opset) : node_(node), opset_(opset) {}

  const Node& node() const { return node_; }
  const OpDef& def() const { return *node_.def; }
  int opset() const { return opset_; }

  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  std::string_view text(std::string_view name) const;
  std::optional<std::vector<int64_t>> integers(std::string_view name) const;
  bool hasAttribute(std::string_view name) const { return node_.attribute(name) != nullptr; }

  std::string label() const;  // 'MatMul "name"'
  std::string inputName(size_t input) const;

 private:
  const Node& node_;
  int opset_;
};

}  // namespace pare
