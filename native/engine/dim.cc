// Canonical polynomials over symbols (see dim.h).
#include "engine/dim.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

namespace pare {
namespace {

constexpr size_t maxTerms = 24, maxDegree = 12;
constexpr uint32_t maxSize = 48;

// Not for INT64_MIN by −1.
int64_t floorQuotient(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

}  // namespace

SymbolTable::SymbolTable() : expressions_(1) {}

Dim SymbolTable::symbol(std::string name, bool dimension, bool unknown) {
  return atom({AtomKind::symbol, dimension, dimension, unknown, 1, {}, {}, std::move(name)});
}

Dim SymbolTable::named(std::string_view name) {
  const auto found = byName_.find(std::string(name));
  if (found != byName_.end()) return intern({{{found->second}, 1}});
  const Dim dim = symbol(std::string(name), true, false);
  byName_.emplace(std::string(name), static_cast<uint32_t>(atoms_.size() - 1));
  return dim;
}

Dim SymbolTable::fresh() {
  std::string name;
  do name = "unk__" + std::to_string(freshCount_++);
  while (byName_.count(name));
  return symbol(std::move(name), true, true);
}

Dim SymbolTable::freshValue() { return symbol("unk__" + std::to_string(freshCount_++), false, true); }

Dim SymbolTable::atom(Atom atom) {
  if (atom.kind != AtomKind::symbol) {
    if (atom.size > maxSize) return atom.dimension ? fresh() : freshValue();
    const std::vector<int64_t> form{static_cast<int64_t>(atom.kind), atom.a.number, atom.a.expression, atom.b.number,
                                    atom.b.expression};
    const auto [found, isNew] = atomByForm_.try_emplace(form, static_cast<uint32_t>(atoms_.size()));
    if (!isNew) return intern({{{found->second}, 1}});
  }
  atoms_.push_back(std::move(atom));
  return intern({{{static_cast<uint32_t>(atoms_.size() - 1)}, 1}});
}

Dim SymbolTable::overflow() {
  overflowed_ = true;
  return freshValue();
}

bool SymbolTable::takeOverflow() { return std::exchange(overflowed_, false); }

SymbolTable::Polynomial SymbolTable::polynomialOf(Dim dim) const {
  if (!dim.isNumber()) return expressions_[dim.expression];
  return dim.number == 0 ? Polynomial{} : Polynomial{{{}, dim.number}};
}

Dim SymbolTable::intern(const Polynomial& polynomial) {
  if (polynomial.empty()) return 0;
  if (polynomial.size() == 1 && polynomial[0].atoms.empty()) return polynomial[0].coefficient;
  std::vector<int64_t> form;
  for (const Term& term : polynomial) {
    form.push_back(term.coefficient);
    form.push_back(static_cast<int64_t>(term.atoms.size()));
    form.insert(form.end(), term.atoms.begin(), term.atoms.end());
  }
  const auto [found, isNew] = byForm_.try_emplace(std::move(form), static_cast<uint32_t>(expressions_.size()));
  if (isNew) expressions_.push_back(polynomial);
  Dim dim;
  dim.expression = found->second;
  return dim;
}

template <class Predicate>
bool SymbolTable::everyAtom(Dim dim, Predicate&& predicate) const {
  if (dim.isNumber()) return true;
  for (const Term& term : expressions_[dim.expression])
    for (const uint32_t one : term.atoms)
      if (!predicate(atoms_[one])) return false;
  return true;
}

uint32_t SymbolTable::sizeOf(Dim dim) const {
  uint32_t size = 0;
  everyAtom(dim, [&](const Atom& one) {
    size += one.size;
    return true;
  });
  return size;
}

bool SymbolTable::isDimension(Dim dim) const {
  return everyAtom(dim, [](const Atom& one) { return one.dimension; });
}
bool SymbolTable::isUnknown(Dim dim) const {
  return !everyAtom(dim, [](const Atom& one) { return !one.unknown; });
}
bool SymbolTable::isNeverNegative(Dim dim) const {
  if (dim.isNumber()) return dim.number >= 0;
  for (const Term& term : expressions_[dim.expression])
    if (term.coefficient < 0) return false;
  return everyAtom(dim, [](const Atom& one) { return one.neverNegative; });
}

Dim SymbolTable::add(Dim a, Dim b) {
  int64_t sum;
  if (a.isNumber() && b.isNumber()) return __builtin_add_overflow(a.number, b.number, &sum) ? overflow() : Dim(sum);
  Polynomial result;
  const Polynomial left = polynomialOf(a), right = polynomialOf(b);
  size_t i = 0, j = 0;
  while (i < left.size() || j < right.size()) {
    if (j == right.size() || (i < left.size() && left[i].atoms < right[j].atoms)) {
      result.push_back(left[i++]);
    } else if (i == left.size() || right[j].atoms < left[i].atoms) {
      result.push_back(right[j++]);
    } else {
      if (__builtin_add_overflow(left[i].coefficient, right[j].coefficient, &sum)) return overflow();
      if (sum != 0) result.push_back({left[i].atoms, sum});
      ++i, ++j;
    }
  }
  if (result.size() > maxTerms) return isDimension(a) && isDimension(b) ? fresh() : freshValue();
  return intern(result);
}

Dim SymbolTable::subtract(Dim a, Dim b) { return add(a, multiply(b, -1)); }

Dim SymbolTable::multiply(Dim a, Dim b) {
  int64_t product;
  if (a.isNumber() && b.isNumber())
    return __builtin_mul_overflow(a.number, b.number, &product) ? overflow() : Dim(product);
  const Polynomial left = polynomialOf(a), right = polynomialOf(b);
  const bool dimension = isDimension(a) && isDimension(b);
  if (left.size() * right.size() > maxTerms) return dimension ? fresh() : freshValue();
  std::map<std::vector<uint32_t>, int64_t> terms;
  for (const Term& x : left) {
    for (const Term& y : right) {
      std::vector<uint32_t> atoms(x.atoms);
      atoms.insert(atoms.end(), y.atoms.begin(), y.atoms.end());
      if (atoms.size() > maxDegree) return dimension ? fresh() : freshValue();
      std::sort(atoms.begin(), atoms.end());
      int64_t& coefficient = terms[std::move(atoms)];
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &product) ||
          __builtin_add_overflow(coefficient, product, &coefficient))
        return overflow();
    }
  }
  Polynomial result;
  for (auto& [atoms, coefficient] : terms)
    if (coefficient != 0) result.push_back({atoms, coefficient});
  return intern(result);
}

Dim SymbolTable::floorDivide(Dim a, Dim b) {
  if (b.is(1) || a.is(0)) return a;
  if (a == b) return 1;
  if (b.is(-1)) return multiply(a, -1);
  if (a.isNumber() && b.isNumber()) return b.number == 0 ? freshValue() : Dim(floorQuotient(a.number, b.number));
  const Polynomial divisor = polynomialOf(b);
  Polynomial whole, rest;  // a = b·whole + rest
  if (divisor.size() == 1 && divisor[0].coefficient > 0) {
    for (const Term& term : polynomialOf(a)) {
      const bool holds =
          std::includes(term.atoms.begin(), term.atoms.end(), divisor[0].atoms.begin(), divisor[0].atoms.end());
      if (!holds) {
        rest.push_back(term);
        continue;
      }
      std::vector<uint32_t> atoms;
      std::set_difference(term.atoms.begin(), term.atoms.end(), divisor[0].atoms.begin(), divisor[0].atoms.end(),
                          std::back_inserter(atoms));
      const int64_t quotient = floorQuotient(term.coefficient, divisor[0].coefficient);
      int64_t remainder = term.coefficient % divisor[0].coefficient;
      if (remainder < 0) remainder += divisor[0].coefficient;
      if (quotient != 0) whole.push_back({std::move(atoms), quotient});
      if (remainder != 0) rest.push_back({term.atoms, remainder});
    }
    std::sort(whole.begin(), whole.end(), [](const Term& x, const Term& y) { return x.atoms < y.atoms; });
  } else {
    rest = polynomialOf(a);
  }
  const Dim outside = intern(whole);
  const Dim inside = intern(rest);
  if (inside.is(0)) return outside;
  if (inside.isNumber() && b.isNumber()) return add(outside, floorDivide(inside, b));
  // Factors that all coefficients share with the divisor cancel.
  if (b.isNumber() && b.number > 0) {
    int64_t shared = b.number;
    for (const Term& term : rest) shared = std::gcd(shared, term.coefficient);
    if (shared > 1) {
      for (Term& term : rest) term.coefficient /= shared;
      return add(outside, floorDivide(intern(rest), b.number / shared));
    }
  }
  // ⌊(⌊x/p⌋ + k)/q⌋ = ⌊(x + k·p)/(p·q)⌋ for positive p and q.
  if (b.isNumber() && b.number > 0) {
    Dim constant = 0;
    const Atom* nested = nullptr;
    for (const Term& term : rest) {
      if (term.atoms.empty())
        constant = term.coefficient;
      else if (term.atoms.size() == 1 && term.coefficient == 1 && !nested)
        nested = &atoms_[term.atoms[0]];
    }
    const bool alone = rest.size() == (constant.is(0) ? 1u : 2u);
    if (alone && nested && nested->kind == AtomKind::quotient && nested->b.isNumber() && nested->b.number > 0) {
      const Dim x = nested->a, p = nested->b;
      return add(outside, floorDivide(add(x, multiply(constant, p)), multiply(p, b)));
    }
  }
  const bool dimension = isDimension(a) && isDimension(b);
  const Dim quotient = atom({AtomKind::quotient, dimension, dimension, isUnknown(inside) || isUnknown(b),
                             sizeOf(inside) + sizeOf(b), inside, b, ""});
  return add(outside, quotient);
}

Dim SymbolTable::ceilDivide(Dim a, Dim b) { return floorDivide(add(a, subtract(b, 1)), b); }
Dim SymbolTable::modulo(Dim a, Dim b) { return subtract(a, multiply(b, floorDivide(a, b))); }

Dim SymbolTable::minimum(Dim a, Dim b) {
  // A dimension with a name is taken to be 1 or more: x[:, :1] has one column.
  if (a.is(1) && isNeverNegative(b) && !isUnknown(b) && !b.isNumber()) return a;
  if (b.is(1) && isNeverNegative(a) && !isUnknown(a) && !a.isNumber()) return b;
  if (const auto isLess = less(a, b)) return *isLess ? a : b;
  if (a == b) return a;
  if (b.isNumber() || (!a.isNumber() && b.expression < a.expression)) std::swap(a, b);
  const bool dimension = isDimension(a) && isDimension(b);
  return atom({AtomKind::minimum, isNeverNegative(a) && isNeverNegative(b), dimension, isUnknown(a) || isUnknown(b),
               sizeOf(a) + sizeOf(b), a, b, ""});
}

Dim SymbolTable::maximum(Dim a, Dim b) {
  if (const auto isLess = less(a, b)) return *isLess ? b : a;
  if (a == b) return a;
  if (b.isNumber() || (!a.isNumber() && b.expression < a.expression)) std::swap(a, b);
  const bool dimension = isDimension(a) && isDimension(b);
  return atom({AtomKind::maximum, isNeverNegative(a) || isNeverNegative(b), dimension, isUnknown(a) || isUnknown(b),
               sizeOf(a) + sizeOf(b), a, b, ""});
}

bool SymbolTable::mentions(Dim dim, Dim part, AtomKind kind) const {
  if (dim.isNumber()) return false;
  const Polynomial& polynomial = expressions_[dim.expression];
  if (polynomial.size() != 1 || polynomial[0].coefficient != 1 || polynomial[0].atoms.size() != 1) return false;
  const Atom& one = atoms_[polynomial[0].atoms[0]];
  return one.kind == kind && (one.a == part || one.b == part);
}

bool SymbolTable::broadcast(Dim a, Dim b, Dim& result) {
  if (a.isNumber() && b.isNumber() && a != b && !a.is(1) && !b.is(1)) return false;
  // x and min(x, n) can only be equal: where n is the smaller one they would not broadcast.
  const bool isLeft = a == b || b.is(1) || mentions(b, a, AtomKind::minimum) || mentions(a, b, AtomKind::broadcast);
  const bool isRight = a.is(1) || mentions(a, b, AtomKind::minimum) || mentions(b, a, AtomKind::broadcast);
  if (isLeft || isRight) {
    result = isLeft ? a : b;
  } else if (a.isNumber() || b.isNumber()) {
    result = a.isNumber() ? a : b;  // the symbol is this number, or 1
  } else {
    if (b.expression < a.expression) std::swap(a, b);
    result = atom({AtomKind::broadcast, true, isDimension(a) && isDimension(b), isUnknown(a) || isUnknown(b),
                   sizeOf(a) + sizeOf(b), a, b, ""});
  }
  return true;
}

bool SymbolTable::join(Dim a, Dim b, Dim& result) const {
  if (a.isNumber() && b.isNumber() && a != b) return false;
  const auto rank = [&](Dim dim) { return dim.isNumber() ? 0u : sizeOf(dim) + (isUnknown(dim) ? 1000u : 0u); };
  result = rank(b) < rank(a) ? b : a;
  return true;
}

std::optional<bool> SymbolTable::equal(Dim a, Dim b) const {
  if (a == b) return true;
  if (a.isNumber() && b.isNumber()) return false;
  // A sum of what is never negative differs from every negative number.
  if (a.isNumber() && a.number < 0 && isNeverNegative(b)) return false;
  if (b.isNumber() && b.number < 0 && isNeverNegative(a)) return false;
  return std::nullopt;
}

std::optional<bool> SymbolTable::less(Dim a, Dim b) const {
  if (a == b) return false;
  if (a.isNumber() && b.isNumber()) return a.number < b.number;
  // a < b where every coefficient of b − a is positive, or the reverse; constants decide strictness.
  Polynomial left = polynomialOf(a), right = polynomialOf(b);
  std::map<std::vector<uint32_t>, int64_t> difference;
  for (const Term& term : right) difference[term.atoms] = term.coefficient;
  for (const Term& term : left) {
    int64_t& slot = difference[term.atoms];
    if (__builtin_sub_overflow(slot, term.coefficient, &slot)) return std::nullopt;
  }
  bool mayGrow = true, mayShrink = true;
  int64_t constant = 0;
  for (const auto& [atoms, coefficient] : difference) {
    if (atoms.empty()) constant = coefficient;
    if (atoms.empty() || coefficient == 0) continue;
    const bool neverNegative =
        std::all_of(atoms.begin(), atoms.end(), [&](uint32_t one) { return atoms_[one].neverNegative; });
    if (!neverNegative) return std::nullopt;
    (coefficient > 0 ? mayShrink : mayGrow) = false;
  }
  if (mayGrow && constant > 0) return true;      // b − a ≥ constant > 0
  if (mayShrink && constant <= 0) return false;  // b − a ≤ constant ≤ 0
  return std::nullopt;
}

std::string SymbolTable::termName(const Term& term) const {
  std::string text;
  for (const uint32_t index : term.atoms) {
    const Atom& one = atoms_[index];
    if (!text.empty()) text += '*';
    switch (one.kind) {
      case AtomKind::symbol:
        text += one.name;
        break;
      case AtomKind::quotient: {
        const bool sum = !one.a.isNumber() && expressions_[one.a.expression].size() > 1;
        text += "floor(" + (sum ? "(" + name(one.a) + ")" : name(one.a)) + "/" +
                (one.b.isNumber() ? name(one.b) : "(" + name(one.b) + ")") + ")";
        break;
      }
      case AtomKind::minimum:
        text += "min(" + name(one.a) + ", " + name(one.b) + ")";
        break;
      case AtomKind::maximum:
        text += "max(" + name(one.a) + ", " + name(one.b) + ")";
        break;
      case AtomKind::broadcast:
        text += "broadcast(" + name(one.a) + ", " + name(one.b) + ")";
        break;
    }
  }
  const auto bits = static_cast<uint64_t>(term.coefficient);
  const uint64_t size = term.coefficient < 0 ? -bits : bits;
  if (text.empty()) return std::to_string(size);
  return size == 1 ? text : text + "*" + std::to_string(size);
}

std::string SymbolTable::name(Dim dim) const {
  if (dim.isNumber()) return std::to_string(dim.number);
  std::string text;
  // The constant is sorted first, and reads better last.
  const Polynomial& polynomial = expressions_[dim.expression];
  const bool hasConstant = polynomial[0].atoms.empty();
  for (size_t i = 0; i < polynomial.size(); ++i) {
    const Term& term = polynomial[hasConstant ? (i + 1) % polynomial.size() : i];
    if (text.empty())
      text = term.coefficient < 0 ? "-" : "";
    else
      text += term.coefficient < 0 ? " - " : " + ";
    text += termName(term);
  }
  return text;
}

std::string SymbolTable::name(const Dims& dims) const {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i == 16) return text + ", …]";
    if (i > 0) text += ", ";
    text += name(dims[i]);
  }
  return text + "]";
}

}  // namespace pare
