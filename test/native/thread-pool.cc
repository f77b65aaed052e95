// The thread pool: every piece exactly once, from many callers at a time, nested, and with any number of threads.
#include "engine/thread-pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "engine/execution.h"

namespace pare {
namespace {

TEST(ThreadPool, RunsEachPieceOnce) {
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{10000}}) {
      std::vector<std::atomic<int>> runs(count);
      ThreadPool::shared().run(count, threads, [&](size_t i) { runs[i]++; });
      for (size_t i = 0; i < count; i++)
        ASSERT_EQ(runs[i], 1) << "piece " << i << " of " << count << ", " << threads << " threads";
    }
  }
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<size_t> total{0};
  for (int caller = 0; caller < 8; caller++)
    callers.emplace_back([&] {
      for (int call = 0; call < 300; call++) ThreadPool::shared().run(13, 3, [&](size_t i) { total += i; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, size_t{8} * 300 * (12 * 13 / 2));
}

TEST(ThreadPool, NestsJobs) {
  std::atomic<int> leaves{0};
  ThreadPool::shared().run(6, 4, [&](size_t) { ThreadPool::shared().run(5, 4, [&](size_t) { leaves++; }); });
  EXPECT_EQ(leaves, 30);
}

TEST(Execution, CutsChunksThatCoverTheRange) {
  std::vector<int> seen(100003);
  const Execution execution{.threads = 2};
  execution.forEachChunk(seen.size(), 1000, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) seen[i]++;
  });
  EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), 100003);
}

TEST(Execution, SkipsTheRestOnceCancelled) {
  std::atomic<int32_t> cancelled{0};
  std::atomic<int> run{0};
  const Execution execution{.threads = 1, .cancelled = &cancelled};
  execution.forEachPiece(100, [&](size_t i) {
    run++;
    if (i == 9) cancelled = 1;
  });
  EXPECT_EQ(run, 10);
  EXPECT_STREQ(execution.outcome().code, "PARE_ABORTED");
}

}  // namespace
}  // namespace pare
