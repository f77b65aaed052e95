// Shape rules that several kinds of op share (see shape-rules.h).
#include "engine/shape-rules.h"

#include <algorithm>

namespace pare::rules {

Status sameAsFirst(ShapeContext& context) {
  if (const Dims* dims = context.dims(0)) context.setDims(0, *dims);
  return Status::success();
}

Status copyOfFirst(ShapeContext& context) {
  if (context.outputCount() == 0) return Status::success();
  const DataType bound = context.out(0).dtype;
  context.out(0) = context.in(0);
  if (context.out(0).dtype == DataType::undefined) context.out(0).dtype = bound;
  return Status::success();
}

bool broadcastDims(SymbolTable& symbols, const Dims& a, const Dims& b, Dims& result) {
  const size_t rank = std::max(a.size(), b.size());
  Dims dims(rank);
  for (size_t i = 0; i < rank; ++i) {
    const Dim x = i < rank - a.size() ? Dim(1) : a[i - (rank - a.size())];
    const Dim y = i < rank - b.size() ? Dim(1) : b[i - (rank - b.size())];
    if (!symbols.broadcast(x, y, dims[i])) return false;
  }
  result = std::move(dims);
  return true;
}

Status broadcastAll(ShapeContext& context) {
  Dims dims;
  for (size_t i = 0; i < context.inputCount(); ++i) {
    if (!context.has(i)) continue;
    const Dims* one = context.dims(i);
    if (!one) return Status::success();
    if (!broadcastDims(context.symbols(), dims, *one, dims))
      return context.shapeError("dimensions aligned at the last must be equal, or one of them 1");
  }
  context.setDims(0, std::move(dims));
  return Status::success();
}

Elements spread(const ShapeContext& context, size_t input, const SmallShape& shape) {
  const Elements* from = context.elements(input);
  const auto given = from ? smallShape(*context.dims(input)) : std::nullopt;
  if (!given) return Elements(static_cast<size_t>(shape.count));
  return arrange(shape, *from, [&](auto index) { return broadcastPosition(given->dims, index); });
}

Status combineAll(ShapeContext& context, ElementOp op) {
  if (Status status = broadcastAll(context); !status.ok()) return status;
  if (!context.elements(0) && !context.elements(1)) return Status::success();
  // One side known is worth following: a symbol stands for each unknown integer of the other.
  for (const size_t input : {0, 1})
    if (!context.elements(input) && !context.integerElements(input)) return Status::success();
  if (context.outputCount() == 0) return Status::success();
  const auto shape = smallShape(context.out(0).dims);
  if (!shape) return Status::success();
  Elements left = spread(context, 0, *shape);
  const Elements right = spread(context, 1, *shape);
  for (size_t i = 0; i < left.size(); ++i)
    left[i] = combine(context.symbols(), op, context.in(0).dtype, left[i], right[i]);
  context.setElements(0, std::move(left));
  return Status::success();
}

Status needSize(ShapeContext& context, size_t input, size_t axis, Dim size, const std::string& what) {
  const Dims* dims = context.dims(input);
  Dim joined;
  if (!dims || axis >= dims->size() || context.symbols().join((*dims)[axis], size, joined)) return Status::success();
  return context.shapeError(what + " (" + context.name(size) + ", got " + context.name((*dims)[axis]) + ")");
}

Cut cut(int64_t size, int64_t start, int64_t end, int64_t step) {
  int64_t first = start < 0 ? std::max(start, -size - 1) + size : std::min(start, size);
  int64_t last = end < 0 ? std::max(end, -size - 1) + size : std::min(end, size);
  if (step > 0) {
    first = std::clamp<int64_t>(first, 0, size);
    last = std::clamp<int64_t>(last, 0, size);
    return {first, last > first ? (last - first - 1) / step + 1 : 0};
  }
  first = std::clamp<int64_t>(first, -1, size - 1);
  last = std::clamp<int64_t>(last, -1, size - 1);
  // −(last − first) and −step stay in range: the first is at most size, the second may be INT64_MIN.
  const uint64_t stride = -static_cast<uint64_t>(step);
  return {first, first > last ? static_cast<int64_t>((static_cast<uint64_t>(first - last) - 1) / stride + 1) : 0};
}

Status dimsFromInput(ShapeContext& context, size_t input, Dims& dims, bool& isKnown) {
  isKnown = false;
  if (Status status = context.needRank(input, 1, 1, "a list of sizes"); !status.ok()) return status;
  dims.clear();
  if (const Elements* elements = context.integerElements(input)) {
    for (const Element& one : *elements) {
      if (one.integer.isNumber() && one.integer.number < 0)
        return context.shapeError("a size is negative: " + std::to_string(one.integer.number));
      dims.push_back(one.integer);
    }
    isKnown = true;
  }
  return Status::success();
}

Status typeFromAttribute(ShapeContext& context, std::string_view attribute, DataType otherwise) {
  if (!context.hasAttribute(attribute)) {
    context.setType(0, otherwise);
    return Status::success();
  }
  const int64_t number = context.integer(attribute);
  const DataType type = dataTypeOf(number);
  if (type == DataType::undefined)
    return context.optionError("the attribute " + std::string(attribute) + " is " + std::to_string(number) +
                               ", which is not the number of a type");
  context.setType(0, type);
  return Status::success();
}

Status readWindow(ShapeContext& context, size_t rank, Window& window) {
  const std::string_view padding = context.text("auto_pad");
  if (padding == "SAME_UPPER" || padding == "SAME_LOWER")
    window.padding = Window::Padding::same;
  else if (padding == "VALID")
    window.padding = Window::Padding::valid;
  else if (!padding.empty() && padding != "NOTSET")
    return context.optionError("auto_pad is " + std::string(padding) +
                               "; it must be NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  const auto read = [&](const char* name, size_t length, int64_t otherwise, int64_t least,
                        std::vector<int64_t>& values) {
    values = context.integers(name).value_or(std::vector<int64_t>());
    if (values.empty()) values.assign(length, otherwise);
    if (values.size() != length)
      return context.shapeError(std::string(name) + " has " + std::to_string(values.size()) + " numbers; " +
                                std::to_string(length) + " fit the " + std::to_string(rank) + " spatial dimensions");
    // Beyond 31 bits lies no tensor, and sums of a few such numbers stay far from 64 bits.
    for (const int64_t value : values)
      if (value < least || value > INT32_MAX)
        return context.optionError(std::string(name) + " has " + std::to_string(value) + "; it must be " +
                                   std::to_string(least) + " or more, and below 2³¹");
    return Status::success();
  };
  if (Status status = read("strides", rank, 1, 1, window.strides); !status.ok()) return status;
  if (Status status = read("dilations", rank, 1, 1, window.dilations); !status.ok()) return status;
  // A negative pad crops, which ONNX Runtime allows.
  return read("pads", 2 * rank, 0, -INT32_MAX, window.pads);
}

Status windowCount(ShapeContext& context, const Window& window, size_t axis, Dim size, Dim& count) {
  SymbolTable& symbols = context.symbols();
  const int64_t stride = window.strides[axis];
  if (window.padding == Window::Padding::same) {
    count = symbols.ceilDivide(size, stride);
    return Status::success();
  }
  const bool isPadded = window.padding == Window::Padding::given;
  const int64_t begin = isPadded ? window.pads[axis] : 0;
  const int64_t end = isPadded ? window.pads[axis + window.strides.size()] : 0;
  // The kernel covers (kernel − 1)·dilation + 1 places.
  const Dim extent = symbols.add(symbols.multiply(symbols.subtract(window.kernel[axis], 1), window.dilations[axis]), 1);
  const Dim room = symbols.subtract(symbols.add(size, begin + end), extent);
  if (room.isNumber() && room.number < 0 && !(size.is(0)))
    return context.shapeError("the kernel covers " + context.name(extent) + ", more than the " + context.name(size) +
                              " of spatial dimension " + std::to_string(axis) + " with pads " + std::to_string(begin) +
                              " and " + std::to_string(end));
  if (!window.ceil) {
    count = symbols.add(symbols.floorDivide(room, stride), 1);
    return Status::success();
  }
  count = symbols.add(symbols.ceilDivide(room, stride), 1);
  // A last window that would start in the padding at the end is left out.
  if (count.isNumber() && size.isNumber()) {
    if ((count.number - 1) * stride >= size.number + begin) count = count.number - 1;
  } else if (!extent.isNumber() || end + stride > extent.number) {
    count = context.fresh();
  }
  return Status::success();
}

}  // namespace pare::rules
