// The op table: every file's rows, found by domain, name and version (see op.h).
#include "engine/op.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace pare {
namespace {

constinit const OpRows* firstRows = nullptr;

std::string_view canonicalDomain(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

constinit const OpRuns* firstRuns = nullptr;

using Key = std::pair<std::string_view, std::string_view>;
using Table = std::map<Key, std::vector<OpDef>>;

const Table& table() {
  static const Table built = [] {
    Table byName;
    for (const OpRows* file = firstRows; file; file = file->next())
      for (const OpDef& def : file->rows()) byName[{def.domain, def.name}].push_back(def);
    for (auto& [key, rows] : byName)
      std::sort(rows.begin(), rows.end(), [](const OpDef& a, const OpDef& b) { return a.since < b.since; });
    for (const OpRuns* file = firstRuns; file; file = file->next())
      for (const OpRun& one : file->runs())
        for (OpDef& def : byName[{one.domain, one.name}]) {
          if (def.since < one.since || (one.until != 0 && def.since > one.until)) continue;
          def.prepare = one.prepare;
          def.run[static_cast<int>(Device::cpu)] = one.run;
        }
    return byName;
  }();
  return built;
}

}  // namespace

OpRows::OpRows(std::vector<OpDef> rows) : rows_(std::move(rows)), next_(firstRows) { firstRows = this; }
OpRuns::OpRuns(std::vector<OpRun> runs) : runs_(std::move(runs)), next_(firstRuns) { firstRuns = this; }

const char* attributeKindName(AttributeKind kind) {
  static constexpr const char* names[] = {"integer", "float",  "string", "integers", "floats",
                                          "strings", "tensor", "graph",  "other"};
  return names[static_cast<unsigned>(kind)];
}

const AttributeDef* OpDef::attribute(std::string_view attributeName) const {
  for (const AttributeDef& one : attributes)
    if (attributeName == one.name) return &one;
  return nullptr;
}

TypeSet OpDef::typesOf(const ParameterType& type) const {
  if (!type.variable) return type.set;
  for (const TypeVariable& variable : types)
    if (std::strcmp(variable.name, type.variable) == 0) return variable.types;
  return {};
}

const OpDef* findOp(std::string_view domain, std::string_view name, int version) {
  const auto found = table().find({canonicalDomain(domain), name});
  if (found == table().end()) return nullptr;
  const OpDef* best = nullptr;
  for (const OpDef& def : found->second)
    if (def.since <= version) best = &def;
  return best && best->until != 0 && best->until < version ? nullptr : best;
}

std::vector<const OpDef*> allOps() {
  std::vector<const OpDef*> all;
  for (const auto& [key, rows] : table())
    for (const OpDef& def : rows) all.push_back(&def);
  return all;
}

}  // namespace pare
