// Where the time of a plan's runs goes: nanoseconds of each node of its main graph, summed over runs that may go on at
// once. A node's time holds that of its subgraphs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace pare {

class Profile {
 public:
  explicit Profile(size_t nodeCount) : nanoseconds_(nodeCount) {}

  // Begins again at zero.
  void start() {
    for (auto& one : nanoseconds_) one = 0;
    runs_ = 0;
    isOn_ = true;
  }
  void stop() { isOn_ = false; }
  bool isOn() const { return isOn_.load(std::memory_order_relaxed); }

  void addRun() { runs_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t runs() const { return runs_; }
  const std::vector<std::atomic<uint64_t>>& nanoseconds() const { return nanoseconds_; }

  // Counts the time until it is destroyed for one node; nothing where `profile` is null.
  class Timer {
   public:
    Timer(Profile* profile, size_t node) : profile_(profile), node_(node) {
      if (profile_) begin_ = Clock::now();
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() {
      if (!profile_) return;
      const auto passed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin_).count();
      profile_->nanoseconds_[node_].fetch_add(static_cast<uint64_t>(passed), std::memory_order_relaxed);
    }

   private:
    using Clock = std::chrono::steady_clock;
    Profile* profile_;
    size_t node_;
    Clock::time_point begin_;
  };

 private:
  std::atomic<bool> isOn_ = false;
  std::atomic<uint64_t> runs_ = 0;
  std::vector<std::atomic<uint64_t>> nanoseconds_;
};

}  // namespace pare
