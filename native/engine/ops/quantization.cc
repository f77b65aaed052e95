// Quantization: QuantizeLinear and kin, weights of few bits, and ONNX Runtime's quantized ops.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// Scales are one number, one along `axis`, or one a block of it; the zero point is as the scale.
Status checkScale(ShapeContext& c) {
  const Dims *x = c.dims(0), *scale = c.dims(1);
  if (!x || !scale) return Status::success();
  const bool hasAxis = c.def().attribute("axis") != nullptr;
  const int64_t block = c.integer("block_size");
  if (block < 0) return c.optionError("block_size is " + std::to_string(block) + "; it must be 0 or more");
  if (block > 0) {
    size_t axis = 0;
    if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
    if (Status status = c.needRank(1, x->size(), x->size(), "as many as x, by blocks"); !status.ok()) return status;
    for (size_t i = 0; i < x->size(); ++i) {
      const Dim wanted = i == axis ? c.symbols().ceilDivide((*x)[i], block) : (*x)[i];
      const std::string what = i == axis ? "the scale must have one number a block of " + std::to_string(block)
                                         : "the scale must be as x but along axis " + std::to_string(axis);
      if (Status status = rules::needSize(c, 1, i, wanted, what); !status.ok()) return status;
    }
  } else {
    if (Status status = c.needRank(1, 0, 1, "one number, or one along the axis"); !status.ok()) return status;
    if (hasAxis && scale->size() == 1 && !(*scale)[0].is(1)) {
      size_t axis = 0;
      if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
      if (Status status = rules::needSize(c, 1, 0, (*x)[axis],
                                          "the scale must be one number, or one along axis " + std::to_string(axis));
          !status.ok())
        return status;
    }
  }
  if (const Dims* zero = c.dims(2)) {
    Dims joined;
    const auto count = [](const Dims& dims) { return dims.size() == 1 && dims[0].is(1) ? size_t{0} : dims.size(); };
    if (count(*zero) != count(*scale)) return c.shapeError("the zero point must be as the scale");
    for (size_t i = 0; i < count(*scale); ++i)
      if (Status status = rules::needSize(c, 2, i, (*scale)[i], "the zero point must be as the scale"); !status.ok())
        return status;
  }
  return Status::success();
}

Status quantizeLinear(ShapeContext& c) {
  if (Status status = checkScale(c); !status.ok()) return status;
  if (!c.has(2)) {
    const int64_t given = c.integer("output_dtype");
    c.setType(0, given == 0 ? DataType::uint8 : dataTypeOf(given));
  }
  return rules::sameAsFirst(c);
}

Status dequantizeLinear(ShapeContext& c) {
  if (Status status = checkScale(c); !status.ok()) return status;
  if (const int64_t given = c.integer("output_dtype"); given != 0) c.setType(0, dataTypeOf(given));
  return rules::sameAsFirst(c);
}

Status dynamicQuantizeLinear(ShapeContext& c) {
  c.setDims(1, {});
  c.setDims(2, {});
  return rules::sameAsFirst(c);
}

// A [… K] by packed weights of K × N.
Status matmulPacked(ShapeContext& c) {
  if (Status status = c.needRank(0, 1, SIZE_MAX, "…, K"); !status.ok()) return status;
  const int64_t k = c.integer("K"), n = c.integer("N");
  if (k < 1 || n < 1)
    return c.optionError("K and N must be 1 or more; they are " + std::to_string(k) + " and " + std::to_string(n));
  const Dims* a = c.dims(0);
  if (!a) return Status::success();
  // MatMulBnb4 with transB = 0 multiplies by the weight's transpose, as training needs it.
  const bool isBackward = c.def().attribute("transB") && c.integer("transB") == 0;
  const int64_t taken = isBackward ? n : k, given = isBackward ? k : n;
  if (Status status = rules::needSize(c, 0, a->size() - 1, taken, "A's last dimension must be K"); !status.ok())
    return status;
  Dims result(*a);
  result.back() = given;
  c.setDims(0, std::move(result));
  return Status::success();
}

// A, its scale and zero point, then B with its own: what A and B broadcast to.
Status qlinearBinary(ShapeContext& c) {
  const Dims *a = c.dims(0), *b = c.dims(3);
  if (!a || !b) return Status::success();
  Dims result;
  if (!rules::broadcastDims(c.symbols(), *a, *b, result))
    return c.shapeError("dimensions aligned at the last must be equal, or one of them 1");
  c.setDims(0, std::move(result));
  return Status::success();
}

// Y's scale and zero point, then X, scale and zero point in turns.
Status qlinearConcat(ShapeContext& c) {
  c.setType(0, c.in(1).dtype);
  Dims result;
  size_t axis = 0;
  for (size_t i = 2; i < c.inputCount(); i += 3) {
    const Dims* x = c.dims(i);
    if (!x) return Status::success();
    if (result.empty()) {
      if (Status status = c.axis(c.integer("axis"), x->size(), axis); !status.ok()) return status;
      result = *x;
      continue;
    }
    if (x->size() != result.size()) return c.shapeError("all inputs must have as many dimensions");
    for (size_t at = 0; at < result.size(); ++at) {
      if (at == axis)
        result[at] = c.symbols().add(result[at], (*x)[at]);
      else if (!c.symbols().join(result[at], (*x)[at], result[at]))
        return c.shapeError("all dimensions but the one of axis " + std::to_string(axis) + " must match");
    }
  }
  c.setDims(0, std::move(result));
  return Status::success();
}

Status qlinearGlobalAveragePool(ShapeContext& c) {
  if (Status status = c.needRank(0, 3, SIZE_MAX, "batch, channels, spatial"); !status.ok()) return status;
  if (const Dims* x = c.dims(0)) {
    const bool isChannelsLast = c.integer("channels_last") != 0;
    Dims result(x->size(), 1);
    result[0] = (*x)[0];
    const size_t channels = isChannelsLast ? x->size() - 1 : 1;
    result[channels] = (*x)[channels];
    c.setDims(0, std::move(result));
  }
  return Status::success();
}

constexpr TypeSet plain = f32 | f16 | bf16;

OpDef quantizeOp(int since, int until, TypeSet from, TypeSet to, std::vector<AttributeDef> attributes,
                 const char* domain = "") {
  return {.domain = domain,
          .name = "QuantizeLinear",
          .since = since,
          .until = until,
          .inputs = {{"x", "T1"}, {"y_scale", plain | i32}, {"y_zero_point", "T2", optional}},
          .outputs = {{"y", "T2"}},
          .attributes = std::move(attributes),
          .types = {{"T1", from}, {"T2", to}},
          .traits = trait::elementwise,
          .shape = quantizeLinear};
}
OpDef dequantizeOp(int since, int until, TypeSet from, std::vector<AttributeDef> attributes, const char* domain = "") {
  return {.domain = domain,
          .name = "DequantizeLinear",
          .since = since,
          .until = until,
          .inputs = {{"x", "T1"}, {"x_scale", "T2"}, {"x_zero_point", "T1", optional}},
          .outputs = {{"y", "T2"}},
          .attributes = std::move(attributes),
          .types = {{"T1", from}, {"T2", plain}},
          .traits = trait::elementwise,
          .shape = dequantizeLinear};
}
OpDef qlinearUnary(const char* name, std::vector<AttributeDef> attributes = {}) {
  return {.domain = microsoft,
          .name = name,
          .inputs = {{"X", "T"},
                     {"X_scale", f32},
                     {"X_zero_point", "T", optional},
                     {"Y_scale", f32},
                     {"Y_zero_point", "T", optional}},
          .outputs = {{"Y", "T"}},
          .attributes = std::move(attributes),
          .types = {{"T", bytes}},
          .traits = trait::elementwise | trait::inPlace,
          .shape = rules::sameAsFirst};
}
OpDef qlinearBinaryOp(const char* name) {
  return {.domain = microsoft,
          .name = name,
          .inputs = {{"A", "T"},
                     {"A_scale", f32},
                     {"A_zero_point", "T", optional},
                     {"B", "T"},
                     {"B_scale", f32},
                     {"B_zero_point", "T", optional},
                     {"C_scale", f32},
                     {"C_zero_point", "T", optional}},
          .outputs = {{"C", "T"}},
          .types = {{"T", bytes}},
          .traits = trait::elementwise,
          .shape = qlinearBinary};
}

const AttributeDef axis{"axis", row::integer, 1}, saturate{"saturate", row::integer, 1},
    blockSize{"block_size", row::integer, 0}, outputType{"output_dtype", row::integer, 0},
    precision{"precision", row::integer, 0};
constexpr TypeSet source = plain | i32;

const OpRows rows({
    quantizeOp(10, 12, f32 | i32, bytes, {}),
    quantizeOp(13, 18, f32 | i32, bytes, {axis}),
    quantizeOp(19, 20, source, bytes | float8s, {axis, saturate}),
    quantizeOp(21, 0, source, quantized, {axis, blockSize, outputType, precision, saturate}),
    dequantizeOp(10, 12, bytes | i32, {}),
    dequantizeOp(13, 18, bytes | i32, {axis}),
    dequantizeOp(19, 20, bytes | i32 | float8s, {axis}),
    dequantizeOp(21, 0, quantized | i32, {axis, blockSize, outputType}),
    {.name = "DynamicQuantizeLinear",
     .since = 11,
     .inputs = {{"x", "T1"}},
     .outputs = {{"y", u8}, {"y_scale", f32}, {"y_zero_point", u8}},
     .types = {{"T1", f32}},
     .shape = dynamicQuantizeLinear},
    quantizeOp(1, 0, plain, bytes | i16 | u16 | i4 | u4, {axis, blockSize}, microsoft),
    dequantizeOp(1, 0, bytes | i16 | u16 | i32 | i4 | u4, {axis, blockSize}, microsoft),
    {.domain = microsoft,
     .name = "MatMulNBits",
     .inputs = {{"A", "T1"},
                {"B", "T2"},
                {"scales", "T1"},
                {"zero_points", "T3", optional},
                {"g_idx", i32, optional},
                {"bias", "T1", optional}},
     .outputs = {{"Y", "T1"}},
     .attributes = {{"K", integer, needed},
                    {"N", integer, needed},
                    {"accuracy_level", integer, 0},
                    {"bits", integer, 4},
                    {"block_size", integer, needed}},
     .types = {{"T1", plain}, {"T2", u8 | i32}, {"T3", u8 | i32 | plain}},
     .shape = matmulPacked},
    {.domain = microsoft,
     .name = "MatMulBnb4",
     .inputs = {{"A", "T1"}, {"B", u8}, {"absmax", "T1"}},
     .outputs = {{"Y", "T1"}},
     .attributes = {{"K", integer, needed},
                    {"N", integer, needed},
                    {"block_size", integer, needed},
                    {"quant_type", integer, needed},
                    {"training_mode", integer, 0},
                    {"transB", integer, 1}},
     .types = {{"T1", plain}},
     .shape = matmulPacked},
    qlinearBinaryOp("QLinearAdd"),
    qlinearBinaryOp("QLinearMul"),
    qlinearUnary("QLinearSigmoid"),
    qlinearUnary("QLinearLeakyRelu", {{"alpha", real, 0.01}}),
    qlinearUnary("QLinearSoftmax", {{"axis", row::integer, -1}, {"opset", row::integer, needed}}),
    {.domain = microsoft,
     .name = "QLinearGlobalAveragePool",
     .inputs = {{"X", "T"}, {"x_scale", f32}, {"x_zero_point", "T"}, {"y_scale", f32}, {"y_zero_point", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"channels_last", integer, 0}},
     .types = {{"T", bytes}},
     .shape = qlinearGlobalAveragePool},
    {.domain = microsoft,
     .name = "QLinearConcat",
     .inputs = {{"Y_scale", f32}, {"Y_zero_point", bytes}, {"inputs", bytes | f32, heterogeneous}},
     .outputs = {{"Y", bytes}},
     .attributes = {{"axis", integer, needed}},
     .shape = qlinearConcat},
});

}  // namespace
}  // namespace pare
