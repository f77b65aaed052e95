// One row an operator: what it takes and gives, its attributes, its shape rule, and how it runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/data-type.h"
#include "engine/status.h"

namespace pare {

class ShapeContext;
class PrepareContext;
struct RunContext;

using ShapeFunction = Status (*)(ShapeContext&);
using PrepareFunction = Status (*)(PrepareContext&);  // refuses what `run` cannot do, and makes the node's state
using RunFunction = Status (*)(RunContext&);

enum class Device : uint8_t { cpu, cuda };
constexpr int deviceCount = 2;

enum class Arity : uint8_t {
  required,
  optional,
  variadic,       // any number, all of one type; the last parameter only
  heterogeneous,  // any number, each of its own type
};

// The type of a parameter: a set, or the name of a type variable of the row, bound by the first input that has it.
struct ParameterType {
  TypeSet set;
  const char* variable = nullptr;

  ParameterType(TypeSet types) : set(types) {}
  ParameterType(const char* name) : variable(name) {}
};

struct Parameter {
  const char* name;
  ParameterType type;
  Arity arity = Arity::required;
};

struct TypeVariable {
  const char* name;
  TypeSet types;
};

enum class AttributeKind : uint8_t { integer, real, text, integers, reals, texts, tensor, graph, other };
const char* attributeKindName(AttributeKind kind);

// A default that the operator's specification gives; attributes with none are absent unless the node has them.
struct AttributeDef {
  const char* name;
  AttributeKind kind;
  bool isRequired = false;
  bool hasDefault = false;
  double number = 0;  // integers and reals
  const char* text = "";
  std::vector<int64_t> integers;

  AttributeDef(const char* attribute, AttributeKind of) : name(attribute), kind(of) {}
  // A template, so that a literal 0 is a number and no null pointer.
  template <class Number>
  requires std::is_arithmetic_v<Number> AttributeDef(const char* attribute, AttributeKind of, Number value)
      : name(attribute), kind(of), hasDefault(true), number(static_cast<double>(value)) {}
  AttributeDef(const char* attribute, AttributeKind of, const char* value)
      : name(attribute), kind(of), hasDefault(true), text(value) {}
  AttributeDef(const char* attribute, AttributeKind of, std::vector<int64_t> values)
      : name(attribute), kind(of), hasDefault(true), integers(std::move(values)) {}
  struct Required {};
  AttributeDef(const char* attribute, AttributeKind of, Required) : name(attribute), kind(of), isRequired(true) {}
};

namespace trait {
constexpr unsigned elementwise = 1;  // every element of the result depends on the same element of the inputs
constexpr unsigned inPlace = 2;      // may write over its first input
constexpr unsigned view = 4;         // the first input's bytes under other dimensions
constexpr unsigned random = 8;       // not the same on every run: never folded
constexpr unsigned subgraphs = 16;   // runs graphs of its own
constexpr unsigned shapeOnly = 32;   // reads its first input's dimensions, not its elements
}  // namespace trait

struct OpDef {
  const char* domain = "";  // "" is ai.onnx
  const char* name;
  int since = 1;
  int until = 0;  // the last opset with this meaning; 0: none yet
  std::vector<Parameter> inputs = {};
  std::vector<Parameter> outputs = {};
  std::vector<AttributeDef> attributes = {};
  std::vector<TypeVariable> types = {};
  unsigned traits = 0;
  ShapeFunction shape = nullptr;
  PrepareFunction prepare = nullptr;
  RunFunction run[deviceCount] = {};  // null: does not run there

  const AttributeDef* attribute(std::string_view attributeName) const;
  TypeSet typesOf(const ParameterType& type) const;
};

// The rows of a file of native/engine/ops: one at namespace scope each.
class OpRows {
 public:
  explicit OpRows(std::vector<OpDef> rows);
  const std::vector<OpDef>& rows() const { return rows_; }
  const OpRows* next() const { return next_; }

 private:
  std::vector<OpDef> rows_;
  const OpRows* next_;
};

// How ops run, in files of their own beside the rows; the table puts both together.
struct OpRun {
  const char* name;
  RunFunction run;
  PrepareFunction prepare = nullptr;
  const char* domain = "";
  int since = 1;
  int until = 0;  // of rows that begin in these versions; 0: none is too new
};
class OpRuns {
 public:
  explicit OpRuns(std::vector<OpRun> runs);
  const std::vector<OpRun>& runs() const { return runs_; }
  const OpRuns* next() const { return next_; }

 private:
  std::vector<OpRun> runs_;
  const OpRuns* next_;
};

// The row for an op in a version of its domain ("ai.onnx" and "" are one); null where there is none.
const OpDef* findOp(std::string_view domain, std::string_view name, int version);
// All rows, by domain, name and version.
std::vector<const OpDef*> allOps();

// Words for the rows.
namespace row {
using namespace types;
using enum Arity;
constexpr AttributeKind integer = AttributeKind::integer, real = AttributeKind::real, text = AttributeKind::text,
                        integerList = AttributeKind::integers, realList = AttributeKind::reals,
                        textList = AttributeKind::texts, tensor = AttributeKind::tensor, graph = AttributeKind::graph,
                        other = AttributeKind::other;
constexpr AttributeDef::Required needed;
constexpr const char* microsoft = "com.microsoft";
constexpr const char* pare = "pare";  // what this project adds
}  // namespace row

}  // namespace pare
