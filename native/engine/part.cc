// Finding the ops whose outputs are parts (see part.h).
#include "engine/part.h"

namespace pare {
namespace {

constinit const PartRules* first = nullptr;

}  // namespace

PartRules::PartRules(std::vector<Rule> rules) : rules_(std::move(rules)), next_(first) { first = this; }

PartFunction PartRules::of(const Node& node) {
  if (node.def->domain[0] != '\0') return nullptr;
  for (const PartRules* file = first; file; file = file->next_)
    for (const Rule& rule : file->rules_)
      if (rule.name == node.type) return rule.part;
  return nullptr;
}

}  // namespace pare
