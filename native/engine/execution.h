// How one call runs: its kernels, its threads, and whether somebody has cancelled it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "engine/cpu.h"
#include "engine/status.h"
#include "engine/thread-pool.h"

namespace pare {

struct Execution {
  const KernelTable& kernels = pare::kernels();
  unsigned threads = ThreadPool::defaultThreads();
  const std::atomic<int32_t>* cancelled = nullptr;  // non-zero: stop soon; the results are worthless

  bool isCancelled() const { return cancelled && cancelled->load(std::memory_order_relaxed) != 0; }
  Status outcome() const { return isCancelled() ? Status::aborted() : Status::success(); }

  // Calls piece(i) for every i below count on this call's threads; once cancelled, the rest is skipped.
  template <class Piece>
  void forEachPiece(size_t count, Piece&& piece) const {
    ThreadPool::shared().run(count, threads, [&](size_t i) {
      if (!isCancelled()) piece(i);
    });
  }

  // Calls chunk(begin, end) over [0, count) in chunks of `grain`; chunks depend on nothing but the count.
  template <class Chunk>
  void forEachChunk(size_t count, size_t grain, Chunk&& chunk) const {
    forEachPiece((count + grain - 1) / grain, [&](size_t i) { chunk(i * grain, std::min(count, (i + 1) * grain)); });
  }
};

// Elements a chunk of an elementwise transform has: a multiple of every vector's length, small enough that two threads
// share a call of a few microseconds, large enough that taking a chunk costs nothing.
constexpr size_t elementwiseGrain = 32768;

}  // namespace pare
