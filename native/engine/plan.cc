// Making and running plans (see plan.h).
#include "engine/plan.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "engine/frame.h"
#include "engine/inference.h"

namespace pare {

namespace {

std::string listOf(std::span<const int64_t> dims) {
  std::string text;
  for (const int64_t dim : dims) text.append(text.empty() ? "" : ", ").append(std::to_string(dim));
  return text;
}

}  // namespace

size_t extentOf(DataType dtype, std::span<const int64_t> dims) {
  std::vector<int64_t> ones(dims.begin(), dims.end());
  for (int64_t& dim : ones) dim = std::max<int64_t>(dim, 1);
  return TensorView::bytesOf(dtype, TensorView::countOf(ones));
}

Plan::Plan(std::unique_ptr<Graph> graph, PlanOptions options)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      constants_(graph_->values.size(), nullptr),
      variables_(graph_->values.size()),
      states_(graph_->blocks.size()),
      profile_(main().nodes.size()) {}

Plan::~Plan() {
  frames_.clear();
  layouts_.clear();
  states_.clear();
  graph_.reset();
  options_.kept.clear();
  returnFreePages();
}

Status Plan::create(std::unique_ptr<Graph> graph, PlanOptions options, std::unique_ptr<Plan>& plan) {
  std::unique_ptr<Plan> made(new Plan(std::move(graph), std::move(options)));
  if (Status status = made->checkOps(); !status.ok()) return status;
  if (Status status = made->checkReads(); !status.ok()) return status;
  if (Status status = made->checkTensors(); !status.ok()) return status;
  if (Status status = made->prepare(); !status.ok()) return status;
  plan = std::move(made);
  return Status::success();
}

// Everything that is missing, in one message.
Status Plan::checkOps() const {
  std::map<std::string, int> missing;
  for (const Block& block : graph_->blocks)
    for (const Node& node : block.nodes) {
      if (node.def && node.def->run[static_cast<int>(Device::cpu)]) continue;
      const bool isStandard = node.domain.empty() || node.domain == "ai.onnx";
      missing[isStandard ? std::string(node.type) : std::string(node.domain) + "." + std::string(node.type)]++;
    }
  if (missing.empty()) return checkValues();
  std::string text;
  for (const auto& [name, count] : missing)
    text += (text.empty() ? "" : ", ") + name + " (" + std::to_string(count) + (count == 1 ? " node)" : " nodes)");
  return Status::unsupported(std::string("pare does not run ") + text + " yet. See docs/operators.md");
}

// Values are tensors of numbers.
Status Plan::checkValues() const {
  for (const auto* list : {&main().inputs, &main().outputs})
    for (const ValueId id : *list) {
      if (id < 0) return Status::model("an input or an output of the model has no name");
      const Declaration& value = graph_->values[static_cast<size_t>(id)];
      if (value.isTensor && value.dtype != DataType::string) continue;
      return Status::unsupported("\"" + std::string(value.name) + "\" is " +
                                 (value.isTensor ? "a tensor of strings" : "no tensor") + ", which pare does not run");
    }
  return Status::success();
}

// Ops trust that what they read is there.
Status Plan::checkReads() const {
  std::vector<bool> isGiven(graph_->values.size(), false);
  const auto give = [&](ValueId id) {
    if (id >= 0) isGiven[static_cast<size_t>(id)] = true;
  };
  for (const Block& block : graph_->blocks) {
    for (const ValueId id : block.inputs) give(id);
    for (const Block::Initializer& one : block.initializers) give(one.value);
    for (const Node& node : block.nodes)
      for (const ValueId id : node.outputs) give(id);
  }
  const auto missing = [&](ValueId id) { return id >= 0 && !isGiven[static_cast<size_t>(id)]; };
  const auto fault = [&](ValueId id, const char* what) {
    return Status::model("nothing gives \"" + std::string(graph_->values[static_cast<size_t>(id)].name) + "\", " +
                         what);
  };
  for (const Block& block : graph_->blocks) {
    for (const Node& node : block.nodes)
      for (const ValueId id : node.inputs)
        if (missing(id)) return fault(id, "which a node reads");
    for (const ValueId id : block.outputs)
      if (missing(id)) return fault(id, "which is an output");
  }
  return Status::success();
}

// Ops trust that a weight has the bytes that its dimensions take.
Status Plan::checkTensors() const {
  for (const Tensor& tensor : graph_->tensors) {
    if (!tensor.hasBytes || bitsOf(tensor.dtype) == 0) continue;
    const bool isPossible = std::all_of(tensor.dims.begin(), tensor.dims.end(), [](int64_t dim) { return dim >= 0; }) &&
                            extentOf(tensor.dtype, tensor.dims) <= mostBytes;
    const size_t bytes = isPossible ? TensorView::bytesOf(tensor.dtype, TensorView::countOf(tensor.dims)) : 0;
    if (isPossible && bytes == tensor.bytes.size()) continue;
    std::string message = std::string("a weight of ") + dataTypeName(tensor.dtype) + " [";
    message.append(listOf(tensor.dims)).append("] has ").append(std::to_string(tensor.bytes.size())).append(" bytes");
    if (isPossible) message.append("; its dimensions take ").append(std::to_string(bytes));
    return Status::model(std::move(message));
  }
  return Status::success();
}

Status Plan::prepare() {
  for (const ValueId id : options_.variables) {
    const Block& block = main();
    const auto found = std::find_if(block.initializers.begin(), block.initializers.end(),
                                    [&](const Block::Initializer& one) { return one.value == id; });
    if (found == block.initializers.end()) return Status::option("a variable must be an initializer of the main graph");
    Tensor& tensor = graph_->tensors[found->tensor];
    if (!tensor.hasBytes) return Status::option("a variable must have bytes");
    variables_[static_cast<size_t>(id)] = const_cast<uint8_t*>(tensor.bytes.data());
    tensor.hasBytes = false;  // inference must not look at what changes
  }
  for (size_t at = 0; at < graph_->blocks.size(); at++)
    for (const Block::Initializer& one : graph_->blocks[at].initializers) {
      const Tensor& tensor = graph_->tensors[one.tensor];
      if (variables_[static_cast<size_t>(one.value)]) continue;
      if (!tensor.hasBytes) return Status::unsupported("an initializer without bytes (a sparse one?) does not run");
      constants_[static_cast<size_t>(one.value)] = &tensor;
    }

  SymbolTable symbols;
  const InferenceOptions inference{.strict = true, .believesDeclared = false};
  if (Status status = inferShapes(*graph_, symbols, inference, types_); !status.ok()) return status;
  for (const auto& [output, variable] : options_.updates)
    if (!variables_[static_cast<size_t>(variable)]) return Status::option("an update's target must be a variable");
  // An initializer that is an input too may be another in the next run.
  std::vector<const Tensor*> lasting = constants_;
  for (const ValueId id : main().inputs)
    if (id >= 0) lasting[static_cast<size_t>(id)] = nullptr;
  const Execution execution{.threads = options_.threads};
  for (size_t at = 0; at < graph_->blocks.size(); at++) {
    for (const Node& node : graph_->blocks[at].nodes) {
      const int version = graph_->opset(node.domain);
      PrepareContext context(node, version == 0 ? 1 : version, execution, *graph_, types_, lasting);
      if (node.def->prepare)
        if (Status status = node.def->prepare(context); !status.ok()) return status;
      states_[at].push_back(context.takeState());
    }
  }
  return Status::success();
}

Status Plan::checkFeeds(std::span<const TensorView* const> feeds) const {
  for (size_t i = 0; i < feeds.size(); i++) {
    const ValueId id = main().inputs[i];
    const std::string name(graph_->values[static_cast<size_t>(id)].name);
    if (!feeds[i]) {
      if (!hasDefault(i)) return Status::option("the input \"" + name + "\" is missing");
      continue;
    }
    const TensorView& feed = *feeds[i];
    const Declaration& declared = graph_->values[static_cast<size_t>(id)];
    if (declared.dtype != DataType::undefined && declared.dtype != feed.dtype)
      return Status::type("the input \"" + name + "\" is " + dataTypeName(feed.dtype) + "; the model takes " +
                          dataTypeName(declared.dtype));
    bool fits = !declared.ranked || declared.dims.size() == feed.dims.size();
    for (size_t axis = 0; fits && declared.ranked && axis < feed.dims.size(); axis++) {
      const auto& dim = declared.dims[axis];
      fits = dim.kind != Declaration::Dimension::number || dim.number < 0 || dim.number == feed.dims[axis];
    }
    if (fits && extentOf(feed.dtype, feed.dims) > mostBytes)
      return Status::memory("the input \"" + name + "\" is [" + listOf(feed.dims) + "], which is too large");
    if (fits) continue;
    std::string wanted;
    for (const auto& dim : declared.dims) {
      wanted += wanted.empty() ? "" : ", ";
      if (dim.kind == Declaration::Dimension::number)
        wanted += std::to_string(dim.number);
      else
        wanted += dim.kind == Declaration::Dimension::symbol ? dim.symbol : "?";
    }
    std::string message = "the input \"";
    message.append(name).append("\" is [").append(listOf(feed.dims));
    message.append("]; the model takes [").append(wanted).append("]");
    return Status::shape(std::move(message));
  }
  return Status::success();
}

Status Plan::layoutFor(std::span<const TensorView* const> feeds, std::shared_ptr<const Layout>& layout) {
  constexpr size_t mostLayouts = 16;
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(layouts_.begin(), layouts_.end(), [&](const auto& one) { return one->fits(feeds); });
    if (found != layouts_.end()) {
      layouts_.splice(layouts_.begin(), layouts_, found);
      layout = layouts_.front();
      return Status::success();
    }
  }
  if (Status status = checkFeeds(feeds); !status.ok()) return status;
  if (Status status = Layout::create(*this, feeds, layout); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  layouts_.push_front(layout);
  if (layouts_.size() > mostLayouts) layouts_.pop_back();
  return Status::success();
}

std::unique_ptr<Frame> Plan::takeFrame(const std::shared_ptr<const Layout>& layout) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(frames_.begin(), frames_.end(), [&](const auto& frame) { return &frame->layout() == layout.get(); });
  if (found == frames_.end()) return nullptr;
  std::unique_ptr<Frame> frame = std::move(*found);
  frames_.erase(found);
  return frame;
}

void Plan::keepFrame(std::unique_ptr<Frame> frame) {
  constexpr size_t mostFrames = 4;
  const std::lock_guard lock(mutex_);
  frames_.push_back(std::move(frame));
  if (frames_.size() > mostFrames) frames_.erase(frames_.begin());
}

void Plan::trim() {
  const std::lock_guard lock(mutex_);
  frames_.clear();
  layouts_.clear();
  returnFreePages();
}

size_t Plan::arenaBytes() {
  const std::lock_guard lock(mutex_);
  return layouts_.empty() ? 0 : layouts_.front()->arenaBytes;
}

Status Plan::frameFor(std::span<const TensorView* const> feeds, std::unique_ptr<Frame>& frame) {
  std::shared_ptr<const Layout> layout;
  if (Status status = layoutFor(feeds, layout); !status.ok()) return status;
  frame = takeFrame(layout);
  if (!frame) frame = Frame::create(*this, layout);
  if (!frame) return Status::memory("no memory for a run of " + std::to_string(layout->arenaBytes) + " bytes");
  return Status::success();
}

Status Plan::run(const Execution& execution, std::span<const TensorView* const> feeds, std::span<Result> results) {
  std::unique_ptr<Frame> frame;
  if (Status status = frameFor(feeds, frame); !status.ok()) return status;
  Status status = frame->bind(feeds, results);
  if (status.ok()) status = frame->execute(execution, results);
  keepFrame(std::move(frame));
  return status;
}

}  // namespace pare
