// Pools over spatial dimensions: [batch, channels, spatial…].
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

Status pool(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  const Dims* x = c.dims(0);
  const auto kernel = c.integers("kernel_shape").value_or(std::vector<int64_t>());
  if (!x) {
    for (size_t i = 0; i < c.outputCount(); ++i) c.setRank(i, kernel.size() + 2);
    return Status::success();
  }
  const size_t rank = x->size() - 2;
  rules::Window window;
  if (kernel.size() != rank)
    return c.shapeError("kernel_shape has " + std::to_string(kernel.size()) + " numbers for " + std::to_string(rank) +
                        " spatial dimensions");
  for (const int64_t size : kernel) {
    if (size < 1 || size > INT32_MAX) return c.optionError("kernel_shape has " + std::to_string(size));
    window.kernel.push_back(size);
  }
  if (Status status = rules::readWindow(c, rank, window); !status.ok()) return status;
  window.ceil = c.integer("ceil_mode") != 0;
  Dims result{(*x)[0], (*x)[1]};
  for (size_t i = 0; i < rank; ++i) {
    Dim count;
    if (Status status = rules::windowCount(c, window, i, (*x)[i + 2], count); !status.ok()) return status;
    result.push_back(count);
  }
  c.setDims(1, result);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status globalPool(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  if (const Dims* x = c.dims(0)) {
    Dims result{(*x)[0], (*x)[1]};
    result.resize(x->size(), 1);
    c.setDims(0, std::move(result));
  }
  return Status::success();
}

// The inverse of MaxPool; its output_shape input, where given, decides.
Status maxUnpool(ShapeContext& c) {
  if (c.has(2)) {
    Dims dims;
    bool isKnown = false;
    if (Status status = rules::dimsFromInput(c, 2, dims, isKnown); !status.ok()) return status;
    if (isKnown) c.setDims(0, std::move(dims));
    return Status::success();
  }
  const Dims* x = c.dims(0);
  if (!x) return Status::success();
  if (Status status = c.needRank(0, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  const size_t rank = x->size() - 2;
  const auto kernel = c.integers("kernel_shape").value_or(std::vector<int64_t>());
  rules::Window window;
  if (Status status = rules::readWindow(c, rank, window); !status.ok()) return status;
  if (kernel.size() != rank) return c.shapeError("kernel_shape must have " + std::to_string(rank) + " numbers");
  SymbolTable& symbols = c.symbols();
  Dims result{(*x)[0], (*x)[1]};
  for (size_t i = 0; i < rank; ++i) {
    const Dim steps = symbols.multiply(symbols.subtract((*x)[i + 2], 1), window.strides[i]);
    result.push_back(symbols.subtract(symbols.add(steps, kernel[i]), window.pads[i] + window.pads[i + rank]));
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

OpDef poolOp(const char* name, int since, int until, std::vector<AttributeDef> more, TypeSet types = floats) {
  std::vector<AttributeDef> attributes{{"auto_pad", text, "NOTSET"},
                                       {"kernel_shape", integerList, needed},
                                       {"pads", integerList},
                                       {"strides", integerList}};
  attributes.insert(attributes.end(), more.begin(), more.end());
  return {.name = name,
          .since = since,
          .until = until,
          .inputs = {{"X", "T"}},
          .outputs = {{"Y", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", types}},
          .shape = pool};
}
OpDef maxPool(int since, int until, std::vector<AttributeDef> more) {
  OpDef def = poolOp("MaxPool", since, until, std::move(more), floats | bytes);
  if (since >= 8) def.outputs.push_back({"Indices", i64, optional});
  return def;
}
OpDef globalOp(const char* name, std::vector<AttributeDef> attributes = {}) {
  return {.name = name,
          .inputs = {{"X", "T"}},
          .outputs = {{"Y", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", floats}},
          .shape = globalPool};
}

const AttributeDef ceilMode{"ceil_mode", row::integer, 0}, dilations{"dilations", integerList},
    storageOrder{"storage_order", row::integer, 0}, countPad{"count_include_pad", row::integer, 0},
    power{"p", row::integer, 2};

const OpRows rows({
    maxPool(1, 7, {}),
    maxPool(8, 9, {storageOrder}),
    maxPool(10, 0, {storageOrder, ceilMode, dilations}),
    poolOp("AveragePool", 1, 6, {}),
    poolOp("AveragePool", 7, 9, {countPad}),
    poolOp("AveragePool", 10, 18, {countPad, ceilMode}),
    poolOp("AveragePool", 19, 0, {countPad, ceilMode, dilations}),
    poolOp("LpPool", 2, 17, {power}),
    poolOp("LpPool", 18, 0, {power, ceilMode, dilations}),
    globalOp("GlobalAveragePool"),
    globalOp("GlobalMaxPool"),
    globalOp("GlobalLpPool", {power}),
    {.name = "MaxUnpool",
     .since = 9,
     .inputs = {{"X", "T1"}, {"I", i64}, {"output_shape", i64, optional}},
     .outputs = {{"output", "T1"}},
     .attributes = {{"kernel_shape", integerList, needed}, {"pads", integerList}, {"strides", integerList}},
     .types = {{"T1", floats}},
     .shape = maxUnpool},
});

}  // namespace
}  // namespace pare
