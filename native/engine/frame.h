// One run of a plan at a time: the memory of a layout, and every value as its ops see it.
#pragma once

#include "engine/layout.h"

namespace pare {

class Frame final : public RunHost {
 public:
  static std::unique_ptr<Frame> create(Plan& plan, std::shared_ptr<const Layout> layout);  // null: no memory

  const Layout& layout() const { return *layout_; }
  // Memory of the feeds and the results, for the runs that follow; results whose dimensions only a run knows, and
  // copies of feeds and weights, get theirs in `execute`.
  Status bind(std::span<const TensorView* const> feeds, std::span<Result> results);
  Status execute(const Execution& execution, std::span<Result> results);

  Status allocate(ValueId value, std::span<const int64_t> dims) override;
  Status runBlock(uint32_t block, std::span<const TensorView* const> inputs,
                  std::vector<const TensorView*>& outputs) override;
  Status adopt(ValueId value, const TensorView& from) override;

 private:
  struct Call {
    std::vector<TensorView*> inputs, outputs;
    RunContext context;
  };

  Frame(Plan& plan, std::shared_ptr<const Layout> layout, std::unique_ptr<Blob> arena);
  Call makeCall(uint32_t block, size_t node);
  static Status placeResult(const TensorView& value, Result& result, uint8_t*& data);
  Status runStep(Call& call, bool infers);
  Status inferOutputs(const Call& call);
  void describe(const TensorView& view, TensorType& type) const;
  // Whether a value's memory is allocated when it is computed.
  bool isAllocated(ValueId id) const {
    const Place::Kind kind = layout_->places[static_cast<size_t>(id)].kind;
    return kind == Place::Kind::dynamic || kind == Place::Kind::none;
  }
  // Counts bytes; PARE_MEMORY beyond the limit.
  Status take(size_t bytes);
  // Frees what was allocated for a value.
  void forget(ValueId value);
  void forgetAll();
  TensorView& view(ValueId id) { return views_[static_cast<size_t>(id)]; }

  Plan& plan_;
  std::shared_ptr<const Layout> layout_;
  std::unique_ptr<Blob> arena_;
  std::vector<TensorView> views_;                  // of each value
  std::vector<std::unique_ptr<Blob>> own_;         // of each value that is allocated while it is computed
  std::vector<Call> calls_;                        // of each step
  std::vector<std::vector<Call>> blockCalls_;      // of each subgraph's nodes, made when it first runs
  std::vector<std::vector<ValueId>> inputValues_;  // of each input: the values that share its memory
  std::vector<std::vector<ValueId>> outputValues_;
  bool hasOwn_ = false;  // whether there is any
  const Execution* execution_ = nullptr;
  size_t allocated_ = 0;  // bytes that this run takes, all together
};

}  // namespace pare
