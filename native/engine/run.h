// What an op's functions see when a plan is made, and when it runs.
#pragma once

#include <algorithm>
#include <memory>
#include <span>

#include "engine/execution.h"
#include "engine/shape.h"
#include "kernels/unaligned.h"

namespace pare {

// A tensor while a plan runs. Its bytes begin anywhere: weights are views of a file, others parts of a tensor.
struct TensorView {
  DataType dtype = DataType::undefined;
  std::vector<int64_t> dims;
  uint8_t* data = nullptr;

  size_t rank() const { return dims.size(); }
  size_t count() const { return countOf(dims); }
  size_t byteLength() const { return bytesOf(dtype, count()); }
  // The elements before `axis`, and from it on.
  size_t outer(size_t axis) const { return countOf(std::span(dims).first(axis)); }
  size_t inner(size_t axis) const { return countOf(std::span(dims).subspan(axis)); }

  size_t elementSize() const { return bitsOf(dtype) / 8; }

  UnalignedFloat* floats() const { return reinterpret_cast<UnalignedFloat*>(data); }
  // Elements of another type, at any address.
  template <class T>
  auto* as() const {
    using Unaligned [[gnu::aligned(1), gnu::may_alias]] = T;
    return reinterpret_cast<Unaligned*>(data);
  }
  // An element of an int32 or int64 tensor, as ops take indices, sizes and axes.
  int64_t integer(size_t at) const { return dtype == DataType::int32 ? as<int32_t>()[at] : as<int64_t>()[at]; }

  static size_t countOf(std::span<const int64_t> dims);
  static size_t bytesOf(DataType dtype, size_t count);  // as in ONNX's raw_data
};

// What a node keeps from one run to the next: attributes as the run wants them, packed weights.
struct NodeState {
  NodeState() = default;
  NodeState(const NodeState&) = delete;
  NodeState& operator=(const NodeState&) = delete;
  virtual ~NodeState() = default;
};

class PrepareContext : public NodeReader {
 public:
  PrepareContext(const Node& node, int opset, const Execution& execution, const Graph& graph,
                 std::span<const TensorType> types, std::span<const Tensor* const> constants)
      : NodeReader(node, opset), execution_(execution), graph_(graph), types_(types), constants_(constants) {}

  const Execution& execution() const { return execution_; }
  const Tensor& tensor(uint32_t index) const { return graph_.tensors[index]; }
  const Block& block(uint32_t index) const { return graph_.blocks[index]; }
  size_t inputCount() const { return node().inputs.size(); }
  bool has(size_t input) const { return input < inputCount() && node().inputs[input] >= 0; }
  bool wants(size_t output) const { return output < node().outputs.size() && node().outputs[output] >= 0; }
  // What is known before any run; the dtype always.
  const TensorType& in(size_t input) const { return has(input) ? typeAt(node().inputs[input]) : nothing_; }
  const TensorType& out(size_t output) const { return wants(output) ? typeAt(node().outputs[output]) : nothing_; }
  // An input that is the same in every run; null for others.
  const Tensor* constant(size_t input) const {
    return has(input) ? constants_[static_cast<size_t>(node().inputs[input])] : nullptr;
  }

  template <class State, class... Arguments>
  State& make(Arguments&&... arguments) {
    auto state = std::make_unique<State>(std::forward<Arguments>(arguments)...);
    State& result = *state;
    state_ = std::move(state);
    return result;
  }
  std::unique_ptr<NodeState> takeState() { return std::move(state_); }

  // 'Resize "up": mode cubic is not supported'
  Status unsupported(const std::string& what) const { return Status::unsupported(label() + ": " + what); }
  // For the first input, unless it has one of these types.
  Status needType(TypeSet types, size_t input = 0) const;

 private:
  const TensorType& typeAt(ValueId id) const { return types_[static_cast<size_t>(id)]; }

  const Execution& execution_;
  const Graph& graph_;
  std::span<const TensorType> types_;
  std::span<const Tensor* const> constants_;
  std::unique_ptr<NodeState> state_;
  TensorType nothing_;
};

// Runs subgraphs, and gives memory to outputs whose dimensions only the run knows.
class RunHost {
 public:
  virtual Status allocate(ValueId value, std::span<const int64_t> dims) = 0;
  // Gives the block's inputs these values (shared, not copied), runs it, and returns what its outputs are.
  virtual Status runBlock(uint32_t block, std::span<const TensorView* const> inputs,
                          std::vector<const TensorView*>& outputs) = 0;
  // Makes `value` the tensor that `from`, an output of a block that has just run, holds.
  virtual Status adopt(ValueId value, const TensorView& from) = 0;

 protected:
  ~RunHost() = default;
};

struct RunContext {
  const Execution* execution;
  const Node* node;
  int opset;
  const NodeState* nodeState;
  std::span<TensorView* const> inputs;   // null: left out
  std::span<TensorView* const> outputs;  // null: not wanted
  RunHost* host;

  bool has(size_t input) const { return input < inputs.size() && inputs[input]; }
  bool wants(size_t output) const { return output < outputs.size() && outputs[output]; }
  const TensorView& in(size_t input) const { return *inputs[input]; }
  TensorView& out(size_t output) const { return *outputs[output]; }
  template <class State>
  const State& state() const {
    return static_cast<const State&>(*nodeState);
  }
  // For ops whose output's dimensions depend on data; elsewhere memory and dims are there already.
  Status allocate(size_t output, std::span<const int64_t> dims) const {
    return host->allocate(node->outputs[output], dims);
  }
  // Where a rule knows the dimensions in most cases only: memory for the output unless it has it already.
  Status ensure(size_t output, std::span<const int64_t> dims) const {
    const TensorView& known = out(output);
    const bool isThere = known.data && std::equal(known.dims.begin(), known.dims.end(), dims.begin(), dims.end());
    return isThere ? Status::success() : allocate(output, dims);
  }
  NodeReader reader() const { return {*node, opset}; }
  // 'Gather "words": index 7 lies outside …'
  Status shapeError(const std::string& what) const { return Status::shape(reader().label() + ": " + what); }
};

}  // namespace pare
