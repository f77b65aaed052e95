// Times the matrix products of oneDNN and OpenBLAS, as told line by line: "KIND M N K THREADS SECONDS" with KIND one of
// onednn-f32, openblas-f32, onednn-u8s8; answers each with the median and the least seconds a call, or "-" where the
// library was not there when this was built.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>
#if __has_include(<dnnl.h>)
#include <dnnl.h>
#include <omp.h>
#define HAS_ONEDNN 1
#endif
#if __has_include(<cblas.h>)
#include <cblas.h>
#define HAS_OPENBLAS 1
#endif

namespace {

using Clock = std::chrono::steady_clock;

double secondsOf(const std::function<void()>& call, int repeats) {
  const auto start = Clock::now();
  for (int i = 0; i < repeats; i++) call();
  return std::chrono::duration<double>(Clock::now() - start).count() / repeats;
}

void measure(const std::function<void()>& call, double seconds) {
  call();
  // Samples as long as benchmark.js takes them for pare.
  const int repeats = std::max(1, static_cast<int>(seconds / 4 / std::max(secondsOf(call, 3), 1e-9)));
  std::vector<double> samples;
  const auto start = Clock::now();
  do {
    samples.push_back(secondsOf(call, repeats));
  } while (std::chrono::duration<double>(Clock::now() - start).count() < seconds);
  std::sort(samples.begin(), samples.end());
  std::printf("%.9g %.9g\n", samples[samples.size() / 2], samples.front());
}

uint32_t state = 1;
uint32_t random() { return state = state * 1664525u + 1013904223u; }

template <class T>
std::vector<T> matrix(size_t count) {
  std::vector<T> values(count);
  for (T& value : values)
    value = static_cast<T>(static_cast<int32_t>(random() >> 24) - (static_cast<T>(-1) < 0 ? 128 : 0));
  return values;
}

}  // namespace

int main() {
  char kind[32];
  int m, n, k, threads;
  double seconds;
  while (std::scanf("%31s %d %d %d %d %lf", kind, &m, &n, &k, &threads, &seconds) == 6) {
    const std::string name = kind;
    const size_t aCount = static_cast<size_t>(m) * k, bCount = static_cast<size_t>(k) * n,
                 cCount = static_cast<size_t>(m) * n;
    bool known = false;
#ifdef HAS_ONEDNN
    omp_set_num_threads(threads);
    if (name == "onednn-f32") {
      known = true;
      const auto a = matrix<float>(aCount), b = matrix<float>(bCount);
      std::vector<float> c(cCount);
      measure([&] { dnnl_sgemm('N', 'N', m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(), n); }, seconds);
    }
    if (name == "onednn-u8s8") {
      known = true;
      const auto a = matrix<uint8_t>(aCount);
      const auto b = matrix<int8_t>(bCount);
      std::vector<int32_t> c(cCount);
      const int32_t offset = 0;
      measure(
          [&] {
            dnnl_gemm_u8s8s32('N', 'N', 'F', m, n, k, 1, a.data(), k, 0, b.data(), n, 0, 0, c.data(), n, &offset);
          },
          seconds);
    }
#endif
#ifdef HAS_OPENBLAS
    if (name == "openblas-f32") {
      known = true;
      openblas_set_num_threads(threads);
      const auto a = matrix<float>(aCount), b = matrix<float>(bCount);
      std::vector<float> c(cCount);
      measure(
          [&] {
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(),
                        n);
          },
          seconds);
    }
#endif
    if (!known) std::puts("-");
    std::fflush(stdout);
  }
}
