// Running (see frame.h).
#include "engine/frame.h"

#include <algorithm>
#include <cstring>

#include "engine/inference.h"

namespace pare {

std::unique_ptr<Frame> Frame::create(Plan& plan, std::shared_ptr<const Layout> layout) {
  auto arena = Blob::allocate(std::max<size_t>(layout->arenaBytes, 64));
  if (!arena) return nullptr;
  return std::unique_ptr<Frame>(new Frame(plan, std::move(layout), std::move(arena)));
}

Frame::Frame(Plan& plan, std::shared_ptr<const Layout> layout, std::unique_ptr<Blob> arena)
    : plan_(plan),
      layout_(std::move(layout)),
      arena_(std::move(arena)),
      views_(plan.graph().values.size()),
      own_(plan.graph().values.size()),
      blockCalls_(plan.graph().blocks.size()),
      inputValues_(plan.main().inputs.size()),
      outputValues_(plan.main().outputs.size()) {
  for (size_t i = 0; i < views_.size(); i++) {
    const Place& place = layout_->places[i];
    const TensorType& type = layout_->types[i];
    TensorView& view = views_[i];
    view.dtype = type.dtype;
    for (const Dim dim : type.dims) view.dims.push_back(dim.isNumber() ? dim.number : 0);
    switch (place.kind) {
      case Place::Kind::constant:
        // Ops never write to their inputs.
        view.data = const_cast<uint8_t*>(place.data);
        break;
      case Place::Kind::arena:
        view.data = arena_->data() + place.offset;
        break;
      case Place::Kind::input:
        inputValues_[place.index].push_back(static_cast<ValueId>(i));
        break;
      case Place::Kind::output:
        outputValues_[place.index].push_back(static_cast<ValueId>(i));
        break;
      default:
        break;
    }
  }
  calls_.reserve(layout_->steps.size());
  for (const Step& step : layout_->steps) calls_.push_back(makeCall(0, step.node));
}

Frame::Call Frame::makeCall(uint32_t block, size_t at) {
  const Node& node = plan_.graph().blocks[block].nodes[at];
  Call call;
  for (const ValueId id : node.inputs) call.inputs.push_back(id < 0 ? nullptr : &view(id));
  for (const ValueId id : node.outputs) call.outputs.push_back(id < 0 ? nullptr : &view(id));
  const int version = plan_.graph().opset(node.domain);
  // A vector keeps its elements where they are when it moves.
  call.context = {.execution = nullptr,
                  .node = &node,
                  .opset = version == 0 ? 1 : version,
                  .nodeState = plan_.states_[block][at].get(),
                  .inputs = call.inputs,
                  .outputs = call.outputs,
                  .host = this};
  return call;
}

Status Frame::bind(std::span<const TensorView* const> feeds, std::span<Result> results) {
  for (size_t i = 0; i < feeds.size(); i++)
    if (feeds[i])
      for (const ValueId id : inputValues_[i]) view(id).data = feeds[i]->data;
  for (size_t i = 0; i < results.size(); i++) {
    if (outputValues_[i].empty()) continue;
    uint8_t* data = nullptr;
    if (Status status = placeResult(view(plan_.main().outputs[i]), results[i], data); !status.ok()) return status;
    for (const ValueId id : outputValues_[i]) view(id).data = data;
  }
  return Status::success();
}

Status Frame::execute(const Execution& execution, std::span<Result> results) {
  execution_ = &execution;
  forgetAll();  // what a failed run left
  allocated_ = layout_->fixedBytes;
  Profile* profile = plan_.profile().isOn() ? &plan_.profile() : nullptr;
  if (profile) profile->addRun();
  for (size_t i = 0; i < calls_.size(); i++) {
    if (execution.isCancelled()) return Status::aborted();
    const Step& step = layout_->steps[i];
    const Profile::Timer timer(profile, step.node);
    if (Status status = runStep(calls_[i], step.infers); !status.ok()) return status;
    for (const ValueId id : step.lastUsedIn) forget(id);
  }
  for (const Layout::Copy& copy : layout_->copies) {
    const TensorView& value = view(copy.from);
    uint8_t* data = nullptr;
    if (!results[copy.output].given)
      if (Status status = take(value.byteLength()); !status.ok()) return status;
    if (Status status = placeResult(value, results[copy.output], data); !status.ok()) return status;
    if (value.byteLength() > 0) std::memcpy(data, value.data, value.byteLength());
  }
  for (const PlanOptions::Update& update : plan_.options_.updates) {
    const TensorView &from = view(update.output), &to = view(update.variable);
    if (from.dtype != to.dtype || from.dims != to.dims)
      return Status::shape("an update has other dimensions than its variable");
    if (from.data != to.data && from.byteLength() > 0) std::memcpy(to.data, from.data, from.byteLength());
  }
  forgetAll();
  return execution.outcome();
}

// The memory of a result: the caller's, checked, or new.
Status Frame::placeResult(const TensorView& value, Result& result, uint8_t*& data) {
  result.dtype = value.dtype;
  result.dims = value.dims;
  const size_t bytes = value.byteLength();
  if (result.given) {
    if (result.given->byteLength() != bytes)
      return Status::shape("a result has " + std::to_string(bytes) + " bytes; the buffer that was given for it has " +
                           std::to_string(result.given->byteLength()));
    data = result.given->data;
    return Status::success();
  }
  result.blob = Blob::allocate(bytes);
  if (!result.blob) return Status::memory("no memory for a result of " + std::to_string(bytes) + " bytes");
  data = result.blob->data();
  return Status::success();
}

Status Frame::runStep(Call& call, bool infers) {
  call.context.execution = execution_;
  if (infers)
    if (Status status = inferOutputs(call); !status.ok()) return status;
  if (Status status = call.context.node->def->run[static_cast<int>(Device::cpu)](call.context); !status.ok() || !infers)
    return status;
  for (const ValueId id : call.context.node->outputs)
    if (id >= 0 && isAllocated(id) && !own_[static_cast<size_t>(id)])
      return Status::unsupported(call.context.reader().label() + ": its inputs do not tell its result's dimensions");
  return Status::success();
}

void Frame::describe(const TensorView& view, TensorType& type) const {
  type = {.dtype = view.dtype, .isTensor = true, .ranked = true, .dims = {}, .elements = nullptr};
  for (const int64_t dim : view.dims) type.dims.emplace_back(dim);
  if (!view.data) return;
  if (auto elements = readElements(view.dtype, {view.data, view.byteLength()}, static_cast<int64_t>(view.count())))
    type.elements = std::make_shared<const Elements>(std::move(*elements));
}

// The op's own rule, now with numbers; outputs that it cannot tell yet the op allocates itself.
Status Frame::inferOutputs(const Call& call) {
  const Node& node = *call.context.node;
  if (node.def->traits & trait::subgraphs) return Status::success();
  std::vector<TensorType> types(views_.size());
  for (const ValueId id : node.inputs)
    if (id >= 0) describe(view(id), types[static_cast<size_t>(id)]);
  SymbolTable symbols;
  if (Status status = inferNode(plan_.graph(), node, symbols, types); !status.ok()) return status;
  for (const ValueId id : node.outputs) {
    if (id < 0) continue;
    const TensorType& type = types[static_cast<size_t>(id)];
    view(id).dtype = type.dtype;
    // What the last run left is nobody's memory.
    if (isAllocated(id)) {
      view(id).dims.assign(1, 0);
      view(id).data = nullptr;
    }
    std::vector<int64_t> dims;
    for (const Dim dim : type.dims)
      if (dim.isNumber()) dims.push_back(dim.number);
    if (!type.ranked || dims.size() != type.dims.size()) {
      // Nothing that an earlier run left must be taken for this one's.
      view(id).dims.assign(1, 0);
      view(id).data = nullptr;
      continue;
    }
    if (Status status = allocate(id, dims); !status.ok()) return status;
  }
  return Status::success();
}

Status Frame::take(size_t bytes) {
  if (!__builtin_add_overflow(allocated_, bytes, &allocated_) && allocated_ <= plan_.options_.memoryLimit)
    return Status::success();
  return Status::memory("a run would take more than the limit of " + std::to_string(plan_.options_.memoryLimit >> 20) +
                        " MiB (memoryLimit)");
}

void Frame::forget(ValueId value) {
  std::unique_ptr<Blob>& own = own_[static_cast<size_t>(value)];
  if (own) allocated_ -= own->byteLength();
  own.reset();
}

void Frame::forgetAll() {
  if (!hasOwn_) return;
  for (std::unique_ptr<Blob>& blob : own_) blob.reset();
  hasOwn_ = false;
}

Status Frame::allocate(ValueId value, std::span<const int64_t> dims) {
  TensorView& view = this->view(value);
  const Place::Kind kind = layout_->places[static_cast<size_t>(value)].kind;
  if (kind == Place::Kind::arena || kind == Place::Kind::output) {
    if (std::equal(dims.begin(), dims.end(), view.dims.begin(), view.dims.end())) return Status::success();
    return Status::shape("a result's dimensions are not those that its rule says");
  }
  if (std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 0; }))
    return Status::shape("a result has a negative dimension");
  const size_t bytes = TensorView::bytesOf(view.dtype, TensorView::countOf(dims));
  forget(value);
  if (extentOf(view.dtype, dims) > mostBytes) return Status::memory("a result is larger than any memory");
  if (Status status = take(bytes); !status.ok()) return status;
  std::unique_ptr<Blob> blob = Blob::allocate(bytes);
  if (!blob) return Status::memory("no memory for a result of " + std::to_string(bytes) + " bytes");
  view.dims.assign(dims.begin(), dims.end());
  view.data = blob->data();
  own_[static_cast<size_t>(value)] = std::move(blob);
  hasOwn_ = true;
  return Status::success();
}

Status Frame::adopt(ValueId value, const TensorView& from) {
  view(value).dtype = from.dtype;
  if (Status status = allocate(value, from.dims); !status.ok()) return status;
  if (from.byteLength() > 0) std::memcpy(view(value).data, from.data, from.byteLength());
  return Status::success();
}

Status Frame::runBlock(uint32_t index, std::span<const TensorView* const> inputs,
                       std::vector<const TensorView*>& outputs) {
  const Block& block = plan_.graph().blocks[index];
  std::vector<Call>& calls = blockCalls_[index];
  if (calls.empty()) {
    calls.reserve(block.nodes.size());
    for (size_t i = 0; i < block.nodes.size(); i++) calls.push_back(makeCall(index, i));
    for (const Block::Initializer& one : block.initializers) {
      const Tensor& tensor = plan_.graph().tensors[one.tensor];
      view(one.value) = {tensor.dtype, tensor.dims, const_cast<uint8_t*>(tensor.bytes.data())};
    }
  }
  for (size_t i = 0; i < block.inputs.size() && i < inputs.size(); i++)
    if (block.inputs[i] >= 0 && inputs[i]) view(block.inputs[i]) = *inputs[i];
  for (Call& call : calls) {
    if (execution_->isCancelled()) return Status::aborted();
    if (Status status = runStep(call, true); !status.ok()) return status;
  }
  outputs.clear();
  for (const ValueId id : block.outputs) outputs.push_back(id < 0 ? nullptr : &view(id));
  return Status::success();
}

}  // namespace pare
