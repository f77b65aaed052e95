// Runs every node's shape rule in order (see inference.h).
#include "engine/inference.h"

#include <algorithm>
#include <map>

namespace pare {
namespace {

// No model has so many; a hostile one could ask for billions.
constexpr size_t maxRank = 256;

class Inference final : public BlockInference {
 public:
  Inference(const Graph& graph, SymbolTable& symbols, const InferenceOptions& options, std::vector<TensorType>& types)
      : graph_(graph), symbols_(symbols), options_(options), types_(types) {}

  Status run() {
    types_.assign(graph_.values.size(), {});
    // Names first: fresh symbols avoid them.
    for (const Declaration& value : graph_.values)
      for (const Declaration::DeclaredDim& dim : value.dims)
        if (dim.kind == Declaration::Dimension::symbol) symbols_.named(dim.symbol);
    if (options_.strict) {
      if (Status status = checkAllKnown(); !status.ok()) return status;
    }
    const std::vector<ValueId>& inputs = graph_.blocks[0].inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      declareInput(inputs[i]);
      if (inputs[i] < 0 || !options_.inputs || !(*options_.inputs)[i].ranked) continue;
      types_[static_cast<size_t>(inputs[i])] = (*options_.inputs)[i];
      given_.push_back(inputs[i]);
    }
    return runBlock(0);
  }

  Status inferBlock(uint32_t block, const std::vector<TensorType>& inputs, std::vector<TensorType>& outputs) override {
    const Block& body = graph_.blocks[block];
    for (size_t i = 0; i < body.inputs.size(); ++i) {
      if (body.inputs[i] < 0) continue;
      TensorType& type = types_[static_cast<size_t>(body.inputs[i])];
      type = i < inputs.size() ? inputs[i] : TensorType();
      fillIn(body.inputs[i], type, options_.believesDeclared);
    }
    ++depth_;
    Status status = runBlock(block);
    --depth_;
    outputs.clear();
    for (const ValueId id : body.outputs) outputs.push_back(id < 0 ? TensorType() : types_[static_cast<size_t>(id)]);
    return status;
  }

  Status inferNode(const Node& node) { return runNode(node); }

  size_t inputCount(uint32_t block) const override { return graph_.blocks[block].inputs.size(); }
  int depth() const override { return depth_; }
  const Tensor& tensor(uint32_t index) const override { return graph_.tensors[index]; }

 private:
  Dim declaredDim(const Declaration::DeclaredDim& dim) {
    if (dim.kind == Declaration::Dimension::number && dim.number >= 0) return dim.number;
    if (dim.kind == Declaration::Dimension::symbol && !dim.symbol.empty()) return symbols_.named(dim.symbol);
    return symbols_.fresh();
  }

  void declareInput(ValueId id) {
    if (id < 0) return;
    TensorType& type = types_[static_cast<size_t>(id)];
    type = {};
    fillIn(id, type);
  }

  // What the file says of a value replaces only what is unknown.
  void fillIn(ValueId id, TensorType& type, bool isBelieved = true) {
    const Declaration& declared = graph_.values[static_cast<size_t>(id)];
    if (!declared.isTensor && type.dtype == DataType::undefined) type.isTensor = false;
    if (type.dtype == DataType::undefined) type.dtype = declared.dtype;
    if (!declared.ranked || !declared.isTensor || !isBelieved) return;
    if (!type.ranked) {
      type.ranked = true;
      type.dims.clear();
      for (const auto& dim : declared.dims) type.dims.push_back(declaredDim(dim));
      return;
    }
    if (type.dims.size() != declared.dims.size()) return;
    for (size_t i = 0; i < type.dims.size(); ++i) {
      const bool isKnown = type.dims[i].isNumber() || !symbols_.isUnknown(type.dims[i]);
      const auto& dim = declared.dims[i];
      const bool isDeclared = dim.kind == Declaration::Dimension::number ? dim.number >= 0 : !dim.symbol.empty();
      if (!isKnown && isDeclared) type.dims[i] = declaredDim(dim);
    }
  }

  Status checkAllKnown() const {
    std::map<std::string, int> missing;
    for (const Block& block : graph_.blocks) {
      for (const Node& node : block.nodes) {
        if (node.def) continue;
        ++missing[node.domain.empty() ? std::string(node.type)
                                      : std::string(node.domain) + "." + std::string(node.type)];
      }
    }
    if (missing.empty()) return Status::success();
    std::string text = std::to_string(missing.size()) + (missing.size() == 1 ? " op is" : " ops are") + " unknown: ";
    bool first = true;
    for (const auto& [name, count] : missing) {
      if (!first) text += ", ";
      first = false;
      text += name + " (" + std::to_string(count) + (count == 1 ? " node)" : " nodes)");
    }
    return Status::unsupported(text + ". See docs/operators.md.");
  }

  TensorType typeOf(const Tensor& tensor) const {
    TensorType type;
    type.dtype = tensor.dtype;
    type.ranked = true;
    int64_t count = 1;
    for (const int64_t dim : tensor.dims) {
      type.dims.push_back(dim);
      if (__builtin_mul_overflow(count, dim, &count)) count = -1;
    }
    if (tensor.hasBytes)
      if (auto elements = readElements(tensor.dtype, tensor.bytes, count))
        type.elements = std::make_shared<const Elements>(std::move(*elements));
    return type;
  }

  Status runBlock(uint32_t index) {
    const Block& block = graph_.blocks[index];
    for (const Block::Initializer& one : block.initializers)
      if (std::find(given_.begin(), given_.end(), one.value) == given_.end())
        types_[static_cast<size_t>(one.value)] = typeOf(graph_.tensors[one.tensor]);
    for (const Node& node : block.nodes)
      if (Status status = runNode(node); !status.ok()) return status;
    return Status::success();
  }

  static std::string label(const Node& node) {
    std::string text(node.type);
    if (!node.name.empty()) text += " \"" + std::string(node.name) + "\"";
    return text;
  }

  Status runNode(const Node& node) {
    std::vector<TensorType> outputs(node.outputs.size());
    if (node.def) {
      if (Status status = checkCounts(node); !status.ok()) return status;
      if (Status status = checkAttributes(node); !status.ok()) return status;
      std::vector<TensorType*> inputs;
      for (const ValueId id : node.inputs) inputs.push_back(id < 0 ? nullptr : &types_[static_cast<size_t>(id)]);
      if (Status status = bindTypes(node, inputs, outputs); !status.ok()) return status;
      if (node.def->shape) {
        const int version = graph_.opset(node.domain);
        ShapeContext context(node, version == 0 ? 1 : version, symbols_, *this, std::move(inputs), outputs);
        symbols_.takeOverflow();
        if (Status status = node.def->shape(context); !status.ok()) return status;
        if (symbols_.takeOverflow()) return context.shapeError("the result's dimensions exceed 64 bits");
      }
      if (Status status = checkOutputs(node, outputs); !status.ok()) return status;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (node.outputs[i] < 0) continue;
      fillIn(node.outputs[i], outputs[i], options_.believesDeclared);
      types_[static_cast<size_t>(node.outputs[i])] = std::move(outputs[i]);
    }
    return Status::success();
  }

  static bool isMany(const std::vector<Parameter>& parameters) {
    return !parameters.empty() && parameters.back().arity >= Arity::variadic;
  }
  static const Parameter& parameterAt(const std::vector<Parameter>& parameters, size_t index) {
    return parameters[std::min(index, parameters.size() - 1)];
  }

  Status checkCounts(const Node& node) const {
    const OpDef& def = *node.def;
    const auto check = [&](const std::vector<Parameter>& parameters, const std::vector<ValueId>& given,
                           const char* what) {
      if (given.size() > parameters.size() && !isMany(parameters))
        return Status::model(label(node) + ": it has " + std::to_string(given.size()) + " " + what + "; " + def.name +
                             " has at most " + std::to_string(parameters.size()));
      return Status::success();
    };
    if (Status status = check(def.inputs, node.inputs, "inputs"); !status.ok()) return status;
    if (Status status = check(def.outputs, node.outputs, "outputs"); !status.ok()) return status;
    for (size_t i = 0; i < def.inputs.size(); ++i) {
      if (def.inputs[i].arity != Arity::required) continue;
      if (i >= node.inputs.size() || node.inputs[i] < 0)
        return Status::model(label(node) + ": input " + std::to_string(i) + " (" + def.inputs[i].name + ") is missing");
    }
    return Status::success();
  }

  Status checkAttributes(const Node& node) const {
    for (const AttributeDef& row : node.def->attributes) {
      const Attribute* given = node.attribute(row.name);
      if (!given && row.isRequired) return Status::model(label(node) + ": the attribute " + row.name + " is missing");
      if (given && given->kind != row.kind)
        return Status::model(label(node) + ": the attribute " + row.name + " is of kind " +
                             attributeKindName(given->kind) + "; it must be " + attributeKindName(row.kind));
    }
    return Status::success();
  }

  Status bindTypes(const Node& node, const std::vector<TensorType*>& inputs, std::vector<TensorType>& outputs) const {
    struct Binding {
      const char* variable;
      DataType dtype;
      const char* by;
    };
    std::vector<Binding> bindings;
    const OpDef& def = *node.def;
    for (size_t i = 0; i < inputs.size() && !def.inputs.empty(); ++i) {
      if (!inputs[i] || inputs[i]->dtype == DataType::undefined || !inputs[i]->isTensor) continue;
      const Parameter& parameter = parameterAt(def.inputs, i);
      const DataType dtype = inputs[i]->dtype;
      if (options_.strict && !def.typesOf(parameter.type).contains(dtype))
        return Status::type(label(node) + ": " + parameter.name + " is " + dataTypeName(dtype) + "; it must be " +
                            typeNames(def.typesOf(parameter.type)) + ".");
      if (!parameter.type.variable || parameter.arity == Arity::heterogeneous) continue;
      const auto bound = std::find_if(bindings.begin(), bindings.end(), [&](const Binding& one) {
        return std::string_view(one.variable) == parameter.type.variable;
      });
      if (bound == bindings.end()) {
        bindings.push_back({parameter.type.variable, dtype, parameter.name});
      } else if (bound->dtype != dtype) {
        return Status::type(label(node) + ": " + bound->by + " is " + dataTypeName(bound->dtype) + ", " +
                            parameter.name + " is " + dataTypeName(dtype) + "; they must have one type.");
      }
    }
    for (size_t i = 0; i < outputs.size() && !def.outputs.empty(); ++i) {
      const Parameter& parameter = parameterAt(def.outputs, i);
      if (parameter.arity == Arity::heterogeneous) continue;
      outputs[i].dtype = def.typesOf(parameter.type).single();
      if (!parameter.type.variable) continue;
      for (const Binding& one : bindings)
        if (std::string_view(one.variable) == parameter.type.variable) outputs[i].dtype = one.dtype;
    }
    return Status::success();
  }

  Status checkOutputs(const Node& node, const std::vector<TensorType>& outputs) const {
    for (const TensorType& type : outputs) {
      if (!type.ranked) continue;
      if (type.dims.size() > maxRank)
        return Status::shape(label(node) + ": the result would have " + std::to_string(type.dims.size()) +
                             " dimensions; at most " + std::to_string(maxRank) + " make sense.");
      int64_t count = 1;
      bool tooLarge = false, empty = false;
      for (const Dim dim : type.dims) {
        if (!dim.isNumber()) continue;
        if (dim.number < 0)
          return Status::shape(label(node) + ": the result would be " + symbols_.name(type.dims) +
                               "; no dimension can be negative.");
        empty = empty || dim.number == 0;
        tooLarge = tooLarge || __builtin_mul_overflow(count, std::max<int64_t>(dim.number, 1), &count);
      }
      if (tooLarge && !empty)
        return Status::shape(label(node) + ": the result would be " + symbols_.name(type.dims) +
                             ", more elements than 64 bits can count.");
    }
    return Status::success();
  }

  const Graph& graph_;
  SymbolTable& symbols_;
  const InferenceOptions& options_;
  std::vector<TensorType>& types_;
  std::vector<ValueId> given_;
  int depth_ = 0;
};

}  // namespace

Status inferShapes(const Graph& graph, SymbolTable& symbols, const InferenceOptions& options,
                   std::vector<TensorType>& types) {
  return Inference(graph, symbols, options, types).run();
}

Status inferNode(const Graph& graph, const Node& node, SymbolTable& symbols, std::vector<TensorType>& types) {
  const InferenceOptions options{.believesDeclared = false};
  return Inference(graph, symbols, options, types).inferNode(node);
}

}  // namespace pare
