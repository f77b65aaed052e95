// Arithmetic on elements that inference knows (see elements.h).
#include "engine/elements.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace pare {
namespace {

bool isFloat(DataType type) { return types::floats.contains(type); }

// float32 arithmetic rounds after every step, and a floor that follows must see the same number; half types are not
// followed.
Element rounded(DataType type, double value) {
  if (type == DataType::float32) return Element::of(static_cast<double>(static_cast<float>(value)));
  if (type == DataType::float64) return Element::of(value);
  return {};
}

Element truth(std::optional<bool> value) { return value ? Element(Dim(*value ? 1 : 0)) : Element(); }

std::optional<int64_t> wholeNumber(double value) {
  if (!(value > -9.2e18 && value < 9.2e18) || value != std::floor(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

Element compare(SymbolTable& symbols, ElementOp op, const Element& a, const Element& b) {
  const auto x = a.number(), y = b.number();
  if (x && y && (std::isnan(*x) || std::isnan(*y))) return truth(false);
  const bool bothIntegers = a.kind == Element::Kind::integer && b.kind == Element::Kind::integer;
  const auto less = [&](const Element& p, const Element& q) -> std::optional<bool> {
    if (bothIntegers) return symbols.less(p.integer, q.integer);
    if (x && y) return *p.number() < *q.number();
    return std::nullopt;
  };
  const auto inverse = [](std::optional<bool> value) { return value ? std::optional<bool>(!*value) : value; };
  switch (op) {
    case ElementOp::equal:
      if (bothIntegers) return truth(symbols.equal(a.integer, b.integer));
      return x && y ? truth(*x == *y) : Element();
    case ElementOp::less:
      return truth(less(a, b));
    case ElementOp::greater:
      return truth(less(b, a));
    case ElementOp::lessOrEqual:
      return truth(inverse(less(b, a)));
    default:
      return truth(inverse(less(a, b)));
  }
}

Element combineTruths(ElementOp op, const Element& a, const Element& b) {
  const auto x = a.number(), y = b.number();
  if (op == ElementOp::conjunction && ((x && *x == 0) || (y && *y == 0))) return Dim(0);
  if (op == ElementOp::disjunction && ((x && *x != 0) || (y && *y != 0))) return Dim(1);
  if (!x || !y) return {};
  if (op == ElementOp::exclusive) return truth((*x != 0) != (*y != 0));
  return truth(op == ElementOp::conjunction);
}

Element combineIntegers(SymbolTable& symbols, ElementOp op, Dim a, Dim b) {
  switch (op) {
    case ElementOp::add:
      return symbols.add(a, b);
    case ElementOp::subtract:
      return symbols.subtract(a, b);
    case ElementOp::multiply:
      return symbols.multiply(a, b);
    case ElementOp::minimum:
      return symbols.minimum(a, b);
    case ElementOp::maximum:
      return symbols.maximum(a, b);
    case ElementOp::divide: {
      if (b.is(0)) return {};
      if (a.isNumber() && b.isNumber()) {
        // ONNX divides integers as C does, toward zero.
        if (b.number == -1) return symbols.multiply(a, -1);
        return Dim(a.number / b.number);
      }
      if (!symbols.isDimension(a) || !symbols.isDimension(b) || (b.isNumber() && b.number < 0)) return {};
      return symbols.floorDivide(a, b);
    }
    case ElementOp::modulo:
      if (b.is(0) || (b.isNumber() && b.number < 0)) return {};
      return symbols.modulo(a, b);
    case ElementOp::power: {
      if (!b.isNumber() || b.number < 0 || b.number > 8) return {};
      Dim result = 1;
      for (int64_t i = 0; i < b.number; ++i) result = symbols.multiply(result, a);
      return result;
    }
    default:
      return {};
  }
}

// A number that wraps round in a narrow type is not followed.
Element fitting(DataType type, const Element& element) {
  const auto whole = element.whole();
  if (!whole || !types::integers.contains(type)) return element;
  const unsigned bits = bitsOf(type);
  const bool isSigned = types::signedIntegers.contains(type);
  if (!isSigned && *whole < 0) return {};
  const unsigned magnitudeBits = isSigned ? bits - 1 : bits;
  if (magnitudeBits >= 63) return element;
  const int64_t bound = int64_t{1} << magnitudeBits;
  return *whole < bound && *whole >= (isSigned ? -bound : 0) ? element : Element();
}

double combineReals(ElementOp op, double a, double b) {
  switch (op) {
    case ElementOp::add:
      return a + b;
    case ElementOp::subtract:
      return a - b;
    case ElementOp::multiply:
      return a * b;
    case ElementOp::divide:
      return a / b;
    case ElementOp::minimum:
      return a < b || std::isnan(a) ? a : b;
    case ElementOp::maximum:
      return a > b || std::isnan(a) ? a : b;
    case ElementOp::power:
      return std::pow(a, b);
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

Element Element::of(double value) {
  Element element;
  element.kind = Kind::real;
  element.real = value;
  return element;
}

std::optional<double> Element::number() const {
  if (kind == Kind::real) return real;
  if (kind == Kind::integer && integer.isNumber()) return static_cast<double>(integer.number);
  return std::nullopt;
}

std::optional<int64_t> Element::whole() const {
  if (kind == Kind::integer && integer.isNumber()) return integer.number;
  if (kind == Kind::real) return wholeNumber(real);
  return std::nullopt;
}

Element combine(SymbolTable& symbols, ElementOp op, DataType type, const Element& a, const Element& b) {
  if (op >= ElementOp::conjunction) return combineTruths(op, a, b);
  if (!a.isKnown() || !b.isKnown()) return {};
  if (op >= ElementOp::equal) return compare(symbols, op, a, b);
  if (!isFloat(type)) {
    if (a.kind != Element::Kind::integer || b.kind != Element::Kind::integer) return {};
    const Element result = combineIntegers(symbols, op, a.integer, b.integer);
    symbols.takeOverflow();  // in values it is only one more thing unknown
    return fitting(type, result);
  }
  const auto x = a.number(), y = b.number();
  if (x && y) return op == ElementOp::modulo ? Element() : rounded(type, combineReals(op, *x, *y));
  const auto wholePart = [](const Element& element) -> std::optional<Dim> {
    if (element.kind == Element::Kind::integer) return element.integer;
    const auto whole = element.whole();
    return whole ? std::optional<Dim>(*whole) : std::nullopt;
  };
  const auto left = wholePart(a), right = wholePart(b);
  if (op == ElementOp::multiply && left && right) return symbols.multiply(*left, *right);
  if (op == ElementOp::multiply && (left || right)) {
    // A symbol by a fraction such as 1/2 is whole only where the symbol's coefficients allow it.
    const double factor = left ? b.real : a.real;
    const auto divisor = wholeNumber(1 / factor);
    if (!divisor || *divisor == 0) return {};
    const Dim symbol = left ? *left : *right;
    return symbols.modulo(symbol, *divisor).is(0) ? Element(symbols.floorDivide(symbol, *divisor)) : Element();
  }
  if (!left || !right) return {};
  switch (op) {
    case ElementOp::add:
    case ElementOp::subtract:
    case ElementOp::minimum:
    case ElementOp::maximum:
      return combineIntegers(symbols, op, *left, *right);
    case ElementOp::divide:
      if (right->isNumber() && right->number > 0 && symbols.modulo(*left, *right).is(0))
        return symbols.floorDivide(*left, *right);
      return *left == *right ? Element(Dim(1)) : Element();
    default:
      return {};
  }
}

Element map(SymbolTable& symbols, ElementMap op, DataType type, const Element& a) {
  const auto x = a.number();
  if (op == ElementMap::negation) return x ? Element(Dim(*x == 0 ? 1 : 0)) : Element();
  if (a.kind == Element::Kind::integer) {
    switch (op) {
      case ElementMap::negate: {
        const Dim negative = symbols.multiply(a.integer, -1);
        symbols.takeOverflow();
        return fitting(type, negative);
      }
      case ElementMap::absolute:
        if (symbols.isNeverNegative(a.integer)) return a;
        if (!a.integer.isNumber() || a.integer.number == std::numeric_limits<int64_t>::min()) return {};
        return fitting(type, Dim(-a.integer.number));
      case ElementMap::ceil:
      case ElementMap::floor:
      case ElementMap::round:
        return a;
      case ElementMap::sign:
        if (!a.integer.isNumber()) return {};
        return Dim((a.integer.number > 0) - (a.integer.number < 0));
      default:
        break;
    }
  }
  if (!x) return {};
  switch (op) {
    case ElementMap::negate:
      return rounded(type, -*x);
    case ElementMap::absolute:
      return rounded(type, std::fabs(*x));
    case ElementMap::ceil:
      return rounded(type, std::ceil(*x));
    case ElementMap::floor:
      return rounded(type, std::floor(*x));
    case ElementMap::round:
      return rounded(type, std::nearbyint(*x));
    case ElementMap::sqrt:
      return rounded(type, std::sqrt(*x));
    case ElementMap::reciprocal:
      return rounded(type, 1 / *x);
    case ElementMap::sign:
      return rounded(type, std::isnan(*x) ? *x : (*x > 0) - (*x < 0));
    case ElementMap::negation:
      break;
  }
  return {};
}

Element cast(DataType from, DataType to, const Element& a) {
  if (!a.isKnown()) return {};
  if (to == DataType::boolean) {
    if (const auto x = a.number()) return Dim(*x != 0 ? 1 : 0);
    return {};
  }
  if (isFloat(to)) {
    if (to == DataType::float16 || to == DataType::bfloat16) return {};
    if (a.kind == Element::Kind::real) return rounded(to, a.real);
    return a;
  }
  if (to != DataType::int64 && to != DataType::int32) {
    const auto whole = a.whole();
    const bool fits = whole && *whole >= 0 && *whole <= 127 && types::integers.contains(to);
    return fits ? Element(Dim(*whole)) : Element();
  }
  if (a.kind == Element::Kind::integer) {
    const bool wraps = to == DataType::int32 && from != DataType::int32 && a.integer.isNumber() &&
                       a.integer.number != static_cast<int32_t>(a.integer.number);
    return wraps ? Element() : Element(a.integer);
  }
  if (!(a.real > -2e9 && a.real < 2e9)) return {};
  return Dim(static_cast<int64_t>(a.real));
}

namespace {

template <class T>
Elements readAs(std::span<const uint8_t> bytes, size_t count) {
  Elements elements;
  elements.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_floating_point_v<T>)
      elements.push_back(Element::of(static_cast<double>(value)));
    else
      elements.push_back(Dim(static_cast<int64_t>(value)));
  }
  return elements;
}

}  // namespace

std::optional<Elements> readElements(DataType type, std::span<const uint8_t> bytes, int64_t count) {
  const unsigned bits = bitsOf(type);
  if (count < 0 || count > maxKnownElements || bits < 8) return std::nullopt;
  const auto size = static_cast<size_t>(count);
  if (bytes.size() != size * (bits / 8)) return std::nullopt;
  switch (type) {
    case DataType::int64:
      return readAs<int64_t>(bytes, size);
    case DataType::int32:
      return readAs<int32_t>(bytes, size);
    case DataType::int16:
      return readAs<int16_t>(bytes, size);
    case DataType::int8:
      return readAs<int8_t>(bytes, size);
    case DataType::uint8:
      return readAs<uint8_t>(bytes, size);
    case DataType::uint16:
      return readAs<uint16_t>(bytes, size);
    case DataType::uint32:
      return readAs<uint32_t>(bytes, size);
    case DataType::boolean:
      return readAs<uint8_t>(bytes, size);
    case DataType::float32:
      return readAs<float>(bytes, size);
    case DataType::float64:
      return readAs<double>(bytes, size);
    default:
      return std::nullopt;
  }
}

std::optional<SmallShape> smallShape(const Dims& dims) {
  SmallShape shape;
  bool empty = false;
  for (const Dim dim : dims) {
    if (!dim.isNumber() || dim.number < 0) return std::nullopt;
    shape.dims.push_back(dim.number);
    empty = empty || dim.number == 0;
  }
  if (empty) shape.count = 0;
  for (const int64_t dim : shape.dims) {
    if (__builtin_mul_overflow(shape.count, dim, &shape.count) || shape.count > maxKnownElements) return std::nullopt;
  }
  return shape;
}

int64_t broadcastPosition(const std::vector<int64_t>& dims, std::span<const int64_t> index) {
  int64_t position = 0;
  const size_t skipped = index.size() - dims.size();
  for (size_t axis = 0; axis < dims.size(); ++axis)
    position = position * dims[axis] + (dims[axis] == 1 ? 0 : index[skipped + axis]);
  return position;
}

}  // namespace pare
