// The process's one pool of threads: a job is cut into pieces; each thread begins with its share of them, and whoever
// is done takes the next one of another's.
//
// Results never depend on the number of threads, and neither do pieces, except where the bits do not depend on the
// pieces (matrix products). The caller works too, and never waits for a thread that has not begun: a busy neighbour
// slows a job by its share and cannot stop it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace pare {

class ThreadPool {
 public:
  static ThreadPool& shared();

  // Calls piece(i) for every i below pieceCount on at most `threads` threads, the caller's included, and returns when
  // all have returned. A piece must not throw. Pieces may themselves run jobs.
  template <class Piece>
  void run(size_t pieceCount, unsigned threads, Piece&& piece) {
    using Plain = std::remove_reference_t<Piece>;
    if (threads <= 1 || pieceCount <= 1) {
      for (size_t i = 0; i < pieceCount; i++) piece(i);
      return;
    }
    runShared(
        pieceCount, threads, [](void* context, size_t i) { (*static_cast<Plain*>(context))(i); },
        const_cast<void*>(static_cast<const void*>(&piece)));
  }

  // Threads a job gets when it names none: PARE_THREADS, else the processors that this process may use.
  static unsigned defaultThreads();

  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

 private:
  struct Job;
  using PieceFunction = void (*)(void* context, size_t index);

  ThreadPool() = default;
  void runShared(size_t pieceCount, unsigned threads, PieceFunction piece, void* context);
  void growTo(unsigned helperCount);
  void work(unsigned thread);  // the caller of a job is thread 0, helpers count from 1
  Job* join();                 // the first job that wants another thread, joined; null when there is none

  std::mutex mutex_;  // guards jobs_ and helperCount_
  std::vector<Job*> jobs_;
  unsigned helperCount_ = 0;
  std::atomic<uint32_t> epoch_{0};  // moves whenever a job arrives
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace pare
