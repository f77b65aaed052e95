// Shape rules, and parts of them, that several kinds of op share.
#pragma once

#include "engine/shape.h"

namespace pare::rules {

// The first output is as the first input.
Status sameAsFirst(ShapeContext& context);
// The same, elements included: Identity, and Dropout when nothing is trained.
Status copyOfFirst(ShapeContext& context);
// The first output is what inputs 0, 1 (and 2 …) broadcast to.
Status broadcastAll(ShapeContext& context);

// The same for two inputs whose elements are followed; comparisons too.
Status combineAll(ShapeContext& context, ElementOp op);
template <ElementOp op>
Status combined(ShapeContext& context) {
  return combineAll(context, op);
}
// The elements of an input, broadcast to `shape`; unknown ones where it is not known.
Elements spread(const ShapeContext& context, size_t input, const SmallShape& shape);

// What two lists of dimensions broadcast to, aligned at the last; false where they cannot.
bool broadcastDims(SymbolTable& symbols, const Dims& a, const Dims& b, Dims& result);

// dims[input][axis] must be `size`; `what` says why, for the error.
Status needSize(ShapeContext& context, size_t input, size_t axis, Dim size, const std::string& what);

// The first output has the dimensions that an integer input lists; unknown ones are fresh.
Status dimsFromInput(ShapeContext& context, size_t input, Dims& dims, bool& isKnown);

// An attribute that names a type sets the first output's; without it `otherwise` holds.
Status typeFromAttribute(ShapeContext& context, std::string_view attribute, DataType otherwise);

// One axis of a Slice: where it starts, and how many elements it leaves; `step` is not 0.
struct Cut {
  int64_t start, count;
};
Cut cut(int64_t size, int64_t start, int64_t end, int64_t step);

// A window that slides over spatial dimensions: convolutions and pools.
struct Window {
  std::vector<Dim> kernel;
  std::vector<int64_t> strides, dilations, pads;  // pads: all begins, then all ends
  enum class Padding : uint8_t { given, same, valid } padding = Padding::given;
  bool ceil = false;
};
// Reads auto_pad, strides, dilations, pads (missing ones: 1, 1, 0) for `rank` spatial dimensions and checks them.
Status readWindow(ShapeContext& context, size_t rank, Window& window);
// How many places the window has along a spatial axis.
Status windowCount(ShapeContext& context, const Window& window, size_t axis, Dim size, Dim& count);

}  // namespace pare::rules
