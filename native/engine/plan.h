// A graph made ready to run: its nodes prepared once, its memory laid out once for each set of input shapes.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "engine/blob.h"
#include "engine/profile.h"
#include "engine/run.h"

namespace pare {

struct Layout;
class Frame;

struct PlanOptions {
  // Weights that runs update, in the very bytes that the graph's tensors view: whoever makes the plan may read them
  // between runs, and give them to other plans. They are never taken for constants.
  struct Update {
    ValueId output, variable;  // after a run the variable is what the output holds
  };
  std::vector<ValueId> variables;
  std::vector<Update> updates;
  std::vector<std::shared_ptr<const Blob>> kept;  // what tensors' bytes lie in, where the plan is to hold that
  // A run that would take more bytes is refused before it takes any.
  size_t memoryLimit = SIZE_MAX;
  unsigned threads = ThreadPool::defaultThreads();
};

// Bytes of a tensor as if its dimensions of zero were ones: loops over the others take that long, whether they meet an
// element or not. Where no memory holds as much, more than `mostBytes`.
size_t extentOf(DataType dtype, std::span<const int64_t> dims);
constexpr size_t mostBytes = size_t{1} << 46;

// One result: memory that the caller gave, if it is large enough, or the plan's.
struct Result {
  const TensorView* given = nullptr;
  DataType dtype = DataType::undefined;
  std::vector<int64_t> dims;
  std::unique_ptr<Blob> blob;  // null where `given` took it
};

class Plan {
 public:
  // The bytes of the graph's tensors must outlive the plan. PARE_UNSUPPORTED lists every op that does not run.
  static Status create(std::unique_ptr<Graph> graph, PlanOptions options, std::unique_ptr<Plan>& plan);
  ~Plan();

  const Graph& graph() const { return *graph_; }
  const Block& main() const { return graph_->blocks[0]; }
  const TensorType& type(ValueId value) const { return types_[static_cast<size_t>(value)]; }
  // Whether a run can leave this input out: an initializer stands behind it.
  bool hasDefault(size_t input) const { return constants_[static_cast<size_t>(main().inputs[input])] != nullptr; }

  // Feeds and results in the order of the graph's inputs and outputs; a feed is null where its default holds. Any
  // number of runs may go on at once.
  Status run(const Execution& execution, std::span<const TensorView* const> feeds, std::span<Result> results);

  // A frame for such feeds, of which only types and dimensions count here; to be bound, and executed by one at a time.
  Status frameFor(std::span<const TensorView* const> feeds, std::unique_ptr<Frame>& frame);
  void keepFrame(std::unique_ptr<Frame> frame);  // for the next run

  // Gives back the memory that waits for the next run.
  void trim();

  Profile& profile() { return profile_; }
  // Bytes that a run at the latest shapes takes for what it computes, beside results and values whose dimensions depend
  // on data; 0 before the first run.
  size_t arenaBytes();

 private:
  friend struct Layout;
  friend class Frame;

  Plan(std::unique_ptr<Graph> graph, PlanOptions options);
  Status checkOps() const;
  Status checkValues() const;
  Status checkReads() const;
  Status checkTensors() const;
  Status prepare();
  Status checkFeeds(std::span<const TensorView* const> feeds) const;
  Status layoutFor(std::span<const TensorView* const> feeds, std::shared_ptr<const Layout>& layout);
  std::unique_ptr<Frame> takeFrame(const std::shared_ptr<const Layout>& layout);

  std::unique_ptr<Graph> graph_;
  PlanOptions options_;
  std::vector<TensorType> types_;                                // before anything is fed
  std::vector<const Tensor*> constants_;                         // of each value; null where there is none
  std::vector<uint8_t*> variables_;                              // of each value; null where it is none
  std::vector<std::vector<std::unique_ptr<NodeState>>> states_;  // of each block's nodes
  Profile profile_;
  std::mutex mutex_;
  std::list<std::shared_ptr<const Layout>> layouts_;  // the latest first
  std::vector<std::unique_ptr<Frame>> frames_;        // that nobody uses now
};

}  // namespace pare
