// The shared thread pool (see thread-pool.h).
#include "engine/thread-pool.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "engine/cpu.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pare {
namespace {

// Long enough to bridge the gap between two calls of a busy program, short enough to waste nothing that one can
// measure.
constexpr auto spinTime = std::chrono::microseconds(60);
constexpr unsigned maximumHelpers = 255;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until `ready` holds or the time is up; returns whether it holds.
template <class Ready>
bool spinUntil(Ready ready) {
  const auto deadline = std::chrono::steady_clock::now() + spinTime;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (ready()) return true;
      relax();
    }
    if (std::chrono::steady_clock::now() >= deadline) return ready();
  }
}

}  // namespace

// A thread begins with a share of its own, the same one for every job alike: what it wrote and read the last time is
// still in its caches. Then it takes what others have left.
struct ThreadPool::Job {
  static constexpr unsigned mostShares = 64;
  struct alignas(64) Share {
    std::atomic<size_t> next;  // the next piece nobody has taken
    size_t end;
  };

  PieceFunction piece;
  void* context;
  unsigned shareCount;
  unsigned wantedHelpers = 0;              // guarded by the pool's mutex
  std::atomic<uint32_t> helpersInside{0};  // helpers that may still touch this job
  Share shares[mostShares];                // NOLINT(*-member-init): the first shareCount are set

  Job(PieceFunction pieceFunction, void* pieceContext, size_t pieceCount, unsigned threads)
      : piece(pieceFunction),
        context(pieceContext),
        shareCount(static_cast<unsigned>(std::min<size_t>({threads, pieceCount, mostShares}))) {
    for (size_t s = 0, begin = 0; s < shareCount; s++) {
      const size_t end = begin + (pieceCount - begin) / (shareCount - s);
      shares[s].next.store(begin, std::memory_order_relaxed);
      shares[s].end = end;
      begin = end;
    }
  }

  void takePieces(unsigned thread) {
    for (unsigned s = 0; s < shareCount; s++) {
      Share& share = shares[(thread + s) % shareCount];
      for (size_t i; (i = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;) piece(context, i);
    }
  }
};

ThreadPool& ThreadPool::shared() {
  // Never destroyed: helpers may still sleep in it while the process ends.
  static ThreadPool* pool = new ThreadPool;
  return *pool;
}

unsigned ThreadPool::defaultThreads() {
  static const unsigned threads = [] {
    // Read once, before any worker runs: nothing in this process sets the environment.
    const char* text = std::getenv("PARE_THREADS");
    const long wanted = text ? std::strtol(text, nullptr, 10) : 0;
    return wanted > 0 ? static_cast<unsigned>(std::min(wanted, long{maximumHelpers} + 1)) : availableProcessors();
  }();
  return threads;
}

void ThreadPool::growTo(unsigned helperCount) {
  for (; helperCount_ < helperCount; helperCount_++) std::thread([this, i = helperCount_ + 1] { work(i); }).detach();
}

void ThreadPool::runShared(size_t pieceCount, unsigned threads, PieceFunction piece, void* context) {
  Job job(piece, context, pieceCount, threads);
  const unsigned helpers = static_cast<unsigned>(std::min<size_t>({threads - 1, pieceCount - 1, maximumHelpers}));
  {
    const std::lock_guard lock(mutex_);
    job.wantedHelpers = helpers;
    jobs_.push_back(&job);
    try {
      growTo(helpers);
    } catch (const std::system_error&) {
      // The system gives no more threads: the caller and those that exist do the work.
    }
  }
  epoch_.fetch_add(1);
  if (sleepers_.load() > 0) {
    if (helpers == 1)
      epoch_.notify_one();
    else
      epoch_.notify_all();
  }
  job.takePieces(0);
  {
    const std::lock_guard lock(mutex_);
    jobs_.erase(std::find(jobs_.begin(), jobs_.end(), &job));
  }
  // No helper can join any more; those inside finish the piece they hold. The last access of a helper to the job is the
  // decrement that this waits for, so the wait is on a value, never on a notification through memory that may be gone.
  const auto finished = [&] { return job.helpersInside.load(std::memory_order_acquire) == 0; };
  while (!spinUntil(finished)) std::this_thread::yield();
}

ThreadPool::Job* ThreadPool::join() {
  const std::lock_guard lock(mutex_);
  for (Job* job : jobs_) {
    if (job->wantedHelpers == 0) continue;
    job->wantedHelpers--;
    job->helpersInside.fetch_add(1, std::memory_order_relaxed);
    return job;
  }
  return nullptr;
}

void ThreadPool::work(unsigned thread) {
  for (;;) {
    const uint32_t seen = epoch_.load();
    if (Job* job = join()) {
      job->takePieces(thread);
      job->helpersInside.fetch_sub(1, std::memory_order_release);
      continue;
    }
    const auto moved = [&] { return epoch_.load(std::memory_order_relaxed) != seen; };
    if (spinUntil(moved)) continue;
    sleepers_.fetch_add(1);
    epoch_.wait(seen);
    sleepers_.fetch_sub(1);
  }
}

}  // namespace pare
