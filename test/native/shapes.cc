// Symbols, the op table, and inference on descriptions that are whole, damaged or hostile.
#include <gtest/gtest.h>

#include <random>

#include "engine/inference.h"

namespace pare {
namespace {

TEST(Symbols, HaveOneForm) {
  SymbolTable table;
  const Dim n = table.named("N"), h = table.named("H");
  EXPECT_EQ(table.add(table.multiply(n, h), n), table.add(n, table.multiply(h, n)));
  EXPECT_EQ(table.subtract(table.add(n, h), h), n);
  EXPECT_EQ(table.name(table.add(table.multiply(n, 2), 3)), "N*2 + 3");
  EXPECT_EQ(table.floorDivide(table.multiply(table.multiply(n, h), 768), table.multiply(n, 12)), table.multiply(h, 64));
  EXPECT_EQ(table.name(table.floorDivide(table.add(table.multiply(h, 2), 3), 2)), "H + 1");
  EXPECT_EQ(table.name(table.floorDivide(table.add(h, -1), 2)), "floor((H + 1)/2) - 1");
}

TEST(Symbols, NestedQuotientsJoin) {
  SymbolTable table;
  Dim h = table.named("H");
  for (int i = 0; i < 5; ++i) h = table.ceilDivide(h, 2);
  EXPECT_EQ(table.name(h), "floor((H + 31)/32)");
}

TEST(Symbols, OfDimensionsStayDimensions) {
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    SymbolTable table;
    Dim symbol = table.named("x");
    for (int step = 0; step < 6; ++step) {
      const auto operand = static_cast<int64_t>(random() % 7) + 1;
      switch (random() % 4) {
        case 0:
          symbol = table.add(symbol, operand);
          break;
        case 1:
          symbol = table.multiply(symbol, operand);
          break;
        case 2:
          symbol = table.floorDivide(symbol, operand);
          break;
        default:
          symbol = table.ceilDivide(symbol, operand);
      }
    }
    EXPECT_TRUE(table.isNeverNegative(symbol)) << table.name(symbol);
    EXPECT_EQ(table.equal(symbol, -1), std::optional<bool>(false));
    EXPECT_EQ(table.less(symbol, table.add(symbol, 1)), std::optional<bool>(true));
    EXPECT_FALSE(table.isUnknown(symbol));
  }
}

TEST(Symbols, OverflowIsTold) {
  SymbolTable table;
  table.multiply(INT64_MAX, 2);
  EXPECT_TRUE(table.takeOverflow());
  EXPECT_FALSE(table.takeOverflow());
  table.subtract(0, INT64_MIN);
  EXPECT_TRUE(table.takeOverflow());
  EXPECT_EQ(table.name(table.multiply(table.named("N"), INT64_MIN)), "-N*9223372036854775808");
}

TEST(Symbols, BroadcastAsSizesDo) {
  SymbolTable table;
  const Dim n = table.named("N"), m = table.named("M");
  Dim result;
  EXPECT_TRUE(table.broadcast(n, 1, result) && result == n);
  EXPECT_TRUE(table.broadcast(n, 4, result) && result == Dim(4));
  EXPECT_FALSE(table.broadcast(3, 4, result));
  Dim other;
  EXPECT_TRUE(table.broadcast(n, m, result) && table.broadcast(m, n, other) && result == other);
  EXPECT_TRUE(table.broadcast(result, n, other) && other == result);
}

TEST(OpTable, FindsRowsByVersion) {
  ASSERT_NE(findOp("", "MatMul", 13), nullptr);
  EXPECT_EQ(findOp("ai.onnx", "MatMul", 13), findOp("", "MatMul", 13));
  EXPECT_EQ(findOp("", "Squeeze", 12)->inputs.size(), 1u);
  EXPECT_EQ(findOp("", "Squeeze", 13)->inputs.size(), 2u);
  EXPECT_EQ(findOp("", "Upsample", 10), nullptr);
  EXPECT_EQ(findOp("", "LayerNormalization", 16), nullptr);
  EXPECT_NE(findOp("com.microsoft", "MatMulNBits", 1), nullptr);
  EXPECT_EQ(findOp("com.microsoft", "Conv", 1), nullptr);
}

TEST(OpTable, RowsAreWhole) {
  const OpDef* before = nullptr;
  for (const OpDef* def : allOps()) {
    SCOPED_TRACE(std::string(def->domain) + ":" + def->name + " " + std::to_string(def->since));
    EXPECT_NE(def->shape, nullptr);
    EXPECT_FALSE(def->outputs.empty());
    for (const Parameter& one : def->inputs) EXPECT_NE(def->typesOf(one.type).bits, 0u) << one.name;
    for (const Parameter& one : def->outputs) EXPECT_NE(def->typesOf(one.type).bits, 0u) << one.name;
    for (const Parameter& one : def->inputs)
      EXPECT_TRUE(one.arity < Arity::variadic || &one == &def->inputs.back()) << one.name;
    const bool isSameOp =
        before && std::string_view(before->name) == def->name && std::string_view(before->domain) == def->domain;
    if (isSameOp) {
      EXPECT_EQ(before->until + 1, def->since);
    }
    before = def;
  }
}

// Writes what lib/model/describe.ts writes, for one node of two inputs.
struct Description {
  std::vector<int32_t> words;
  std::vector<std::string> strings;

  int32_t string(const char* text) {
    strings.emplace_back(text);
    return static_cast<int32_t>(strings.size()) - 1;
  }
  void value(const char* name, std::vector<int32_t> dims) {
    words.insert(words.end(), {string(name), 1, static_cast<int32_t>(dims.size())});
    for (const int32_t dim : dims) words.insert(words.end(), {1, dim, 0});
  }
};

Description matmul(std::vector<int32_t> a, std::vector<int32_t> b) {
  Description it;
  it.words = {1, 1, it.string(""), 17, 0, 3};
  it.value("a", std::move(a));
  it.value("b", std::move(b));
  it.words.insert(it.words.end(), {it.string("y"), 0, -1});
  // One block: inputs 0 and 1, output 2, no initializers, one node.
  it.words.insert(it.words.end(), {1, 2, 0, 1, 1, 2, 0, 1});
  it.words.insert(it.words.end(), {it.string(""), it.string("MatMul"), it.string("ffn"), 2, 0, 1, 1, 2, 0});
  return it;
}

TEST(Inference, MultipliesMatrices) {
  const Description it = matmul({8, 512}, {512, 768});
  Graph graph;
  ASSERT_TRUE(readGraph(it.words, it.strings, {}, graph).ok());
  SymbolTable symbols;
  std::vector<TensorType> types;
  ASSERT_TRUE(inferShapes(graph, symbols, {}, types).ok());
  EXPECT_EQ(types[2].dims, (Dims{8, 768}));
  EXPECT_EQ(types[2].dtype, DataType::float32);
}

TEST(Inference, NamesTheNodeThatDoesNotFit) {
  const Description it = matmul({8, 512}, {768, 512});
  Graph graph;
  ASSERT_TRUE(readGraph(it.words, it.strings, {}, graph).ok());
  SymbolTable symbols;
  std::vector<TensorType> types;
  const Status status = inferShapes(graph, symbols, {}, types);
  EXPECT_STREQ(status.code, "PARE_SHAPE");
  EXPECT_EQ(status.message,
            "MatMul \"ffn\": A is [8, 512], B is [768, 512]; A's last and B's first dimension must match (512, 768). B "
            "looks transposed.");
}

TEST(Description, DamagedWordsAreRefused) {
  const Description whole = matmul({8, 512}, {512, 768});
  for (size_t length = 0; length < whole.words.size(); ++length) {
    Graph graph;
    const Status status = readGraph(std::span(whole.words).first(length), whole.strings, {}, graph);
    EXPECT_STREQ(status.code, "PARE_MODEL") << length;
  }
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::vector<int32_t> words = whole.words;
    for (int i = 0; i < 3; ++i)
      words[random() % words.size()] =
          round % 2 ? static_cast<int32_t>(random()) : static_cast<int32_t>(random() % 12) - 1;
    Graph graph;
    if (!readGraph(words, whole.strings, {}, graph).ok()) continue;
    SymbolTable symbols;
    std::vector<TensorType> types;
    const Status status = inferShapes(graph, symbols, {}, types);
    EXPECT_TRUE(status.ok() || std::string_view(status.code).starts_with("PARE_"));
  }
}

TEST(Elements, ReadWhatFits) {
  const int64_t values[] = {1, -1, INT64_MAX};
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(values), sizeof values);
  const auto elements = readElements(DataType::int64, bytes, 3);
  ASSERT_TRUE(elements.has_value());
  EXPECT_EQ((*elements)[2].whole(), std::optional<int64_t>(INT64_MAX));
  EXPECT_FALSE(readElements(DataType::int64, bytes, 4).has_value());
  EXPECT_FALSE(readElements(DataType::int64, bytes, -1).has_value());
  EXPECT_FALSE(readElements(DataType::string, bytes, 3).has_value());
  // Off any alignment.
  EXPECT_TRUE(readElements(DataType::int32, bytes.subspan(1, 8), 2).has_value());
}

}  // namespace
}  // namespace pare
