// Detects the processor's instruction-set level and the number of processors that this process may use.
#include "engine/cpu.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

#define PARE_DECLARE_LEVEL(name)              \
  namespace pare::name {                      \
  extern const pare::KernelTable kernelTable; \
  }
PARE_DECLARE_LEVEL(reference)
#if defined(__x86_64__)
PARE_DECLARE_LEVEL(v2)
PARE_DECLARE_LEVEL(v3)
PARE_DECLARE_LEVEL(v4)
PARE_DECLARE_LEVEL(vnni)
#elif defined(__aarch64__)
PARE_DECLARE_LEVEL(neon)
PARE_DECLARE_LEVEL(dotprod)
PARE_DECLARE_LEVEL(i8mm)
#endif

namespace pare {
namespace {

struct Level {
  const KernelTable* table;
  bool (*runsHere)();
};

bool always() { return true; }

#if defined(__x86_64__)
// The levels of the x86-64 ABI supplement, feature by feature; the operating system's part is in the compiler's checks.
bool hasV2() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }
bool hasV3() {
  constexpr unsigned f16c = 1u << 29, movbe = 1u << 22, lzcnt = 1u << 5;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & f16c) || !(ecx & movbe)) return false;
  if (!__get_cpuid(0x80000001u, &eax, &ebx, &ecx, &edx) || !(ecx & lzcnt)) return false;
  return hasV2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
bool hasV4() {
  return hasV3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
const Level levels[] = {
    {&reference::kernelTable, always},
    {&v2::kernelTable, hasV2},
    {&v3::kernelTable, hasV3},
    {&v4::kernelTable, hasV4},
    {&vnni::kernelTable, [] { return hasV4() && __builtin_cpu_supports("avx512vnni"); }},
};
#elif defined(__aarch64__)
// Bits of AT_HWCAP and AT_HWCAP2 in the Linux ABI for Arm.
constexpr unsigned long halfPrecision = 1ul << 10, dotProduct = 1ul << 20, int8Matrix = 1ul << 13;
bool hasDotProduct() {
  const unsigned long capabilities = getauxval(AT_HWCAP);
  return (capabilities & dotProduct) && (capabilities & halfPrecision);
}
const Level levels[] = {
    {&reference::kernelTable, always},
    {&neon::kernelTable, always},
    {&dotprod::kernelTable, hasDotProduct},
    {&i8mm::kernelTable, [] { return hasDotProduct() && (getauxval(AT_HWCAP2) & int8Matrix); }},
};
#endif

// The kernels that can run here, slowest first; asked once, since CPUID takes a virtual machine tens of microseconds.
const std::vector<const KernelTable*>& available() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> found;
    for (const Level& level : levels)
      if (level.runsHere()) found.push_back(level.table);
    return found;
  }();
  return tables;
}

struct Choice {
  std::atomic<const KernelTable*> table;
  std::string warning;

  Choice() {
    const KernelTable* best = available().back();
    // Read once, before any worker runs: nothing in this process sets the environment.
    const char* wanted = std::getenv("PARE_ISA");
    if (wanted && *wanted) {
      if (const KernelTable* forced = findKernels(wanted))
        best = forced;
      else
        warning = std::string("PARE_ISA=") + wanted + " is not a level of this machine; using " + best->level;
    }
    table = best;
  }
};

Choice& choice() {
  static Choice instance;
  return instance;
}

// Processors that the container may use at a time, from "quota period" in microseconds; 0 when unlimited or unreadable.
double quota(const std::string& quotaText, const std::string& periodText) {
  char* end = nullptr;
  const double limit = std::strtod(quotaText.c_str(), &end);
  if (end == quotaText.c_str() || limit <= 0) return 0;
  const double period = std::strtod(periodText.c_str(), &end);
  return period > 0 ? limit / period : 0;
}

std::string readLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The smallest quota on the way from this process's control group up to the root.
double containerQuota() {
  double smallest = 0;
  const auto take = [&](double found) {
    if (found > 0) smallest = smallest > 0 ? std::min(smallest, found) : found;
  };
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    const bool unified = controllers.empty();
    if (!unified && ("," + controllers + ",").find(",cpu,") == std::string::npos) continue;
    for (;;) {
      if (path == "/") path.clear();
      if (unified) {
        std::istringstream fields(readLine("/sys/fs/cgroup" + path + "/cpu.max"));
        std::string limit, period;
        if (fields >> limit >> period) take(quota(limit, period));
      } else {
        const std::string folder = "/sys/fs/cgroup/cpu" + path;
        take(quota(readLine(folder + "/cpu.cfs_quota_us"), readLine(folder + "/cpu.cfs_period_us")));
      }
      if (path.empty()) break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return smallest;
}

}  // namespace

const KernelTable& kernels() { return *choice().table.load(std::memory_order_relaxed); }

const KernelTable* findKernels(const std::string& name) {
  for (const KernelTable* table : available())
    if (table->level == name) return table;
  return nullptr;
}

std::vector<std::string> availableLevels() {
  std::vector<std::string> names;
  for (const KernelTable* table : available()) names.emplace_back(table->level);
  return names;
}

bool setLevel(const std::string& name) {
  const KernelTable* table = findKernels(name);
  if (table) choice().table.store(table, std::memory_order_relaxed);
  return table != nullptr;
}

const std::string& levelWarning() { return choice().warning; }

std::string processorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t start = line.find(": ");
    if (start != std::string::npos) return line.substr(start + 2);
  }
  return "unknown processor";
}

unsigned availableProcessors() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  unsigned count = std::max(1u, std::thread::hardware_concurrency());
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) count = std::max(1, CPU_COUNT(&mask));
  const double limit = containerQuota();
  if (limit > 0) count = std::min(count, std::max(1u, static_cast<unsigned>(std::ceil(limit))));
  return count;
}

}  // namespace pare
