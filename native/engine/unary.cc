// Functions of one element of any type (see unary.h).
#include "engine/unary.h"

#include <utility>

#include "engine/elementwise.h"
#include "engine/visit-type.h"
#include "kernels/unary-definition.h"

namespace pare {
namespace {

using Map = void (*)(const void* in, void* out, size_t count, UnaryParameters parameters);

// A constant function makes a loop of its own.
template <size_t function>
void mapDoubles(const void* in, void* out, size_t count, UnaryParameters parameters) {
  const auto* from = static_cast<const Unaligned<double>::Type*>(in);
  auto* to = static_cast<Unaligned<double>::Type*>(out);
  for (size_t i = 0; i < count; i++)
    to[i] = definition::evaluate<double>(static_cast<Unary>(function), from[i], parameters.alpha, parameters.beta);
}
template <size_t... functions>
Map doubleMap(Unary function, std::index_sequence<functions...>) {
  static constexpr Map maps[] = {mapDoubles<functions>...};
  return maps[static_cast<size_t>(function)];
}

template <class T>
T evaluateInteger(Unary function, T x) {
  const auto negative = static_cast<T>(0 - static_cast<uint64_t>(x));
  switch (function) {
    case Unary::abs:
      return x < 0 ? negative : x;
    case Unary::neg:
      return negative;
    case Unary::sign:
      return static_cast<T>((x > 0) - (x < 0));
    default:
      return x < 0 ? T{0} : x;  // relu
  }
}

}  // namespace

TypeSet typesOf(Unary function) {
  using namespace types;
  switch (function) {
    case Unary::abs:
    case Unary::neg:
    case Unary::sign:
    case Unary::relu:
      return f32 | f64 | integers;
    default:
      return f32 | f64;
  }
}

Status mapUnary(const Execution& execution, Unary function, DataType dtype, const void* in, void* out, size_t count,
                UnaryParameters parameters) {
  if (dtype == DataType::float32)
    return mapUnary(execution, function, static_cast<const UnalignedFloat*>(in), static_cast<UnalignedFloat*>(out),
                    count, parameters);
  if (dtype == DataType::float64) {
    const Map map = doubleMap(function, std::make_index_sequence<unaryCount>{});
    execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      map(static_cast<const uint8_t*>(in) + begin * 8, static_cast<uint8_t*>(out) + begin * 8, end - begin, parameters);
    });
    return execution.outcome();
  }
  visitInteger(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto* from = static_cast<const typename Unaligned<T>::Type*>(in);
    auto* to = static_cast<typename Unaligned<T>::Type*>(out);
    execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; i++) to[i] = evaluateInteger<T>(function, from[i]);
    });
  });
  return execution.outcome();
}

}  // namespace pare
