// A model's graph as native code sees it: nodes over numbered values, subgraphs, and the tensors it holds.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/op.h"

namespace pare {

using ValueId = int32_t;
constexpr ValueId absentValue = -1;  // an optional input or output that is left out

struct Tensor {
  DataType dtype = DataType::undefined;
  std::vector<int64_t> dims;
  std::span<const uint8_t> bytes;  // as in ONNX's raw_data; empty and !hasBytes where they were not handed over
  bool hasBytes = false;
};

struct Attribute {
  std::string_view name;
  AttributeKind kind = AttributeKind::other;
  int64_t integer = 0;
  double real = 0;
  std::string_view text;
  std::vector<int64_t> integers;
  std::vector<double> reals;
  std::vector<std::string_view> texts;
  uint32_t index = 0;  // of a tensor, or of a subgraph's block
};

struct Node {
  std::string_view domain, type, name;
  std::vector<ValueId> inputs, outputs;
  std::vector<Attribute> attributes;
  const OpDef* def = nullptr;  // null: an op that the table lacks

  const Attribute* attribute(std::string_view attributeName) const;
};

// A graph or a subgraph.
struct Block {
  struct Initializer {
    ValueId value;
    uint32_t tensor;
  };
  std::vector<ValueId> inputs, outputs;
  std::vector<Initializer> initializers;
  std::vector<Node> nodes;        // in an order in which each comes after what it reads
  std::vector<ValueId> captured;  // values of enclosing blocks that it, or a block in it, reads
};

// What a model's file says about a value.
struct Declaration {
  enum class Dimension : uint8_t { unknown, number, symbol };
  struct DeclaredDim {
    Dimension kind = Dimension::unknown;
    int64_t number = 0;
    std::string_view symbol;
  };
  std::string_view name;
  DataType dtype = DataType::undefined;
  bool isTensor = true;  // false: a sequence, an optional, a map
  bool ranked = false;
  std::vector<DeclaredDim> dims;
};

struct Graph {
  std::vector<std::string> strings;  // what the string_views view
  std::map<std::string_view, int> opsets;
  std::vector<Tensor> tensors;
  std::vector<Declaration> values;
  std::vector<Block> blocks;  // the first is the model's graph; a subgraph comes after what holds it

  // 0 where the model does not import the domain.
  int opset(std::string_view domain) const;
};

constexpr int maxBlockDepth = 64;

// Reads the form that lib/model/describe.ts writes, 32-bit words (64-bit numbers as low, high; floats as their bits):
//   1, opsets: n (domain, version)…
//   tensors: n (dtype, dims: n lo hi…, bytes: index into `bytes` or −1)…
//   values: n (name, dtype or −1 for what is no tensor, rank or −1, dims: kind [lo hi | string]…)…
//   blocks: n (inputs: n id…, outputs: n id…, initializers: n (id, tensor)…, nodes: n node…)…
//   node: domain, type, name, inputs: n id…, outputs: n id…, attributes: n (name, kind, payload)…
// Strings are indices into `strings`. Sorts the nodes; PARE_MODEL where they form a cycle, nest too deeply, a value has
// two producers, or the words are not such a form. The spans in `bytes` must outlive the graph.
Status readGraph(std::span<const int32_t> words, std::vector<std::string> strings,
                 const std::vector<std::span<const uint8_t>>& bytes, Graph& graph);

}  // namespace pare
