// If, Loop and Scan: their subgraphs are inferred with what the node passes in.
#include "engine/shape-rules.h"

namespace pare {
namespace {

using namespace row;

// What holds whichever of two types a value has.
TensorType either(ShapeContext& c, const TensorType& a, const TensorType& b) {
  TensorType result;
  result.isTensor = a.isTensor && b.isTensor;
  if (a.dtype == b.dtype) result.dtype = a.dtype;
  if (!a.ranked || !b.ranked || a.dims.size() != b.dims.size()) return result;
  result.ranked = true;
  for (size_t i = 0; i < a.dims.size(); ++i) result.dims.push_back(a.dims[i] == b.dims[i] ? a.dims[i] : c.fresh());
  return result;
}

Status subgraph(ShapeContext& c, const char* name, size_t inputCount, uint32_t& block) {
  block = c.node().attribute(name)->index;
  const size_t has = c.blocks().inputCount(block);
  if (has == inputCount) return Status::success();
  return Status::model(c.label() + ": its " + name + " has " + std::to_string(has) + " inputs; " +
                       std::to_string(inputCount) + " are passed");
}

Status wrongCount(ShapeContext& c, const char* name, size_t has, size_t wanted) {
  return Status::model(c.label() + ": its " + name + " has " + std::to_string(has) + " outputs; " +
                       std::to_string(wanted) + " are needed");
}

Status conditional(ShapeContext& c) {
  std::vector<TensorType> branches[2];
  const char* names[2] = {"else_branch", "then_branch"};
  for (const int i : {0, 1}) {
    uint32_t block = 0;
    if (Status status = subgraph(c, names[i], 0, block); !status.ok()) return status;
    if (Status status = c.blocks().inferBlock(block, {}, branches[i]); !status.ok()) return status;
    if (branches[i].size() < c.outputCount()) return wrongCount(c, names[i], branches[i].size(), c.outputCount());
  }
  const Elements* condition = c.elements(0);
  const auto known = condition && condition->size() == 1 ? condition->front().whole() : std::nullopt;
  for (size_t i = 0; i < c.outputCount(); ++i)
    c.out(i) = known ? branches[*known != 0][i] : either(c, branches[0][i], branches[1][i]);
  return Status::success();
}

void forget(TensorType& type) { type.elements = nullptr; }

// What a body carries from one round to the next, by types that hold in every round.
class Carried {
 public:
  Carried(ShapeContext& context, std::vector<TensorType> initial) : c_(context), types_(std::move(initial)) {
    for (TensorType& type : types_) {
      forget(type);
      // Deep inside other bodies nothing is assumed, as the rounds below would multiply.
      if (isDeep()) unrank(type);
      varies_.emplace_back(type.dims.size(), false);
    }
  }

  const std::vector<TensorType>& types() const { return types_; }

  // Infers the body through run(types, after), again where a round changes a type, which is widened.
  template <class Run>
  Status settle(Run&& run) {
    constexpr int maxRounds = 4;
    for (int round = 1; round <= maxRounds; ++round) {
      std::vector<TensorType> after;
      if (Status status = run(types_, after); !status.ok()) return status;
      bool isStable = true;
      for (size_t i = 0; i < types_.size(); ++i) isStable = widen(i, after[i], round == maxRounds - 1) && isStable;
      if (isStable || isDeep()) break;
    }
    return Status::success();
  }

  // The value after the last round: a dimension that varies is another than within the body.
  TensorType result(size_t i) {
    TensorType type = types_[i];
    for (size_t axis = 0; axis < type.dims.size(); ++axis)
      if (varies_[i][axis]) type.dims[axis] = c_.fresh();
    return type;
  }

 private:
  bool isDeep() const { return c_.blocks().depth() > 2; }
  static void unrank(TensorType& type) {
    type.ranked = false;
    type.dims.clear();
  }

  // Whether the type held already.
  bool widen(size_t i, const TensorType& after, bool isLast) {
    TensorType& type = types_[i];
    bool held = true;
    if (type.dtype != DataType::undefined && type.dtype != after.dtype) {
      type.dtype = DataType::undefined;
      held = false;
    }
    if (!type.ranked) return held;
    if (!after.ranked || after.dims.size() != type.dims.size()) {
      unrank(type);
      return false;
    }
    for (size_t axis = 0; axis < type.dims.size(); ++axis) {
      if (varies_[i][axis] || type.dims[axis] == after.dims[axis]) continue;
      held = false;
      varies_[i][axis] = true;
      type.dims[axis] = c_.fresh();
    }
    if (!held && isLast) unrank(type);
    return held;
  }

  ShapeContext& c_;
  std::vector<TensorType> types_;
  std::vector<std::vector<bool>> varies_;
};

// body: (iteration, condition, carried…) → (condition, carried…, scanned…)
Status loop(ShapeContext& c) {
  const size_t carriedCount = c.inputCount() > 2 ? c.inputCount() - 2 : 0;
  uint32_t body = 0;
  if (Status status = subgraph(c, "body", carriedCount + 2, body); !status.ok()) return status;
  if (c.outputCount() < carriedCount) return wrongCount(c, "node", c.outputCount(), carriedCount);
  std::vector<TensorType> initial, results;
  for (size_t i = 0; i < carriedCount; ++i) initial.push_back(c.in(i + 2));
  Carried carried(c, std::move(initial));
  TensorType iteration, condition;
  iteration.dtype = DataType::int64;
  condition.dtype = DataType::boolean;
  iteration.ranked = condition.ranked = true;
  const auto run = [&](const std::vector<TensorType>& now, std::vector<TensorType>& after) {
    std::vector<TensorType> inputs{iteration, condition};
    inputs.insert(inputs.end(), now.begin(), now.end());
    if (Status status = c.blocks().inferBlock(body, inputs, results); !status.ok()) return status;
    if (results.size() < c.outputCount() + 1) return wrongCount(c, "body", results.size(), c.outputCount() + 1);
    after.assign(results.begin() + 1, results.begin() + 1 + static_cast<ptrdiff_t>(carriedCount));
    return Status::success();
  };
  if (Status status = carried.settle(run); !status.ok()) return status;
  const Dim rounds = c.fresh();
  for (size_t i = 0; i < c.outputCount(); ++i) {
    TensorType& out = c.out(i);
    if (i < carriedCount) {
      // With no round at all the result is the initial value; the type covers both.
      out = carried.result(i);
      continue;
    }
    const TensorType& one = results[i + 1];
    out.dtype = one.dtype;
    out.ranked = one.ranked;
    out.dims.assign(1, rounds);
    out.dims.insert(out.dims.end(), one.dims.begin(), one.dims.end());
    if (!out.ranked) out.dims.clear();
  }
  return Status::success();
}

// body: (states…, one element of every scan input…) → (states…, one element of every scan output…). In opset 8 all
// have a batch before the scanned dimension, and the first input holds lengths.
Status scan(ShapeContext& c) {
  const bool isBatched = c.opset() < 9;
  const size_t first = isBatched ? 1 : 0;
  const size_t count = c.inputCount() > first ? c.inputCount() - first : 0;
  const int64_t scanned = c.integer("num_scan_inputs");
  if (scanned < 1 || scanned > static_cast<int64_t>(count))
    return c.optionError("num_scan_inputs is " + std::to_string(scanned) + "; there are " + std::to_string(count) +
                         " inputs");
  const size_t stateCount = count - static_cast<size_t>(scanned);
  uint32_t body = 0;
  if (Status status = subgraph(c, "body", count, body); !status.ok()) return status;
  if (c.outputCount() < stateCount) return wrongCount(c, "node", c.outputCount(), stateCount);
  const auto inputAxes = c.integers("scan_input_axes"), outputAxes = c.integers("scan_output_axes");
  SymbolTable& symbols = c.symbols();
  Dim length = c.fresh(), batch = c.fresh();
  std::vector<TensorType> states, elements, results;
  for (size_t i = 0; i < count; ++i) {
    TensorType type = c.in(first + i);
    forget(type);
    if (type.ranked && isBatched && !type.dims.empty()) {
      if (!symbols.join(batch, type.dims[0], batch)) return c.shapeError("all must have one batch");
      type.dims.erase(type.dims.begin());
    }
    if (i >= stateCount && type.ranked) {
      size_t axis = 0;
      const size_t at = i - stateCount;
      const int64_t given = inputAxes && at < inputAxes->size() ? (*inputAxes)[at] : 0;
      if (Status status = c.axis(given, type.dims.size(), axis, "one of scan_input_axes"); !status.ok()) return status;
      if (!symbols.join(length, type.dims[axis], length)) return c.shapeError("all scan inputs must be equally long");
      type.dims.erase(type.dims.begin() + static_cast<ptrdiff_t>(axis));
    }
    (i < stateCount ? states : elements).push_back(std::move(type));
  }
  const auto run = [&](const std::vector<TensorType>& now, std::vector<TensorType>& after) {
    std::vector<TensorType> inputs(now);
    inputs.insert(inputs.end(), elements.begin(), elements.end());
    if (Status status = c.blocks().inferBlock(body, inputs, results); !status.ok()) return status;
    if (results.size() < c.outputCount()) return wrongCount(c, "body", results.size(), c.outputCount());
    after.assign(results.begin(), results.begin() + static_cast<ptrdiff_t>(stateCount));
    return Status::success();
  };
  Carried carried(c, std::move(states));
  if (Status status = carried.settle(run); !status.ok()) return status;
  for (size_t i = 0; i < c.outputCount(); ++i) {
    TensorType& out = c.out(i);
    out = i < stateCount ? carried.result(i) : results[i];
    forget(out);
    if (!out.ranked) continue;
    if (i >= stateCount) {
      size_t axis = 0;
      const size_t at = i - stateCount;
      const int64_t given = outputAxes && at < outputAxes->size() ? (*outputAxes)[at] : 0;
      if (Status status = c.axis(given, out.dims.size() + 1, axis, "one of scan_output_axes"); !status.ok())
        return status;
      out.dims.insert(out.dims.begin() + static_cast<ptrdiff_t>(axis), length);
    }
    if (isBatched) out.dims.insert(out.dims.begin(), batch);
  }
  return Status::success();
}

const OpRows rows({
    {.name = "If",
     .inputs = {{"cond", boolean}},
     .outputs = {{"outputs", any, heterogeneous}},
     .attributes = {{"else_branch", graph, needed}, {"then_branch", graph, needed}},
     .traits = trait::subgraphs,
     .shape = conditional},
    {.name = "Loop",
     .inputs = {{"M", i64, optional}, {"cond", boolean, optional}, {"v_initial", any, heterogeneous}},
     .outputs = {{"v_final_and_scan_outputs", any, heterogeneous}},
     .attributes = {{"body", graph, needed}},
     .traits = trait::subgraphs,
     .shape = loop},
    {.name = "Scan",
     .since = 8,
     .until = 8,
     .inputs = {{"sequence_lens", i64, optional}, {"initial_state_and_scan_inputs", any, heterogeneous}},
     .outputs = {{"final_state_and_scan_outputs", any, heterogeneous}},
     .attributes = {{"body", graph, needed}, {"directions", integerList}, {"num_scan_inputs", integer, needed}},
     .traits = trait::subgraphs,
     .shape = scan},
    {.name = "Scan",
     .since = 9,
     .inputs = {{"initial_state_and_scan_inputs", any, heterogeneous}},
     .outputs = {{"final_state_and_scan_outputs", any, heterogeneous}},
     .attributes = {{"body", graph, needed},
                    {"num_scan_inputs", integer, needed},
                    {"scan_input_axes", integerList},
                    {"scan_input_directions", integerList},
                    {"scan_output_axes", integerList},
                    {"scan_output_directions", integerList}},
     .traits = trait::subgraphs,
     .shape = scan},
});

}  // namespace
}  // namespace pare
