// The elements of a small tensor as far as inference knows them: shape arithmetic flows through these.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/data-type.h"
#include "engine/dim.h"

namespace pare {

// A tensor that holds more elements than this is never followed.
constexpr int64_t maxKnownElements = 1024;

struct Element {
  enum class Kind : uint8_t { unknown, integer, real };
  Kind kind = Kind::unknown;
  Dim integer;  // also whole numbers of a float tensor, which may be symbols; booleans are 0 and 1
  double real = 0;

  Element() = default;
  Element(Dim value) : kind(Kind::integer), integer(value) {}
  static Element of(double value);
  bool isKnown() const { return kind != Kind::unknown; }
  std::optional<double> number() const;  // none for symbols
  std::optional<int64_t> whole() const;
};
using Elements = std::vector<Element>;  // row-major

enum class ElementOp : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  power,
  minimum,
  maximum,
  equal,
  less,
  greater,
  lessOrEqual,
  greaterOrEqual,
  conjunction,
  disjunction,
  exclusive,
};
enum class ElementMap : uint8_t { negate, absolute, ceil, floor, round, sqrt, reciprocal, sign, negation };

// One element of an operation's result, in a tensor of `type` (the operands' type for comparisons).
Element combine(SymbolTable& symbols, ElementOp op, DataType type, const Element& a, const Element& b);
Element map(SymbolTable& symbols, ElementMap op, DataType type, const Element& a);
Element cast(DataType from, DataType to, const Element& a);

// The elements of a tensor's bytes; none where the type is not followed or the bytes do not fit the count.
std::optional<Elements> readElements(DataType type, std::span<const uint8_t> bytes, int64_t count);

// The sizes of dimensions that are all numbers, and their product while it is at most maxKnownElements.
struct SmallShape {
  std::vector<int64_t> dims;
  int64_t count = 1;
};
std::optional<SmallShape> smallShape(const Dims& dims);

// Elements in the order of `shape`; pick(index) says which of the source's elements (−1: unknown).
template <class Pick>
Elements arrange(const SmallShape& shape, const Elements& source, Pick&& pick) {
  Elements result(static_cast<size_t>(shape.count));
  std::vector<int64_t> index(shape.dims.size(), 0);
  for (Element& element : result) {
    const int64_t from = pick(std::span<const int64_t>(index));
    if (from >= 0 && static_cast<size_t>(from) < source.size()) element = source[static_cast<size_t>(from)];
    for (size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < shape.dims[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

// The position of `index`, aligned to the last dimension, in a tensor of `dims` that broadcasts to it.
int64_t broadcastPosition(const std::vector<int64_t>& dims, std::span<const int64_t> index);

}  // namespace pare
