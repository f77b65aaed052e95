// What a shape rule sees: one node's inputs as far as they are known, its attributes, and its outputs to fill in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/elements.h"
#include "engine/node-reader.h"

namespace pare {

struct TensorType {
  DataType dtype = DataType::undefined;
  bool isTensor = true;  // false: a sequence, an optional, a map
  bool ranked = false;
  Dims dims;
  std::shared_ptr<const Elements> elements;  // row-major, where known
};

// Runs a subgraph's rules; control flow calls back into the inference that runs it.
class BlockInference {
 public:
  // Gives the block's inputs these types (missing ones stay as declared) and returns its outputs' types.
  virtual Status inferBlock(uint32_t block, const std::vector<TensorType>& inputs,
                            std::vector<TensorType>& outputs) = 0;
  virtual size_t inputCount(uint32_t block) const = 0;
  // How deep the node that runs now lies: rules that would run a block several times do so only near the top.
  virtual int depth() const = 0;
  virtual const Tensor& tensor(uint32_t index) const = 0;

 protected:
  ~BlockInference() = default;
};

class ShapeContext : public NodeReader {
 public:
  ShapeContext(const Node& node, int opset, SymbolTable& symbols, BlockInference& blocks,
               std::vector<TensorType*> inputs, std::vector<TensorType>& outputs);

  SymbolTable& symbols() { return symbols_; }
  BlockInference& blocks() { return blocks_; }

  // ---- Inputs. One that is left out, or of which nothing is known, is an empty TensorType.
  size_t inputCount() const { return inputs_.size(); }
  bool has(size_t input) const { return input < inputs_.size() && inputs_[input] != nullptr; }
  const TensorType& in(size_t input) const { return has(input) ? *inputs_[input] : nothing_; }
  const Dims* dims(size_t input) const { return in(input).ranked ? &in(input).dims : nullptr; }
  const Elements* elements(size_t input) const { return in(input).elements.get(); }
  // The elements of an integer tensor of few elements, each unknown one a symbol of its own from now on; null where
  // even their number is unknown.
  const Elements* integerElements(size_t input);
  // An input of integers that a rule needs as numbers; none where one of them is unknown.
  std::optional<std::vector<int64_t>> numbers(size_t input) const;

  // Lists of axes and the like: from an input in newer opsets, from the attribute in older ones. `given` tells a list
  // that is there but unknown from none at all.
  std::optional<std::vector<int64_t>> listOf(size_t input, std::string_view name, bool& given) const;

  // ---- Outputs. Their dtypes are already bound by the row where it can.
  size_t outputCount() const { return outputs_.size(); }
  TensorType& out(size_t output) { return outputs_[output]; }
  void setDims(size_t output, Dims dims);
  void setType(size_t output, DataType dtype) {
    if (output < outputs_.size()) outputs_[output].dtype = dtype;
  }
  void setElements(size_t output, Elements elements);
  // A tensor of known rank with unknown dimensions.
  void setRank(size_t output, size_t rank);
  Dim fresh() { return symbols_.fresh(); }

  // ---- Errors: 'MatMul "name": A is [8, 512], B is [768, 512]; ' and then what would fit.
  std::string name(Dim dim) const { return symbols_.name(dim); }
  Status shapeError(const std::string& wanted) const;
  Status optionError(const std::string& what) const;
  // A rank that does not fit, e.g. needRank(0, 3, 5, "batch, channels, 1 to 3 spatial"); an unknown one fits.
  Status needRank(size_t input, size_t least, size_t most, const char* of = nullptr) const;
  // An axis counted from the end where negative; `rank` is that of `what`.
  Status axis(int64_t given, size_t rank, size_t& axis, const char* what = "axis") const;
  // Distinct axes, sorted.
  Status axes(const std::vector<int64_t>& given, size_t rank, std::vector<size_t>& axes) const;

 private:
  SymbolTable& symbols_;
  BlockInference& blocks_;
  std::vector<TensorType*> inputs_;
  std::vector<TensorType>& outputs_;
  TensorType nothing_;
};

// The number of elements, as an expression.
Dim elementCount(SymbolTable& symbols, const Dims& dims);

}  // namespace pare
