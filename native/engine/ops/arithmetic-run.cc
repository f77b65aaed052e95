// Running arithmetic on two tensors that broadcast.
//
// Integers wrap round; one divided by zero, or its remainder, is 0 (ONNX Runtime ends the process); shifts by an
// element's width or more give 0.
#include <cmath>
#include <limits>

#include "engine/elementwise.h"
#include "engine/pairs.h"
#include "engine/run.h"
#include "engine/scratch.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

using namespace types;

// Where neither overflow nor promotion to int is undefined.
template <class T>
using Wide = std::conditional_t<sizeof(T) < 4, uint32_t, std::make_unsigned_t<T>>;

struct Add {
  static constexpr Binary kernel = Binary::add;
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return a + b;
    else
      return static_cast<T>(static_cast<Wide<T>>(a) + static_cast<Wide<T>>(b));
  }
};

struct Sub {
  static constexpr Binary kernel = Binary::sub;
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return a - b;
    else
      return static_cast<T>(static_cast<Wide<T>>(a) - static_cast<Wide<T>>(b));
  }
};

struct Mul {
  static constexpr Binary kernel = Binary::mul;
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      return a * b;
    else
      return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
  }
};

struct Div {
  static constexpr Binary kernel = Binary::div;
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return a / b;
    } else {
      if (b == 0) return 0;
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return Sub::apply(T{0}, a);
      return static_cast<T>(a / b);
    }
  }
};

struct PRelu {
  static constexpr Binary kernel = Binary::prelu;
  template <class T>
  static T apply(T a, T b) {
    return a < 0 ? Mul::apply(a, b) : a;
  }
};

// fmod = 1: the remainder has the sign of a, as C's.
struct ModLikeA {
  static constexpr Binary kernel = Binary::mod;
  template <class T>
  static T apply(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return std::fmod(a, b);
    } else {
      if (b == 0) return 0;
      if constexpr (std::is_signed_v<T>)
        if (b == -1) return 0;
      return static_cast<T>(a % b);
    }
  }
};

// fmod = 0: it has the sign of b, as Python's.
struct ModLikeB {
  template <class T>
  static T apply(T a, T b) {
    const T rest = ModLikeA::apply(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  }
};

Status runFloats(const RunContext& c, Binary function, const Operand& a, const Operand& b) {
  return mapBinary(*c.execution, function, static_cast<const UnalignedFloat*>(a.data), a.dims,
                   static_cast<const UnalignedFloat*>(b.data), b.dims, c.out(0).floats());
}

template <class Op, class T>
Status runOthers(const RunContext& c, const OperandPair& pair) {
  return mapPairs<T, T, T>(*c.execution, pair.a, pair.b, c.out(0).data, [](T x, T y) { return Op::apply(x, y); });
}

template <class Op>
Status runArithmetic(RunContext& c) {
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  const DataType dtype = c.in(0).dtype;
  if (dtype == DataType::float32) return runFloats(c, Op::kernel, pair.a, pair.b);
  return visitOther(dtype, [&](auto zero) { return runOthers<Op, decltype(zero)>(c, pair); });
}

Status runMod(RunContext& c) {
  if (c.reader().integer("fmod") != 0) return runArithmetic<ModLikeA>(c);
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  if (c.in(0).dtype == DataType::float32) return runOthers<ModLikeB, float>(c, pair);
  return visitOther(c.in(0).dtype, [&](auto zero) { return runOthers<ModLikeB, decltype(zero)>(c, pair); });
}

// By squaring; a negative exponent leaves what integers can hold of 1 / x, and 0 of 1 / 0.
template <class T>
T powerOf(T base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? static_cast<T>(exponent % 2 == 0 ? 1 : -1) : 0;
  T result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = Mul::apply(result, base);
    base = Mul::apply(base, base);
  }
  return result;
}
template <class T>
T powerOf(T base, double exponent) {
  const double power = std::pow(static_cast<double>(base), exponent);
  if constexpr (std::is_floating_point_v<T>) {
    return power;
  } else {
    // As for Cast, the least number stands for what does not fit.
    constexpr double bound = -static_cast<double>(std::numeric_limits<T>::lowest());
    return power >= -bound && power < bound ? static_cast<T>(power) : std::numeric_limits<T>::lowest();
  }
}

template <class T, class Exponent>
Status runPowOf(RunContext& c, const Operand& x, const Operand& y) {
  return mapPairs<T, Exponent, T>(*c.execution, x, y, c.out(0).data, [](T a, Exponent b) { return powerOf(a, b); });
}

// Exponents of another type are converted first: they are few.
template <class To>
void convertExponents(const TensorView& from, To* to) {
  const auto convert = [&](auto zero) {
    const auto* in = from.as<decltype(zero)>();
    for (size_t i = 0, count = from.count(); i < count; i++) to[i] = static_cast<To>(in[i]);
  };
  if (from.dtype == DataType::float32)
    convert(float{});
  else
    visitOther(from.dtype, convert);
}

template <class To, class Run>
Status withExponents(const TensorView& from, const Operand& y, Run&& run) {
  const Scratch scratch(std::max<size_t>(from.count(), 1) * sizeof(To));
  if (!scratch.data()) return Status::memory("no memory for the exponents of Pow");
  convertExponents(from, scratch.as<To>());
  return run(Operand{scratch.data(), y.dims});
}

Status runPow(RunContext& c) {
  const TensorView& exponents = c.in(1);
  const DataType dtype = c.in(0).dtype;
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  const Operand& x = pair.a;
  if (dtype == DataType::float32 && exponents.dtype == dtype) return runFloats(c, Binary::pow, x, pair.b);
  if (dtype == DataType::float32)
    return withExponents<float>(exponents, pair.b, [&](const Operand& y) { return runFloats(c, Binary::pow, x, y); });
  // float64 holds large uint64 better than int64.
  const bool isWhole = integers.contains(exponents.dtype) && exponents.dtype != DataType::uint64;
  if (dtype != DataType::float64 && isWhole)
    return withExponents<int64_t>(exponents, pair.b, [&](const Operand& y) {
      return dtype == DataType::int32 ? runPowOf<int32_t, int64_t>(c, x, y) : runPowOf<int64_t, int64_t>(c, x, y);
    });
  return withExponents<double>(exponents, pair.b, [&](const Operand& y) {
    return dtype == DataType::int32   ? runPowOf<int32_t, double>(c, x, y)
           : dtype == DataType::int64 ? runPowOf<int64_t, double>(c, x, y)
                                      : runPowOf<double, double>(c, x, y);
  });
}

// ---- Bits
struct ShiftLeft {
  template <class T>
  static T apply(T a, T b) {
    return b < std::numeric_limits<T>::digits ? static_cast<T>(static_cast<uint64_t>(a) << b) : T{0};
  }
};
struct ShiftRight {
  template <class T>
  static T apply(T a, T b) {
    return b < std::numeric_limits<T>::digits ? static_cast<T>(a >> b) : T{0};
  }
};
struct And {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  static T apply(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};

template <class Op>
Status runBits(RunContext& c) {
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  return visitInteger(c.in(0).dtype, [&](auto zero) { return runOthers<Op, decltype(zero)>(c, pair); });
}

template <class T>
Status shift(RunContext& c, bool isLeft) {
  OperandPair pair;
  if (Status status = OperandPair::of(c, pair); !status.ok()) return status;
  return isLeft ? runOthers<ShiftLeft, T>(c, pair) : runOthers<ShiftRight, T>(c, pair);
}
Status runBitShift(RunContext& c) {
  const bool isLeft = c.reader().text("direction") == "LEFT";
  switch (c.in(0).dtype) {
    case DataType::uint16:
      return shift<uint16_t>(c, isLeft);
    case DataType::uint32:
      return shift<uint32_t>(c, isLeft);
    case DataType::uint64:
      return shift<uint64_t>(c, isLeft);
    default:
      return shift<uint8_t>(c, isLeft);
  }
}
Status prepareBitShift(PrepareContext& c) {
  const std::string_view direction = c.text("direction");
  if (direction == "LEFT" || direction == "RIGHT") return Status::success();
  return Status::model(c.label() + ": direction is \"" + std::string(direction) + "\"; it must be LEFT or RIGHT");
}

Status prepareNumbers(PrepareContext& c) {
  constexpr TypeSet runs = f32 | f64 | integers;
  if (Status status = c.needType(runs, 0); !status.ok()) return status;
  return c.needType(runs, 1);
}

const OpRuns runs({
    {"Add", runArithmetic<Add>, prepareNumbers},
    {"Sub", runArithmetic<Sub>, prepareNumbers},
    {"Mul", runArithmetic<Mul>, prepareNumbers},
    {"Div", runArithmetic<Div>, prepareNumbers},
    {"PRelu", runArithmetic<PRelu>, prepareNumbers},
    {"Mod", runMod, prepareNumbers},
    {"Pow", runPow, prepareNumbers},
    {"BitShift", runBitShift, prepareBitShift},
    {"BitwiseAnd", runBits<And>},
    {"BitwiseOr", runBits<Or>},
    {"BitwiseXor", runBits<Xor>},
});

}  // namespace
}  // namespace pare
