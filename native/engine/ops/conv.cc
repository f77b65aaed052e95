// Convolutions: X [batch, channels, spatial…], W [filters, channels/group, kernel…].
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// kernel_shape, or the dimensions of W from the third on.
Status readKernel(ShapeContext& c, size_t rank, const Dims* w, rules::Window& window) {
  const auto given = c.integers("kernel_shape").value_or(std::vector<int64_t>());
  window.kernel.clear();
  if (given.empty()) {
    for (size_t i = 0; i < rank; ++i) window.kernel.push_back(w ? (*w)[i + 2] : c.fresh());
    return Status::success();
  }
  if (given.size() != rank)
    return c.shapeError("kernel_shape has " + std::to_string(given.size()) + " numbers for " + std::to_string(rank) +
                        " spatial dimensions");
  for (size_t i = 0; i < rank; ++i) {
    Dim joined;
    if (given[i] < 1 || given[i] > INT32_MAX || (w && !c.symbols().join((*w)[i + 2], given[i], joined)))
      return c.shapeError("kernel_shape has " + std::to_string(given[i]) + " at " + std::to_string(i) +
                          "; it must be as in W");
    window.kernel.push_back(given[i]);
  }
  return Status::success();
}

struct Operands {
  size_t x, w, bias;
};

Status checkRanks(ShapeContext& c, const Operands& at) {
  if (Status status = c.needRank(at.x, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  const Dims* x = c.dims(at.x);
  if (!x) return c.needRank(at.w, 3, SIZE_MAX, "filters, channels, kernel");
  return c.needRank(at.w, x->size(), x->size(), "as many as X");
}

Status convolution(ShapeContext& c, const Operands& at) {
  if (Status status = checkRanks(c, at); !status.ok()) return status;
  const Dims *x = c.dims(at.x), *w = c.dims(at.w);
  const int64_t group = c.integer("group");
  if (group < 1) return c.optionError("group is " + std::to_string(group) + "; it must be 1 or more");
  if (!x) {
    if (w) c.setRank(0, w->size());
    return Status::success();
  }
  SymbolTable& symbols = c.symbols();
  if (w) {
    const Dim channels = symbols.multiply((*w)[1], group);
    Dim joined;
    if (!symbols.join((*x)[1], channels, joined))
      return c.shapeError("with group " + std::to_string(group) + " X must have " + c.name(channels) + " channels");
    if ((*w)[0].isNumber() && (*w)[0].number % group != 0)
      return c.shapeError("the " + c.name((*w)[0]) + " filters of W do not divide into " + std::to_string(group) +
                          " groups");
    if (Status status = rules::needSize(c, at.bias, 0, (*w)[0], "the bias must have one number a filter"); !status.ok())
      return status;
  }
  const size_t rank = x->size() - 2;
  rules::Window window;
  if (Status status = readKernel(c, rank, w, window); !status.ok()) return status;
  if (Status status = rules::readWindow(c, rank, window); !status.ok()) return status;
  Dims result{(*x)[0], w ? (*w)[0] : c.fresh()};
  for (size_t i = 0; i < rank; ++i) {
    Dim count;
    if (Status status = rules::windowCount(c, window, i, (*x)[i + 2], count); !status.ok()) return status;
    result.push_back(count);
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status conv(ShapeContext& c) { return convolution(c, {0, 1, 2}); }
Status convInteger(ShapeContext& c) { return convolution(c, {0, 1, 9}); }
Status qlinearConv(ShapeContext& c) { return convolution(c, {0, 3, 8}); }
Status deformConv(ShapeContext& c) { return convolution(c, {0, 1, 3}); }

// W is [channels, filters/group, kernel…]; https://onnx.ai/onnx/operators/onnx__ConvTranspose.html has the formula.
Status convTranspose(ShapeContext& c) {
  const Operands at{0, 1, 2};
  if (Status status = checkRanks(c, at); !status.ok()) return status;
  const Dims *x = c.dims(0), *w = c.dims(1);
  const int64_t group = c.integer("group");
  if (group < 1) return c.optionError("group is " + std::to_string(group) + "; it must be 1 or more");
  if (!x) {
    if (w) c.setRank(0, w->size());
    return Status::success();
  }
  if (w)
    if (Status status = rules::needSize(c, 0, 1, (*w)[0], "X must have as many channels as W begins with");
        !status.ok())
      return status;
  const size_t rank = x->size() - 2;
  rules::Window window;
  if (Status status = readKernel(c, rank, w, window); !status.ok()) return status;
  if (Status status = rules::readWindow(c, rank, window); !status.ok()) return status;
  SymbolTable& symbols = c.symbols();
  Dims result{(*x)[0], w ? symbols.multiply((*w)[1], group) : c.fresh()};
  auto wanted = c.integers("output_shape").value_or(std::vector<int64_t>());
  // Some exporters list batch and channels too.
  if (wanted.size() == rank + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);
  auto extra = c.integers("output_padding").value_or(std::vector<int64_t>());
  if (extra.empty()) extra.assign(rank, 0);
  if (extra.size() != rank || (!wanted.empty() && wanted.size() != rank))
    return c.shapeError("output_shape and output_padding must have " + std::to_string(rank) + " numbers");
  for (size_t i = 0; i < rank; ++i) {
    if (!wanted.empty()) {
      result.push_back(wanted[i]);
      continue;
    }
    if (extra[i] < 0 || extra[i] > INT32_MAX)
      return c.optionError("output_padding has " + std::to_string(extra[i]) + "; it must be 0 or more");
    const Dim stride = window.strides[i];
    if (window.padding == rules::Window::Padding::same) {
      result.push_back(symbols.multiply((*x)[i + 2], stride));
      continue;
    }
    const bool isPadded = window.padding == rules::Window::Padding::given;
    const int64_t pads = isPadded ? window.pads[i] + window.pads[i + rank] : 0;
    const Dim extent = symbols.multiply(symbols.subtract(window.kernel[i], 1), window.dilations[i]);
    const Dim steps = symbols.multiply(symbols.subtract((*x)[i + 2], 1), stride);
    result.push_back(symbols.add(symbols.add(steps, extent), extra[i] + 1 - pads));
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

// The inverse of unfolding blocks: [batch, channels·block, places] → [batch, channels, image…].
Status col2im(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, 3, "batch, channels by block, places"); !status.ok()) return status;
  Dims image;
  bool isKnown = false;
  if (Status status = rules::dimsFromInput(c, 1, image, isKnown); !status.ok()) return status;
  const Dims* x = c.dims(0);
  if (!isKnown) return Status::success();
  Dim channels = c.fresh();
  const auto block = c.numbers(2);
  if (x && block) {
    Dim size = 1;
    for (const int64_t one : *block) size = c.symbols().multiply(size, one);
    if (size.isNumber() && size.number > 0) channels = c.symbols().floorDivide((*x)[1], size);
  }
  Dims result{x ? (*x)[0] : c.fresh(), channels};
  result.insert(result.end(), image.begin(), image.end());
  c.setDims(0, std::move(result));
  return Status::success();
}

std::vector<AttributeDef> windowAttributes(std::vector<AttributeDef> more = {}) {
  more.insert(more.end(), {{"auto_pad", text, "NOTSET"},
                           {"dilations", integerList},
                           {"group", row::integer, 1},
                           {"kernel_shape", integerList},
                           {"pads", integerList},
                           {"strides", integerList}});
  return more;
}

const OpRows rows({
    {.name = "Conv",
     .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = windowAttributes(),
     .types = {{"T", floats}},
     .shape = conv},
    {.name = "ConvTranspose",
     .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = windowAttributes({{"output_padding", integerList}, {"output_shape", integerList}}),
     .types = {{"T", floats}},
     .shape = convTranspose},
    {.name = "ConvInteger",
     .since = 10,
     .inputs = {{"x", "T1"}, {"w", "T2"}, {"x_zero_point", "T1", optional}, {"w_zero_point", "T2", optional}},
     .outputs = {{"y", i32}},
     .attributes = windowAttributes(),
     .types = {{"T1", bytes}, {"T2", bytes}},
     .shape = convInteger},
    {.name = "QLinearConv",
     .since = 10,
     .inputs = {{"x", "T1"},
                {"x_scale", f32},
                {"x_zero_point", "T1"},
                {"w", "T2"},
                {"w_scale", f32},
                {"w_zero_point", "T2"},
                {"y_scale", f32},
                {"y_zero_point", "T3"},
                {"B", i32, optional}},
     .outputs = {{"y", "T3"}},
     .attributes = windowAttributes(),
     .types = {{"T1", bytes}, {"T2", bytes}, {"T3", bytes}},
     .shape = qlinearConv},
    {.name = "DeformConv",
     .since = 19,
     .inputs = {{"X", "T"}, {"W", "T"}, {"offset", "T"}, {"B", "T", optional}, {"mask", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"dilations", integerList},
                    {"group", integer, 1},
                    {"kernel_shape", integerList},
                    {"offset_group", integer, 1},
                    {"pads", integerList},
                    {"strides", integerList}},
     .types = {{"T", floats}},
     .shape = deformConv},
    {.name = "Col2Im",
     .since = 18,
     .inputs = {{"input", "T"}, {"image_shape", i64}, {"block_shape", i64}},
     .outputs = {{"output", "T"}},
     .attributes = {{"dilations", integerList}, {"pads", integerList}, {"strides", integerList}},
     .types = {{"T", any}},
     .shape = col2im},
    {.domain = microsoft,
     .name = "FusedConv",
     .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", optional}, {"Z", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = windowAttributes({{"activation", text}, {"activation_params", realList}}),
     .types = {{"T", floats}},
     .shape = conv},
});

}  // namespace
}  // namespace pare
