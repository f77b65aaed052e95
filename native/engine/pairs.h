// Functions of two tensors that broadcast, whatever their element types: which walk they take, and loops for types that
// have no kernels.
#pragma once

#include "engine/broadcast.h"

namespace pare {

struct RunContext;

// A tensor as a broadcast sees it: its elements, at any address, and its dimensions.
struct Operand {
  const void* data;
  std::span<const int64_t> dims;

  size_t count() const {
    size_t product = 1;
    for (const int64_t dim : dims) product *= static_cast<size_t>(dim);
    return product;
  }
};

// A node's first two inputs, B as its version's rules lay it beside A. PARE_SHAPE where they do not broadcast to the
// dimensions of the output: its rule may not have looked.
struct OperandPair {
  Operand a, b;
  std::vector<int64_t> aligned;  // dimensions of B where they are not its own

  static Status of(const RunContext& context, OperandPair& pair);
};
// Whether `dims` broadcast to `result`.
bool broadcastsTo(std::span<const int64_t> dims, std::span<const int64_t> result);

// Whether each side of a row is an array or one number.
enum class PairForm : uint8_t { arrays, numberRight, numberLeft };

inline BinaryKernels::Function kernelFor(const BinaryKernels::Forms& forms, PairForm form) {
  return form == PairForm::arrays ? forms.arrays : form == PairForm::numberRight ? forms.numberRight : forms.numberLeft;
}

// Calls row(form, a, b, start, length) for rows of the result, on the execution's threads: where both sides' elements
// begin, and the row's place in the result. Equal shapes and single numbers take no walk: tiny tensors are many.
template <class Row>
Status forEachPair(const Execution& execution, const Operand& a, size_t aSize, const Operand& b, size_t bSize,
                   Row&& row) {
  const auto* left = static_cast<const uint8_t*>(a.data);
  const auto* right = static_cast<const uint8_t*>(b.data);
  const size_t aCount = a.count(), bCount = b.count();
  const bool isSame = std::equal(a.dims.begin(), a.dims.end(), b.dims.begin(), b.dims.end());
  if (isSame || aCount == 1 || bCount == 1) {
    const PairForm form = isSame || aCount == bCount ? PairForm::arrays
                          : bCount == 1              ? PairForm::numberRight
                                                     : PairForm::numberLeft;
    const size_t aStep = form == PairForm::numberLeft ? 0 : aSize, bStep = form == PairForm::numberRight ? 0 : bSize;
    execution.forEachChunk(bCount == 1 ? aCount : bCount, elementwiseGrain, [&](size_t begin, size_t end) {
      row(form, left + begin * aStep, right + begin * bStep, begin, end - begin);
    });
    return execution.outcome();
  }
  const BroadcastWalk::Input inputs[] = {{a.data, a.dims, aSize}, {b.data, b.dims, bSize}};
  BroadcastWalk walk;
  if (Status status = BroadcastWalk::create(inputs, walk); !status.ok()) return status;
  const PairForm form = !walk.isArray(0)   ? PairForm::numberLeft
                        : !walk.isArray(1) ? PairForm::numberRight
                                           : PairForm::arrays;
  walk.forEachRow(execution, elementwiseGrain, [&](size_t start, size_t length, const BroadcastWalk::Pointers& from) {
    row(form, from[0], from[1], start, length);
  });
  return execution.outcome();
}

// out[i] = function(a[i], b[i]), of the shape that both broadcast to; `out` may be a side that has this shape.
template <class A, class B, class Out, class Function>
Status mapPairs(const Execution& execution, const Operand& a, const Operand& b, void* out, Function function) {
  return forEachPair(execution, a, sizeof(A), b, sizeof(B),
                     [&](PairForm form, const uint8_t* left, const uint8_t* right, size_t start, size_t length) {
                       const auto* x = reinterpret_cast<const typename Unaligned<A>::Type*>(left);
                       const auto* y = reinterpret_cast<const typename Unaligned<B>::Type*>(right);
                       auto* to = static_cast<typename Unaligned<Out>::Type*>(out) + start;
                       if (form == PairForm::arrays) {
                         for (size_t i = 0; i < length; i++) to[i] = function(A{x[i]}, B{y[i]});
                       } else if (form == PairForm::numberRight) {
                         const B number = *y;
                         for (size_t i = 0; i < length; i++) to[i] = function(A{x[i]}, number);
                       } else {
                         const A number = *x;
                         for (size_t i = 0; i < length; i++) to[i] = function(number, B{y[i]});
                       }
                     });
}

}  // namespace pare
