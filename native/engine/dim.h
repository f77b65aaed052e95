// A dimension, or an integer of shape arithmetic: a number, or an expression over symbols such as "batch*12".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pare {

struct Dim {
  int64_t number = 0;
  uint32_t expression = 0;  // 0: the number; otherwise the number of an expression in a SymbolTable

  constexpr Dim() = default;
  constexpr Dim(int64_t value) : number(value) {}
  constexpr bool isNumber() const { return expression == 0; }
  constexpr bool is(int64_t value) const { return expression == 0 && number == value; }
  friend constexpr bool operator==(const Dim&, const Dim&) = default;
};
using Dims = std::vector<Dim>;

// The expressions of one inference. Each is a polynomial with integer coefficients over atoms (symbols, and quotients,
// minima, maxima and broadcasts of other expressions) in one canonical form, so that equal ones have equal numbers.
// What grows too large to be of use (a hostile graph can square a symbol in every node) becomes a fresh symbol.
class SymbolTable {
 public:
  SymbolTable();

  Dim named(std::string_view name);  // the dimension of that name
  Dim fresh();                       // an unknown dimension: never negative
  Dim freshValue();                  // an unknown integer of any sign

  Dim add(Dim a, Dim b);
  Dim subtract(Dim a, Dim b);
  Dim multiply(Dim a, Dim b);
  Dim floorDivide(Dim a, Dim b);  // toward minus infinity; b must not be 0
  Dim ceilDivide(Dim a, Dim b);
  Dim modulo(Dim a, Dim b);  // a − b·⌊a/b⌋
  Dim minimum(Dim a, Dim b);
  Dim maximum(Dim a, Dim b);

  // What a dimension of size a and one of size b broadcast to; false where they cannot.
  bool broadcast(Dim a, Dim b, Dim& result);
  // The better known of two dimensions that must be equal; false where they cannot be.
  bool join(Dim a, Dim b, Dim& result) const;

  std::optional<bool> equal(Dim a, Dim b) const;
  std::optional<bool> less(Dim a, Dim b) const;
  bool isNeverNegative(Dim dim) const;
  bool isDimension(Dim dim) const;  // built of dimensions only, none of unknown sign
  bool isUnknown(Dim dim) const;    // a fresh symbol has a part in it

  std::string name(Dim dim) const;
  std::string name(const Dims& dims) const;  // "[batch, 8]"

  // Whether arithmetic on numbers left 64 bits since the last call. What overflowed is a fresh symbol.
  bool takeOverflow();

 private:
  enum class AtomKind : uint8_t { symbol, quotient, minimum, maximum, broadcast };
  struct Atom {
    AtomKind kind;
    bool neverNegative, dimension, unknown;
    uint32_t size;  // of its name, in atoms
    Dim a, b;
    std::string name;
  };
  struct Term {
    std::vector<uint32_t> atoms;  // sorted; none: the constant
    int64_t coefficient;
    friend bool operator==(const Term&, const Term&) = default;
  };
  using Polynomial = std::vector<Term>;  // sorted by atoms, no zero coefficients

  Dim symbol(std::string name, bool dimension, bool unknown);
  Dim atom(Atom atom);
  Dim intern(const Polynomial& polynomial);
  Polynomial polynomialOf(Dim dim) const;
  Dim overflow();
  uint32_t sizeOf(Dim dim) const;
  bool mentions(Dim dim, Dim part, AtomKind kind) const;
  std::string termName(const Term& term) const;
  template <class Predicate>
  bool everyAtom(Dim dim, Predicate&& predicate) const;

  std::vector<Atom> atoms_;
  std::vector<Polynomial> expressions_;
  std::map<std::vector<int64_t>, uint32_t> byForm_;
  std::map<std::vector<int64_t>, uint32_t> atomByForm_;
  std::unordered_map<std::string, uint32_t> byName_;
  uint32_t freshCount_ = 0;
  bool overflowed_ = false;
};

}  // namespace pare
