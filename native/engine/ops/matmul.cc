// Products of matrices: MatMul, Gemm, their integer and fused forms, Einsum, Det.
#include <algorithm>
#include <array>

#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// What a side of a product has besides its dimensions.
struct Side {
  bool isTransposed = false;
  bool hasBatchBetween = false;  // [rows, batch, columns]
};
Dims dimsOf(const Dims& given, Side side) {
  Dims dims = given;
  if (side.hasBatchBetween && dims.size() > 2) std::rotate(dims.begin(), dims.begin() + 1, dims.end() - 1);
  if (side.isTransposed && dims.size() > 1) std::swap(dims[dims.size() - 2], dims[dims.size() - 1]);
  return dims;
}

// numpy's matmul: batches broadcast, a vector is a row on the left, a column on the right, and its 1 is dropped.
Status product(ShapeContext& c, size_t left, size_t right, Side sideA = {}, Side sideB = {}) {
  if (!c.dims(left) || !c.dims(right)) return Status::success();
  for (const size_t input : {left, right})
    if (Status status = c.needRank(input, 1, SIZE_MAX); !status.ok()) return status;
  Dims a = dimsOf(*c.dims(left), sideA), b = dimsOf(*c.dims(right), sideB);
  const bool isRow = a.size() == 1, isColumn = b.size() == 1;
  if (isRow) a.insert(a.begin(), 1);
  if (isColumn) b.push_back(1);
  const size_t ar = a.size(), br = b.size();
  Dim k;
  if (!c.symbols().join(a[ar - 1], b[br - 2], k)) {
    const bool looksTransposed = a[ar - 1] == b[br - 1];
    return c.shapeError("A's last and B's " + std::string(br == 2 ? "first" : "last but one") +
                        " dimension must match (" + c.name(a[ar - 1]) + ", " + c.name(b[br - 2]) + ")" +
                        (looksTransposed ? ". B looks transposed" : ""));
  }
  Dims result;
  if (!rules::broadcastDims(c.symbols(), Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2), result))
    return c.shapeError("the dimensions before the last two must be equal, or one of them 1");
  if (!isRow) result.push_back(a[ar - 2]);
  if (!isColumn) result.push_back(b[br - 1]);
  c.setDims(0, std::move(result));
  return Status::success();
}

Status matmul(ShapeContext& c) { return product(c, 0, 1); }
Status qlinearMatmul(ShapeContext& c) { return product(c, 0, 3); }

Status fusedMatmul(ShapeContext& c) {
  return product(c, 0, 1, {c.integer("transA") != 0, c.integer("transBatchA") != 0},
                 {c.integer("transB") != 0, c.integer("transBatchB") != 0});
}

// Of A, and of B and C where they stand among the inputs.
Status gemmOf(ShapeContext& c, size_t right, size_t addend) {
  for (const size_t input : {size_t{0}, right})
    if (Status status = c.needRank(input, 2, 2, "a matrix"); !status.ok()) return status;
  if (!c.dims(0) || !c.dims(right)) return Status::success();
  const bool transA = c.integer("transA") != 0, transB = c.integer("transB") != 0;
  const Dims &a = *c.dims(0), &b = *c.dims(right);
  const Dim m = a[transA ? 1 : 0], ka = a[transA ? 0 : 1], kb = b[transB ? 1 : 0], n = b[transB ? 0 : 1];
  Dim k;
  if (!c.symbols().join(ka, kb, k)) {
    return c.shapeError(std::string("with transA ") + (transA ? "1" : "0") + " and transB " + (transB ? "1" : "0") +
                        ", k is " + c.name(ka) + " in A and " + c.name(kb) + " in B; they must match");
  }
  if (const Dims* bias = c.dims(addend)) {
    Dims joined;
    const Dims result{m, n};
    if (!rules::broadcastDims(c.symbols(), result, *bias, joined) || joined.size() != 2 ||
        (joined[0].isNumber() && m.isNumber() && joined[0] != m) ||
        (joined[1].isNumber() && n.isNumber() && joined[1] != n))
      return c.shapeError("C must broadcast to " + c.symbols().name(result));
  }
  c.setDims(0, {m, n});
  return Status::success();
}
Status gemm(ShapeContext& c) { return gemmOf(c, 1, 2); }
Status qgemm(ShapeContext& c) {
  c.setType(0, c.has(8) ? c.in(8).dtype : DataType::float32);
  return gemmOf(c, 3, 6);
}

Status determinant(ShapeContext& c) {
  if (Status status = c.needRank(0, 2, SIZE_MAX, "square matrices"); !status.ok()) return status;
  if (const Dims* x = c.dims(0)) c.setDims(0, Dims(x->begin(), x->end() - 2));
  return Status::success();
}

// https://onnx.ai/onnx/operators/onnx__Einsum.html: letters for dimensions, "..." for those that broadcast.
class Einsum {
 public:
  explicit Einsum(ShapeContext& context) : c_(context) {}

  Status run() {
    std::string equation;
    for (const char one : c_.text("equation"))
      if (one != ' ') equation += one;
    const size_t arrow = equation.find("->");
    const std::string left = equation.substr(0, arrow);
    size_t input = 0;
    for (size_t begin = 0; begin <= left.size(); ++input) {
      const size_t end = std::min(left.find(',', begin), left.size());
      if (input >= c_.inputCount() || !c_.dims(input)) {
        if (input >= c_.inputCount()) return wrong("names more inputs than there are");
        isUnknown_ = true;
      } else if (Status status = readTerm(left.substr(begin, end - begin), *c_.dims(input)); !status.ok()) {
        return status;
      }
      begin = end + 1;
    }
    if (input < c_.inputCount()) return wrong("names fewer inputs than there are");
    return isUnknown_ ? Status::success()
                      : write(arrow == std::string::npos ? implied(left) : equation.substr(arrow + 2));
  }

 private:
  Status wrong(const std::string& what) const {
    return c_.optionError("the equation \"" + std::string(c_.text("equation")) + "\" " + what);
  }
  static bool isLetter(char one) { return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z'); }

  Status readTerm(const std::string& term, const Dims& dims) {
    size_t letters = 0;
    for (const char one : term) letters += isLetter(one);
    const size_t dots = term.find("...");
    const bool hasDots = dots != std::string::npos;
    if (letters + (hasDots ? 3 : 0) != term.size()) return wrong("is not one of letters, commas, \"...\" and \"->\"");
    if (letters > dims.size() || (!hasDots && letters != dims.size()))
      return c_.shapeError("the term \"" + term + "\" of the equation names " + std::to_string(letters) +
                           " dimensions, its input has " + std::to_string(dims.size()));
    size_t axis = 0;
    for (size_t i = 0; i < term.size(); ++i) {
      if (hasDots && i == dots) {
        const size_t covered = dims.size() - letters;
        const Dims batch(dims.begin() + static_cast<ptrdiff_t>(axis),
                         dims.begin() + static_cast<ptrdiff_t>(axis + covered));
        if (!rules::broadcastDims(c_.symbols(), batch_, batch, batch_))
          return c_.shapeError("the dimensions under \"...\" must broadcast");
        axis += covered;
        i += 2;
        continue;
      }
      const auto letter = static_cast<unsigned char>(term[i]);
      Dim& size = sizes_[letter];
      if (!seen_[letter]) {
        size = dims[axis];
      } else if (!c_.symbols().broadcast(size, dims[axis], size)) {
        return c_.shapeError(std::string("the equation's \"") + term[i] + "\" is " + c_.name(size) + " and " +
                             c_.name(dims[axis]));
      }
      seen_[letter] = true;
      ++axis;
    }
    return Status::success();
  }

  // Without an arrow: "...", then the letters that occur once, by alphabet.
  static std::string implied(const std::string& left) {
    std::string result = left.find("...") == std::string::npos ? "" : "...";
    for (int one = 'A'; one <= 'z'; ++one)
      if (isLetter(static_cast<char>(one)) && std::count(left.begin(), left.end(), static_cast<char>(one)) == 1)
        result += static_cast<char>(one);
    return result;
  }

  Status write(const std::string& right) {
    Dims result;
    for (size_t i = 0; i < right.size(); ++i) {
      if (right.compare(i, 3, "...") == 0) {
        result.insert(result.end(), batch_.begin(), batch_.end());
        i += 2;
      } else if (isLetter(right[i]) && seen_[static_cast<unsigned char>(right[i])]) {
        result.push_back(sizes_[static_cast<unsigned char>(right[i])]);
      } else {
        return wrong("gives a dimension that no input has");
      }
    }
    c_.setDims(0, std::move(result));
    return Status::success();
  }

  ShapeContext& c_;
  std::array<Dim, 128> sizes_{};
  std::array<bool, 128> seen_{};
  Dims batch_;
  bool isUnknown_ = false;
};

Status einsum(ShapeContext& c) { return Einsum(c).run(); }

const std::vector<AttributeDef> gemmAttributes{
    {"alpha", real, 1}, {"beta", real, 1}, {"transA", row::integer, 0}, {"transB", row::integer, 0}};
constexpr TypeSet productTypes = floats | i32 | i64 | u32 | u64;

const OpRows rows({
    {.name = "MatMul",
     .inputs = {{"A", "T"}, {"B", "T"}},
     .outputs = {{"Y", "T"}},
     .types = {{"T", productTypes}},
     .shape = matmul},
    {.name = "Gemm",
     .since = 1,
     .until = 6,
     .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"alpha", real, 1},
                    {"beta", real, 1},
                    {"broadcast", integer, 0},
                    {"transA", integer, 0},
                    {"transB", integer, 0}},
     .types = {{"T", floats}},
     .shape = gemm},
    {.name = "Gemm",
     .since = 7,
     .until = 10,
     .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = gemmAttributes,
     .types = {{"T", productTypes}},
     .shape = gemm},
    {.name = "Gemm",
     .since = 11,
     .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = gemmAttributes,
     .types = {{"T", productTypes}},
     .shape = gemm},
    {.name = "MatMulInteger",
     .since = 10,
     .inputs = {{"A", "T1"}, {"B", "T2"}, {"a_zero_point", "T1", optional}, {"b_zero_point", "T2", optional}},
     .outputs = {{"Y", i32}},
     .types = {{"T1", bytes}, {"T2", bytes}},
     .shape = matmul},
    {.name = "QLinearMatMul",
     .since = 10,
     .inputs = {{"a", "T1"},
                {"a_scale", "TS"},
                {"a_zero_point", "T1"},
                {"b", "T2"},
                {"b_scale", "TS"},
                {"b_zero_point", "T2"},
                {"y_scale", "TS"},
                {"y_zero_point", "T3"}},
     .outputs = {{"y", "T3"}},
     .types = {{"TS", f32 | f16 | bf16}, {"T1", bytes | float8s}, {"T2", bytes | float8s}, {"T3", bytes | float8s}},
     .shape = qlinearMatmul},
    {.domain = microsoft,
     .name = "QGemm",
     .inputs = {{"A", "TA"},
                {"a_scale", f32},
                {"a_zero_point", "TA"},
                {"B", "TB"},
                {"b_scale", f32},
                {"b_zero_point", "TB"},
                {"C", i32, optional},
                {"y_scale", f32, optional},
                {"y_zero_point", bytes, optional}},
     .outputs = {{"Y", bytes | f32}},
     .attributes = {{"alpha", real, 1}, {"transA", integer, 0}, {"transB", integer, 0}},
     .types = {{"TA", bytes}, {"TB", bytes}},
     .shape = qgemm},
    {.name = "Einsum",
     .since = 12,
     .inputs = {{"Inputs", "T", variadic}},
     .outputs = {{"Output", "T"}},
     .attributes = {{"equation", text, needed}},
     .types = {{"T", numbers}},
     .shape = einsum},
    {.name = "Det",
     .since = 11,
     .inputs = {{"X", "T"}},
     .outputs = {{"Y", "T"}},
     .types = {{"T", floats}},
     .shape = determinant},
    {.domain = microsoft,
     .name = "FusedMatMul",
     .inputs = {{"A", "T"}, {"B", "T"}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"alpha", real, 1},
                    {"transA", integer, 0},
                    {"transB", integer, 0},
                    {"transBatchA", integer, 0},
                    {"transBatchB", integer, 0}},
     .types = {{"T", floats}},
     .shape = fusedMatmul},
    {.domain = microsoft,
     .name = "FusedGemm",
     .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T", optional}},
     .outputs = {{"Y", "T"}},
     .attributes = {{"activation", text},
                    {"activation_alpha", real},
                    {"activation_beta", real},
                    {"activation_gamma", real},
                    {"alpha", real, 1},
                    {"beta", real, 1},
                    {"transA", integer, 0},
                    {"transB", integer, 0}},
     .types = {{"T", productTypes}},
     .shape = gemm},
    {.domain = microsoft,
     .name = "MatMulIntegerToFloat",
     .inputs = {{"A", "T1"},
                {"B", "T2"},
                {"a_scale", "T3"},
                {"b_scale", "T3"},
                {"a_zero_point", "T1", optional},
                {"b_zero_point", "T2", optional},
                {"bias", "T3", optional}},
     .outputs = {{"Y", "T3"}},
     .types = {{"T1", bytes}, {"T2", bytes}, {"T3", floats}},
     .shape = matmul},
    {.domain = microsoft,
     .name = "DynamicQuantizeMatMul",
     .inputs =
         {{"A", "T1"}, {"B", "T2"}, {"b_scale", "T1"}, {"b_zero_point", "T2", optional}, {"bias", "T1", optional}},
     .outputs = {{"Y", "T1"}},
     .types = {{"T1", f32}, {"T2", bytes}},
     .shape = matmul},
});

}  // namespace
}  // namespace pare
