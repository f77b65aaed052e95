// Reading attributes (see node-reader.h).
#include "engine/node-reader.h"

#include <algorithm>

namespace pare {

int64_t NodeReader::integer(std::string_view name) const {
  if (const Attribute* given = node_.attribute(name)) return given->integer;
  const AttributeDef* row = def().attribute(name);
  return row ? static_cast<int64_t>(row->number) : 0;
}

double NodeReader::real(std::string_view name) const {
  if (const Attribute* given = node_.attribute(name)) return given->real;
  const AttributeDef* row = def().attribute(name);
  return row ? row->number : 0;
}

std::string_view NodeReader::text(std::string_view name) const {
  if (const Attribute* given = node_.attribute(name)) return given->text;
  const AttributeDef* row = def().attribute(name);
  return row ? row->text : "";
}

std::optional<std::vector<int64_t>> NodeReader::integers(std::string_view name) const {
  if (const Attribute* given = node_.attribute(name)) return given->integers;
  const AttributeDef* row = def().attribute(name);
  if (row && row->hasDefault) return row->integers;
  return std::nullopt;
}

std::string NodeReader::label() const {
  std::string label(node_.type);
  if (!node_.name.empty()) label += " \"" + std::string(node_.name) + "\"";
  return label;
}

std::string NodeReader::inputName(size_t input) const {
  const auto& parameters = def().inputs;
  if (parameters.empty()) return "input " + std::to_string(input);
  const Parameter& parameter = parameters[std::min(input, parameters.size() - 1)];
  if (parameter.arity == Arity::required || parameter.arity == Arity::optional) return parameter.name;
  return "input " + std::to_string(input);
}

}  // namespace pare
