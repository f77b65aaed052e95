// Reading and sorting graphs (see graph.h).
#include "engine/graph.h"

#include <algorithm>
#include <bit>

namespace pare {
namespace {

class Reader {
 public:
  Reader(std::span<const int32_t> words, Graph& graph) : words_(words), graph_(graph) {}

  int32_t word() {
    if (position_ >= words_.size()) {
      broken_ = true;
      return 0;
    }
    return words_[position_++];
  }
  int64_t wide() {
    const auto low = static_cast<uint32_t>(word());
    const auto high = static_cast<uint32_t>(word());
    return static_cast<int64_t>((static_cast<uint64_t>(high) << 32) | low);
  }
  double real() { return static_cast<double>(std::bit_cast<float>(word())); }
  // A count of things that take at least one word each.
  size_t count() { return index(words_.size() - position_ + 1); }
  // An index below `limit`.
  size_t index(size_t limit) {
    const int32_t value = word();
    if (value >= 0 && static_cast<size_t>(value) < limit) return static_cast<size_t>(value);
    broken_ = true;
    return 0;
  }
  std::string_view string() {
    const size_t at = index(graph_.strings.size());
    return broken_ ? std::string_view() : std::string_view(graph_.strings[at]);
  }
  std::vector<ValueId> ids() {
    std::vector<ValueId> result(count());
    for (ValueId& id : result) {
      id = word();
      if (id < absentValue || id >= static_cast<ValueId>(graph_.values.size())) broken_ = true;
    }
    return result;
  }
  template <class Read>
  void each(Read&& read) {
    for (size_t left = count(); left > 0 && !broken_; --left) read();
  }
  void reject() { broken_ = true; }
  bool broken() const { return broken_; }

 private:
  std::span<const int32_t> words_;
  Graph& graph_;
  size_t position_ = 0;
  bool broken_ = false;
};

void readTensor(Reader& in, const std::vector<std::span<const uint8_t>>& bytes, Tensor& tensor) {
  tensor.dtype = dataTypeOf(in.word());
  in.each([&] { tensor.dims.push_back(in.wide()); });
  const int32_t at = in.word();
  if (at < 0) return;
  if (static_cast<size_t>(at) >= bytes.size()) return in.reject();
  tensor.bytes = bytes[static_cast<size_t>(at)];
  tensor.hasBytes = true;
}

void readDeclaration(Reader& in, Declaration& value) {
  value.name = in.string();
  const int32_t dtype = in.word();
  value.isTensor = dtype >= 0;
  value.dtype = dataTypeOf(dtype);
  int32_t rank = in.word();
  value.ranked = rank >= 0;
  for (; rank > 0 && !in.broken(); --rank) {
    Declaration::DeclaredDim dim;
    switch (in.word()) {
      case 1:
        dim.kind = Declaration::Dimension::number;
        dim.number = in.wide();
        break;
      case 2:
        dim.kind = Declaration::Dimension::symbol;
        dim.symbol = in.string();
        break;
      default:
        break;
    }
    value.dims.push_back(dim);
  }
}

void readAttribute(Reader& in, const Graph& graph, size_t blockCount, Attribute& attribute) {
  attribute.name = in.string();
  attribute.kind = static_cast<AttributeKind>(in.index(static_cast<size_t>(AttributeKind::other) + 1));
  switch (attribute.kind) {
    case AttributeKind::integer:
      attribute.integer = in.wide();
      break;
    case AttributeKind::real:
      attribute.real = in.real();
      break;
    case AttributeKind::text:
      attribute.text = in.string();
      break;
    case AttributeKind::integers:
      in.each([&] { attribute.integers.push_back(in.wide()); });
      break;
    case AttributeKind::reals:
      in.each([&] { attribute.reals.push_back(in.real()); });
      break;
    case AttributeKind::texts:
      in.each([&] { attribute.texts.push_back(in.string()); });
      break;
    case AttributeKind::tensor:
      attribute.index = static_cast<uint32_t>(in.index(graph.tensors.size()));
      break;
    case AttributeKind::graph:
      attribute.index = static_cast<uint32_t>(in.index(blockCount));
      break;
    case AttributeKind::other:
      break;
  }
}

void readNode(Reader& in, const Graph& graph, size_t blockCount, Node& node) {
  node.domain = in.string();
  node.type = in.string();
  node.name = in.string();
  node.inputs = in.ids();
  node.outputs = in.ids();
  in.each([&] { readAttribute(in, graph, blockCount, node.attributes.emplace_back()); });
}

std::string nodeLabel(const Node& node) {
  std::string label(node.type);
  if (!node.name.empty()) label += " \"" + std::string(node.name) + "\"";
  return label;
}

// Checks that every subgraph is held once, by an earlier block, not too deeply; notes what each captures; sorts nodes.
class Sorter {
 public:
  explicit Sorter(Graph& graph)
      : graph_(graph),
        home_(graph.values.size(), -1),
        isInput_(graph.values.size(), false),
        depth_(graph.blocks.size(), -1) {}

  Status sort() {
    if (graph_.blocks.empty()) return Status::model("the graph is empty");
    depth_[0] = 0;
    for (size_t at = 0; at < graph_.blocks.size(); ++at)
      if (Status status = place(at); !status.ok()) return status;
    // From the inside out: a node reads what its subgraphs capture.
    for (size_t at = graph_.blocks.size(); at-- > 0;) {
      noteCaptured(at);
      if (Status status = sortNodes(graph_.blocks[at]); !status.ok()) return status;
    }
    return Status::success();
  }

 private:
  Status place(size_t at) {
    if (depth_[at] < 0) return Status::model("a subgraph belongs to no node");
    if (depth_[at] > maxBlockDepth)
      return Status::model("subgraphs nest more than " + std::to_string(maxBlockDepth) + " deep");
    const Block& block = graph_.blocks[at];
    const auto define = [&](ValueId id) {
      if (id < 0 || home_[static_cast<size_t>(id)] == -1) {
        if (id >= 0) home_[static_cast<size_t>(id)] = static_cast<int>(at);
        return true;
      }
      return false;
    };
    const auto twice = [&](ValueId id) {
      return Status::model("\"" + std::string(graph_.values[static_cast<size_t>(id)].name) + "\" has two producers");
    };
    for (const ValueId id : block.inputs) {
      if (!define(id)) return twice(id);
      if (id >= 0) isInput_[static_cast<size_t>(id)] = true;
    }
    for (const Block::Initializer& one : block.initializers) {
      const bool overridesInput =
          isInput_[static_cast<size_t>(one.value)] && home_[static_cast<size_t>(one.value)] == static_cast<int>(at);
      if (!overridesInput && !define(one.value)) return twice(one.value);
    }
    for (const Node& node : block.nodes) {
      for (const ValueId id : node.outputs)
        if (!define(id)) return twice(id);
      for (const Attribute& attribute : node.attributes) {
        if (attribute.kind != AttributeKind::graph) continue;
        if (attribute.index <= at || depth_[attribute.index] >= 0)
          return Status::model(nodeLabel(node) + ": its subgraph belongs to another node too");
        depth_[attribute.index] = depth_[at] + 1;
      }
    }
    return Status::success();
  }

  void noteCaptured(size_t at) {
    Block& block = graph_.blocks[at];
    const auto note = [&](ValueId id) {
      if (id >= 0 && home_[static_cast<size_t>(id)] != static_cast<int>(at)) block.captured.push_back(id);
    };
    for (const Node& node : block.nodes) {
      for (const ValueId id : node.inputs) note(id);
      for (const Attribute& attribute : node.attributes)
        if (attribute.kind == AttributeKind::graph)
          for (const ValueId id : graph_.blocks[attribute.index].captured) note(id);
    }
    for (const ValueId id : block.outputs) note(id);
    std::sort(block.captured.begin(), block.captured.end());
    block.captured.erase(std::unique(block.captured.begin(), block.captured.end()), block.captured.end());
  }

  template <class Visit>
  void eachRead(const Node& node, Visit&& visit) const {
    for (const ValueId id : node.inputs) visit(id);
    for (const Attribute& attribute : node.attributes)
      if (attribute.kind == AttributeKind::graph)
        for (const ValueId id : graph_.blocks[attribute.index].captured) visit(id);
  }

  Status sortNodes(Block& block) {
    const size_t count = block.nodes.size();
    std::map<ValueId, size_t> producer;
    bool isSorted = true;
    for (size_t i = 0; i < count; ++i)
      for (const ValueId id : block.nodes[i].outputs)
        if (id >= 0) producer.emplace(id, i);
    std::vector<std::vector<size_t>> readers(count);
    std::vector<size_t> waiting(count, 0);
    for (size_t i = 0; i < count; ++i) {
      eachRead(block.nodes[i], [&](ValueId id) {
        const auto found = id < 0 ? producer.end() : producer.find(id);
        if (found == producer.end()) return;
        isSorted = isSorted && found->second < i;
        readers[found->second].push_back(i);
        ++waiting[i];
      });
    }
    if (isSorted) return Status::success();
    std::vector<size_t> order;
    for (size_t i = 0; i < count; ++i)
      if (waiting[i] == 0) order.push_back(i);
    for (size_t next = 0; next < order.size(); ++next)
      for (const size_t reader : readers[order[next]])
        if (--waiting[reader] == 0) order.push_back(reader);
    if (order.size() < count) {
      const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](size_t left) { return left > 0; });
      return Status::model(nodeLabel(block.nodes[static_cast<size_t>(stuck - waiting.begin())]) +
                           ": its inputs depend on its own output; the nodes form a cycle");
    }
    std::vector<Node> sorted;
    sorted.reserve(count);
    for (const size_t i : order) sorted.push_back(std::move(block.nodes[i]));
    block.nodes = std::move(sorted);
    return Status::success();
  }

  Graph& graph_;
  std::vector<int> home_;  // of each value: the block that defines it
  std::vector<bool> isInput_;
  std::vector<int> depth_;  // of each block
};

}  // namespace

const Attribute* Node::attribute(std::string_view attributeName) const {
  for (const Attribute& one : attributes)
    if (one.name == attributeName) return &one;
  return nullptr;
}

int Graph::opset(std::string_view domain) const {
  const auto found = opsets.find(domain == "ai.onnx" ? "" : domain);
  return found == opsets.end() ? 0 : found->second;
}

Status readGraph(std::span<const int32_t> words, std::vector<std::string> strings,
                 const std::vector<std::span<const uint8_t>>& bytes, Graph& graph) {
  graph = {};
  graph.strings = std::move(strings);
  Reader in(words, graph);
  if (in.word() != 1) in.reject();
  in.each([&] {
    const std::string_view domain = in.string();
    graph.opsets[domain == "ai.onnx" ? "" : domain] = in.word();
  });
  in.each([&] { readTensor(in, bytes, graph.tensors.emplace_back()); });
  in.each([&] { readDeclaration(in, graph.values.emplace_back()); });
  const size_t blockCount = in.count();
  for (size_t left = blockCount; left > 0 && !in.broken(); --left) {
    Block& block = graph.blocks.emplace_back();
    block.inputs = in.ids();
    block.outputs = in.ids();
    in.each([&] {
      const ValueId value = static_cast<ValueId>(in.index(graph.values.size()));
      block.initializers.push_back({value, static_cast<uint32_t>(in.index(graph.tensors.size()))});
    });
    in.each([&] { readNode(in, graph, blockCount, block.nodes.emplace_back()); });
  }
  if (in.broken()) return Status::model("the graph's description is damaged");
  for (Block& block : graph.blocks) {
    for (Node& node : block.nodes) {
      const int version = graph.opset(node.domain);
      node.def = findOp(node.domain, node.type, version == 0 ? 1 : version);
    }
  }
  return Sorter(graph).sort();
}

}  // namespace pare
