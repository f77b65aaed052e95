// Laying out memory (see layout.h).
#include "engine/layout.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/inference.h"
#include "engine/part.h"

namespace pare {
namespace {

constexpr size_t alignment = 64;
constexpr size_t never = SIZE_MAX;

bool isNumeric(const TensorType& type) {
  return type.ranked && std::all_of(type.dims.begin(), type.dims.end(), [](Dim dim) { return dim.isNumber(); });
}

std::vector<int64_t> numbersOf(const TensorType& type) {
  std::vector<int64_t> dims;
  for (const Dim dim : type.dims) dims.push_back(dim.number);
  return dims;
}

size_t bytesOf(const TensorType& type) { return TensorView::bytesOf(type.dtype, TensorView::countOf(numbersOf(type))); }

template <class T>
void writeElement(uint8_t* to, size_t at, T value) {
  std::memcpy(to + at * sizeof(T), &value, sizeof(T));
}

// The bytes of a value all of whose elements are known; null where one is not, or the type is not followed.
std::unique_ptr<uint8_t[]> writeElements(const TensorType& type) {
  if (!type.elements || !isNumeric(type) || type.elements->size() != TensorView::countOf(numbersOf(type)))
    return nullptr;
  auto bytes = std::make_unique<uint8_t[]>(std::max<size_t>(bytesOf(type), 1));
  for (size_t i = 0; i < type.elements->size(); i++) {
    const Element& element = (*type.elements)[i];
    const auto number = element.number();
    if (!number) return nullptr;
    const auto whole = element.whole();
    switch (type.dtype) {
      case DataType::float32:
        writeElement(bytes.get(), i, static_cast<float>(*number));
        break;
      case DataType::float64:
        writeElement(bytes.get(), i, *number);
        break;
      case DataType::int64:
        if (!whole) return nullptr;
        writeElement(bytes.get(), i, *whole);
        break;
      case DataType::int32:
        if (!whole) return nullptr;
        writeElement(bytes.get(), i, static_cast<int32_t>(*whole));
        break;
      case DataType::boolean:
        if (!whole) return nullptr;
        writeElement(bytes.get(), i, static_cast<uint8_t>(*whole != 0));
        break;
      default:
        return nullptr;
    }
  }
  return bytes;
}

class Maker {
 public:
  Maker(const Graph& graph, std::span<const uint8_t* const> given, const PlanOptions& options, Layout& layout)
      : block_(graph.blocks[0]),
        graph_(graph),
        given_(given),
        updates_(options.updates),
        memoryLimit_(options.memoryLimit),
        layout_(layout),
        root_(graph_.values.size()),
        partOffset_(graph_.values.size(), 0),
        hasParts_(graph_.values.size(), false),
        firstUse_(graph_.values.size(), never),
        lastUse_(graph_.values.size(), 0) {
    std::iota(root_.begin(), root_.end(), 0);
  }

  Status run() {
    layout_.places.assign(graph_.values.size(), {});
    placeGiven();
    chooseSteps();
    findUses();
    if (Status status = checkEach(); !status.ok()) return status;
    share();
    shareUpdates();
    placeOutputs();
    return placeRest();
  }

 private:
  Place& place(ValueId id) { return layout_.places[static_cast<size_t>(id)]; }
  const TensorType& type(ValueId id) const { return layout_.types[static_cast<size_t>(id)]; }
  ValueId rootOf(ValueId id) const {
    while (root_[static_cast<size_t>(id)] != id) id = root_[static_cast<size_t>(id)];
    return id;
  }
  size_t& lastUse(ValueId id) { return lastUse_[static_cast<size_t>(id)]; }

  void placeGiven() {
    for (size_t i = 0; i < block_.inputs.size(); i++)
      if (block_.inputs[i] >= 0 && layout_.isFed[i]) place(block_.inputs[i]) = {.kind = Place::Kind::input, .index = i};
    for (size_t id = 0; id < given_.size(); id++)
      if (given_[id] && layout_.places[id].kind == Place::Kind::none)
        layout_.places[id] = {.kind = Place::Kind::constant, .data = given_[id]};
  }

  template <class Visit>
  void eachRead(const Node& node, Visit&& visit) const {
    for (const ValueId id : node.inputs)
      if (id >= 0) visit(id);
    for (const Attribute& attribute : node.attributes)
      if (attribute.kind == AttributeKind::graph)
        for (const ValueId id : graph_.blocks[attribute.index].captured) visit(id);
  }

  // From the last node to the first: what somebody needs and inference does not know.
  void chooseSteps() {
    std::vector<bool> needed(graph_.values.size(), false);
    for (const ValueId id : block_.outputs)
      if (id >= 0) needed[static_cast<size_t>(id)] = true;
    for (const auto& [output, variable] : updates_) needed[static_cast<size_t>(output)] = true;
    for (size_t at = block_.nodes.size(); at-- > 0;) {
      const Node& node = block_.nodes[at];
      bool computes = false, isKnown = true;
      for (const ValueId id : node.outputs) {
        if (id < 0 || !needed[static_cast<size_t>(id)]) continue;
        computes = true;
        isKnown = isKnown && know(id);
      }
      if (!computes || isKnown) continue;
      layout_.steps.push_back({.node = at, .lastUsedIn = {}});
      eachRead(node, [&](ValueId id) { needed[static_cast<size_t>(id)] = true; });
    }
    std::reverse(layout_.steps.begin(), layout_.steps.end());
  }

  bool know(ValueId id) {
    auto bytes = writeElements(type(id));
    if (!bytes) return false;
    place(id) = {.kind = Place::Kind::constant, .data = bytes.get()};
    layout_.known.push_back(std::move(bytes));
    return true;
  }

  // Times are numbers of steps; results are needed until the end.
  void findUses() {
    for (size_t time = 0; time < layout_.steps.size(); time++) {
      Step& step = layout_.steps[time];
      const Node& node = block_.nodes[step.node];
      eachRead(node, [&](ValueId id) { lastUse(id) = time; });
      for (const ValueId id : node.outputs) {
        if (id < 0 || place(id).kind == Place::Kind::constant) continue;
        firstUse_[static_cast<size_t>(id)] = time;
        lastUse(id) = std::max(lastUse(id), time);
        const bool isStatic = isNumeric(type(id)) && type(id).isTensor;
        step.infers = step.infers || !isStatic;
        place(id) = {.kind = isStatic ? Place::Kind::arena : Place::Kind::dynamic};
      }
    }
    for (const ValueId id : block_.outputs)
      if (id >= 0) lastUse(id) = never;
    for (const auto& [output, variable] : updates_) lastUse(output) = never;
  }

  // Views become their input; what may write over an input that dies there does.
  void share() {
    std::vector<Step> kept;
    for (size_t time = 0; time < layout_.steps.size(); time++) {
      const Node& node = block_.nodes[layout_.steps[time].node];
      const unsigned traits = node.def->traits;
      const ValueId out = node.outputs.empty() ? absentValue : node.outputs[0];
      bool isView = takeParts(node);
      if (!isView && out >= 0 && place(out).kind == Place::Kind::arena) {
        const auto wanted = std::count_if(node.outputs.begin(), node.outputs.end(), [](ValueId id) { return id >= 0; });
        if ((traits & trait::view) && wanted == 1) {
          const ValueId in = node.inputs[0];
          isView = place(in).kind != Place::Kind::dynamic && bytesOf(type(in)) == bytesOf(type(out));
          if (isView) join(out, in);
        } else if ((traits & trait::inPlace) && !isUpdate(out)) {
          shareInPlace(node, out, time);
        }
      }
      if (isView) continue;
      kept.push_back(layout_.steps[time]);
      timeOf_.push_back(time);
    }
    layout_.steps = std::move(kept);
  }

  bool isUpdate(ValueId id) const {
    return std::any_of(updates_.begin(), updates_.end(), [&](const auto& update) { return update.output == id; });
  }

  // Outputs that are parts of a computed tensor or a weight stay where they are; the graph's results never are.
  bool takeParts(const Node& node) {
    const PartFunction part = PartRules::of(node);
    if (!part) return false;
    const ValueId in = node.inputs[0];
    if (place(in).kind != Place::Kind::arena && place(in).kind != Place::Kind::constant) return false;
    const NodeReader reader(node, graph_.opset(node.domain));
    std::vector<size_t> begins;
    for (size_t i = 0; i < node.outputs.size(); i++) {
      const ValueId id = node.outputs[i];
      if (id < 0 || place(id).kind != Place::Kind::arena || lastUse(id) == never) return false;
      const auto begin = part(reader, layout_.types, i);
      if (!begin) return false;
      begins.push_back(*begin * (bitsOf(type(id).dtype) / 8));
    }
    for (size_t i = 0; i < node.outputs.size(); i++) {
      join(node.outputs[i], in);
      partOffset_[static_cast<size_t>(node.outputs[i])] += begins[i];
    }
    hasParts_[static_cast<size_t>(rootOf(in))] = true;
    return true;
  }

  void join(ValueId value, ValueId with) {
    const ValueId root = rootOf(with);
    root_[static_cast<size_t>(value)] = root;
    partOffset_[static_cast<size_t>(value)] = partOffset_[static_cast<size_t>(with)];
    lastUse(root) = std::max(lastUse(root), lastUse(value));
    place(value) = place(root);
  }

  void shareInPlace(const Node& node, ValueId out, size_t time) {
    const size_t candidates = node.def->traits & trait::elementwise ? node.inputs.size() : 1;
    for (size_t i = 0; i < std::min(candidates, node.inputs.size()); i++) {
      const ValueId in = node.inputs[i];
      if (in < 0 || place(in).kind != Place::Kind::arena || lastUse(rootOf(in)) != time) continue;
      if (hasParts_[static_cast<size_t>(rootOf(in))]) continue;
      const auto sharesMemory = [&](ValueId other) { return other >= 0 && rootOf(other) == rootOf(in); };
      if (std::count_if(node.inputs.begin(), node.inputs.end(), sharesMemory) > 1) continue;
      if (type(in).dims != type(out).dims || bytesOf(type(in)) != bytesOf(type(out))) continue;
      join(out, in);
      return;
    }
  }

  // An update is computed over its variable where nobody reads that afterwards, and each element of the one depends on
  // the same element of the other.
  void shareUpdates() {
    for (const auto& [output, variable] : updates_) {
      if (place(output).kind != Place::Kind::arena || rootOf(output) != output) continue;
      const size_t time = firstUse_[static_cast<size_t>(output)];
      const auto at = std::lower_bound(timeOf_.begin(), timeOf_.end(), time);
      if (at == timeOf_.end() || *at != time || lastUse(variable) > time) continue;
      if (hasParts_[static_cast<size_t>(variable)]) continue;
      const Node& node = block_.nodes[layout_.steps[static_cast<size_t>(at - timeOf_.begin())].node];
      constexpr unsigned wanted = trait::elementwise | trait::inPlace;
      if ((node.def->traits & wanted) != wanted || type(variable).dims != type(output).dims ||
          type(variable).dtype != type(output).dtype ||
          std::count(node.inputs.begin(), node.inputs.end(), variable) != 1)
        continue;
      place(output) = place(variable);
    }
  }

  // A computed value is computed in its result; weights, inputs and second results are copied.
  void placeOutputs() {
    std::vector<ValueId> taken;
    for (size_t i = 0; i < block_.outputs.size(); i++) {
      const ValueId id = block_.outputs[i];
      if (id < 0) continue;
      const ValueId root = rootOf(id);
      const bool isOwn = place(id).kind == Place::Kind::arena && !hasParts_[static_cast<size_t>(root)] &&
                         std::find(taken.begin(), taken.end(), root) == taken.end();
      if (!isOwn) {
        layout_.copies.push_back({id, i});
        continue;
      }
      taken.push_back(root);
      place(root) = {.kind = Place::Kind::output, .index = i};
    }
  }

  Status placeRest() {
    struct Item {
      ValueId id;
      size_t bytes, begin, end, offset;
    };
    std::vector<Item> items;
    for (size_t i = 0; i < root_.size(); i++) {
      const auto id = static_cast<ValueId>(i);
      if (place(id).kind == Place::Kind::dynamic) {
        layout_.isDynamic = true;
        noteDynamic(id);
      }
      if (place(id).kind != Place::Kind::arena || root_[i] != id) continue;
      const size_t bytes = (bytesOf(type(id)) + alignment - 1) / alignment * alignment;
      items.push_back({id, bytes, firstUse_[i], lastUse_[i], 0});
    }
    std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.bytes > b.bytes; });
    std::vector<const Item*> placed;  // by offset
    for (Item& item : items) {
      size_t offset = 0;
      for (const Item* other : placed) {
        if (other->end < item.begin || item.end < other->begin) continue;
        if (other->offset >= offset + item.bytes) break;
        offset = std::max(offset, other->offset + other->bytes);
      }
      item.offset = offset;
      placed.insert(std::upper_bound(placed.begin(), placed.end(), &item,
                                     [](const Item* a, const Item* b) { return a->offset < b->offset; }),
                    &item);
      if (__builtin_add_overflow(offset, item.bytes, &offset)) offset = SIZE_MAX;
      layout_.arenaBytes = std::max(layout_.arenaBytes, offset);
      place(item.id).offset = item.offset;
    }
    for (size_t i = 0; i < root_.size(); i++) {
      if (root_[i] == static_cast<ValueId>(i)) continue;
      Place& shared = layout_.places[i];
      shared = place(rootOf(static_cast<ValueId>(i)));
      shared.offset += partOffset_[i];
      if (shared.data) shared.data += partOffset_[i];
    }
    return checkMemory();
  }

  void noteDynamic(ValueId id) {
    if (lastUse(id) == never) return;
    // The last use itself stays a step: only what no dynamic value goes into becomes a view.
    const auto step = std::lower_bound(timeOf_.begin(), timeOf_.end(), lastUse(id));
    if (step != timeOf_.end()) layout_.steps[static_cast<size_t>(step - timeOf_.begin())].lastUsedIn.push_back(id);
  }

  // Each value alone, so that sums of what is left do not overflow.
  Status checkEach() const {
    for (size_t id = 0; id < layout_.places.size(); id++) {
      if (layout_.places[id].kind != Place::Kind::arena) continue;
      const TensorType& one = layout_.types[id];
      const size_t bytes = extentOf(one.dtype, numbersOf(one));
      if (bytes > std::min(memoryLimit_, mostBytes)) return tooLarge(bytes);
    }
    return Status::success();
  }

  Status tooLarge(size_t bytes) const {
    return Status::memory("a run with these inputs would take " + std::to_string(bytes >> 20) + " MiB; the limit is " +
                          std::to_string(memoryLimit_ >> 20) + " MiB (memoryLimit)");
  }

  Status checkMemory() {
    size_t& total = layout_.fixedBytes;
    total = layout_.arenaBytes;
    for (const ValueId id : block_.outputs)
      if (id >= 0 && place(id).kind == Place::Kind::output) total += bytesOf(type(id));
    return total <= memoryLimit_ ? Status::success() : tooLarge(total);
  }

  const Block& block_;
  const Graph& graph_;
  std::span<const uint8_t* const> given_;  // bytes of weights and variables, by value
  std::span<const PlanOptions::Update> updates_;
  size_t memoryLimit_;
  Layout& layout_;
  std::vector<ValueId> root_;       // whose memory a value shares
  std::vector<size_t> partOffset_;  // where it begins there, in bytes
  std::vector<bool> hasParts_;      // of roots: whether a value may share only a part of it
  std::vector<size_t> firstUse_, lastUse_;
  std::vector<size_t> timeOf_;  // of the steps that are left
};

}  // namespace

Status Layout::create(const Plan& plan, std::span<const TensorView* const> feeds,
                      std::shared_ptr<const Layout>& layout) {
  auto made = std::make_shared<Layout>();
  std::vector<TensorType> inputs(feeds.size());
  for (size_t i = 0; i < feeds.size(); i++) {
    made->isFed.push_back(feeds[i] != nullptr);
    made->inputDims.emplace_back();
    made->inputTypes.push_back(DataType::undefined);
    if (!feeds[i]) continue;
    made->inputDims.back() = feeds[i]->dims;
    made->inputTypes.back() = feeds[i]->dtype;
    inputs[i].dtype = feeds[i]->dtype;
    inputs[i].ranked = true;
    for (const int64_t dim : feeds[i]->dims) inputs[i].dims.emplace_back(dim);
  }
  SymbolTable symbols;
  const InferenceOptions options{.strict = true, .believesDeclared = false, .inputs = &inputs};
  if (Status status = inferShapes(plan.graph(), symbols, options, made->types); !status.ok()) return status;
  std::vector<const uint8_t*> given;
  for (size_t id = 0; id < plan.constants_.size(); id++) {
    const Tensor* constant = plan.constants_[id];
    given.push_back(plan.variables_[id] ? plan.variables_[id] : constant ? constant->bytes.data() : nullptr);
  }
  if (Status status = Maker(plan.graph(), given, plan.options_, *made).run(); !status.ok()) return status;
  layout = std::move(made);
  return Status::success();
}

bool Layout::fits(std::span<const TensorView* const> feeds) const {
  for (size_t i = 0; i < feeds.size(); i++)
    if (isFed[i] != (feeds[i] != nullptr) ||
        (feeds[i] && (feeds[i]->dtype != inputTypes[i] || feeds[i]->dims != inputDims[i])))
      return false;
  return true;
}

}  // namespace pare
