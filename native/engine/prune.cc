// Pruning weights over the thread pool (see prune.h).
#include "engine/prune.h"

#include <bit>
#include <new>
#include <utility>

namespace pare {
namespace {

constexpr size_t bucketCount = PruneKernels::bucketCount;

// Several arrays as if they lay one after the other.
class Concatenation {
 public:
  explicit Concatenation(const std::vector<FloatSpan>& arrays) : arrays_(arrays), starts_(1, 0) {
    for (const FloatSpan& array : arrays) starts_.push_back(starts_.back() + array.count);
  }
  size_t count() const { return starts_.back(); }

  // Calls span(array index, first element in it, count) for what lies in [begin, end).
  template <class Span>
  void forEach(size_t begin, size_t end, Span&& span) const {
    size_t array = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin()) - 1;
    for (; begin < end; array++) {
      const size_t stop = std::min(end, starts_[array + 1]);
      if (stop > begin) span(array, begin - starts_[array], stop - begin);
      begin = std::max(begin, stop);
    }
  }
  const UnalignedFloat* at(size_t array, size_t first) const { return arrays_[array].data + first; }

 private:
  const std::vector<FloatSpan>& arrays_;
  std::vector<size_t> starts_;
};

// Elements a histogram takes: clearing and adding 2048 counters is small beside it, and there are few histograms.
size_t selectionGrain(size_t count) {
  const size_t grain = std::max<size_t>(size_t{1} << 18, count / 128);
  return (std::min(grain, size_t{1} << 31) + 63) / 64 * 64;
}

// The bucket that holds rank k (counted from 1) and how many lie in the buckets before.
struct Bucket {
  uint32_t index = 0;
  uint64_t before = 0, size = 0;
};
Bucket bucketOf(const uint64_t* totals, uint64_t k) {
  Bucket bucket;
  while (bucket.index + 1 < bucketCount && bucket.before + totals[bucket.index] < k)
    bucket.before += totals[bucket.index++];
  bucket.size = totals[bucket.index];
  return bucket;
}

struct Level {
  unsigned shift, prefixShift;
};
constexpr Level levels[3] = {{20, 31}, {9, 20}, {0, 9}};  // 31 bits: 11, 11, 9

// A histogram for each piece of `all`, one after the other, over the patterns with that prefix.
std::vector<uint32_t> histograms(const Execution& execution, const Concatenation& all, size_t grain, Level level,
                                 uint32_t prefix) {
  const size_t pieces = (all.count() + grain - 1) / grain;
  std::vector<uint32_t> result(pieces * bucketCount);
  execution.forEachChunk(all.count(), grain, [&](size_t begin, size_t end) {
    uint32_t* own = result.data() + begin / grain * bucketCount;
    all.forEach(begin, end, [&](size_t array, size_t first, size_t count) {
      execution.kernels.prune->histogram(all.at(array, first), count, level.shift, level.prefixShift, prefix, own);
    });
  });
  return result;
}

std::vector<uint64_t> sumOf(const std::vector<uint32_t>& parts) {
  std::vector<uint64_t> totals(bucketCount);
  for (size_t i = 0; i < parts.size(); i++) totals[i % bucketCount] += parts[i];
  return totals;
}

// Patterns between two, from all of the arrays.
struct Candidates {
  std::vector<std::vector<uint32_t>> parts;
  uint64_t below = 0, count = 0;
  bool overflows = false;  // there were more than `most`, or no memory for them
};

// What lies from `low` to `high`, counted only when the two are equal.
Candidates collect(const Execution& execution, const Concatenation& all, size_t grain, uint32_t low, uint32_t high,
                   uint64_t most) {
  constexpr size_t batch = 8192, slack = 16;  // `collect` may write beyond its result
  Candidates result;
  result.parts.resize((all.count() + grain - 1) / grain);
  std::atomic<uint64_t> below{0}, total{0};
  std::atomic<bool> overflows{false};
  execution.forEachChunk(all.count(), grain, [&](size_t begin, size_t end) {
    std::vector<uint32_t>& part = result.parts[begin / grain];
    uint32_t local[batch + slack];
    uint64_t smaller = 0;
    all.forEach(begin, end, [&](size_t array, size_t first, size_t count) {
      for (size_t done = 0; done < count && !overflows.load(std::memory_order_relaxed); done += batch) {
        const size_t found =
            execution.kernels.prune->collect(all.at(array, first + done), std::min(batch, count - done), low, high,
                                             low == high ? nullptr : local, &smaller);
        const uint64_t before = total.fetch_add(found, std::memory_order_relaxed);
        if (low == high) continue;
        try {
          part.insert(part.end(), local, local + found);
        } catch (const std::bad_alloc&) {
          overflows = true;
        }
        if (before + found > most) overflows = true;
      }
    });
    below += smaller;
  });
  result.below = below.load();
  result.count = total.load();
  result.overflows = overflows.load();
  return result;
}

// The radix select: three histograms.
Selection radixSelect(const Execution& execution, const Concatenation& all, size_t grain, uint64_t k) {
  Selection selection;
  uint32_t prefix = 0;
  for (const Level level : levels) {
    const Bucket bucket = bucketOf(sumOf(histograms(execution, all, grain, level, prefix)).data(), k - selection.below);
    selection.below += bucket.before;
    selection.equal = bucket.size;
    prefix = prefix << (level.prefixShift - level.shift) | bucket.index;
    if (execution.isCancelled()) break;
  }
  selection.pattern = prefix;
  return selection;
}

// Two patterns between which rank k lies with a probability near one: quantiles of a sample, four standard deviations
// below and above the wanted one. One element of each stretch is drawn, at a place that follows no pattern of the data.
std::pair<uint32_t, uint32_t> bracket(const Concatenation& all, uint64_t k) {
  constexpr size_t sampleCount = 8192;
  constexpr double margin = 4 * 0.5 * 90.51 + 8;  // √8192 = 90.51
  const size_t stride = all.count() / sampleCount;
  std::vector<uint32_t> sample(sampleCount);
  uint32_t random = 1;
  for (size_t i = 0; i < sampleCount; i++) {
    random = random * 1664525 + 1013904223;
    const size_t at = i * stride + (uint64_t{random} * stride >> 32);
    all.forEach(at, at + 1, [&](size_t array, size_t first, size_t) {
      sample[i] = std::bit_cast<uint32_t>(static_cast<float>(*all.at(array, first))) & 0x7fffffffu;
    });
  }
  const double rank = static_cast<double>(k) / static_cast<double>(all.count()) * sampleCount;
  std::pair<uint32_t, uint32_t> bounds{0, 0x7fffffff};
  if (rank - margin >= 0) {
    const auto at = sample.begin() + static_cast<std::ptrdiff_t>(rank - margin);
    std::nth_element(sample.begin(), at, sample.end());
    bounds.first = *at;
  }
  if (rank + margin < sampleCount) {
    const auto at = sample.begin() + static_cast<std::ptrdiff_t>(rank + margin);
    std::nth_element(sample.begin(), at, sample.end());
    bounds.second = *at;
  }
  return bounds;
}

Status prune(const Execution& execution, const std::vector<FloatSpan>& arrays, const std::vector<FloatSpan>& scores,
             size_t cut, int32_t limitBefore, int32_t limitAfter, std::vector<PruneTarget>& targets) {
  const Concatenation all(scores);
  std::vector<std::atomic<uint64_t>> zeros(arrays.size());
  execution.forEachChunk(all.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    const auto part = [&](size_t from, size_t to, int32_t limit) {
      all.forEach(from, to, [&](size_t array, size_t first, size_t count) {
        const PruneTarget& target = targets[array];
        zeros[array] +=
            execution.kernels.prune->prune(arrays[array].data + first, scores[array].data + first, target.out + first,
                                           target.mask ? target.mask + first : nullptr, count, limit);
      });
    };
    const size_t middle = std::clamp(cut, begin, end);
    part(begin, middle, limitBefore);
    part(middle, end, limitAfter);
  });
  for (size_t i = 0; i < targets.size(); i++) targets[i].zeros = zeros[i].load();
  return execution.outcome();
}

// The position after the `rank`-th element (from 1) whose pattern is this one.
size_t positionAfter(const Execution& execution, const Concatenation& all, uint32_t pattern, uint64_t rank) {
  const size_t grain = elementwiseGrain;
  std::vector<size_t> counts((all.count() + grain - 1) / grain);
  const auto countEqual = [&](size_t begin, size_t end) {
    size_t found = 0;
    all.forEach(begin, end, [&](size_t array, size_t first, size_t count) {
      found += execution.kernels.prune->countEqual(all.at(array, first), count, pattern);
    });
    return found;
  };
  execution.forEachChunk(all.count(), grain,
                         [&](size_t begin, size_t end) { counts[begin / grain] = countEqual(begin, end); });
  size_t piece = 0;
  for (; piece < counts.size() && counts[piece] < rank; piece++) rank -= counts[piece];
  // Halve the piece until one element is left.
  size_t begin = piece * grain, end = std::min(all.count(), begin + grain);
  while (end - begin > 1) {
    const size_t middle = begin + (end - begin) / 2, found = countEqual(begin, middle);
    if (found >= rank) {
      end = middle;
    } else {
      rank -= found;
      begin = middle;
    }
  }
  return end;
}

}  // namespace

Status selectMagnitude(const Execution& execution, const std::vector<FloatSpan>& arrays, uint64_t k,
                       Selection* selection) {
  const Concatenation all(arrays);
  const size_t grain = selectionGrain(all.count());
  constexpr size_t worthASample = size_t{1} << 17;
  if (all.count() >= worthASample) {
    const auto [low, high] = bracket(all, k);
    const Candidates candidates = collect(execution, all, grain, low, high, all.count() / 8);
    const bool hit = candidates.below < k && k <= candidates.below + candidates.count;
    if (hit && low == high) {
      *selection = {.pattern = low, .below = candidates.below, .equal = candidates.count};
      return execution.outcome();
    }
    if (hit && !candidates.overflows) {
      std::vector<FloatSpan> parts;
      for (const std::vector<uint32_t>& part : candidates.parts)
        parts.push_back({reinterpret_cast<const UnalignedFloat*>(part.data()), part.size()});
      *selection = radixSelect(execution, Concatenation(parts), grain, k - candidates.below);
      selection->below += candidates.below;
      return execution.outcome();
    }
  }
  // Small arrays, one value that fills much of them, or a sample that missed.
  *selection = radixSelect(execution, all, grain, k);
  return execution.outcome();
}

Status pruneSmallest(const Execution& execution, const std::vector<FloatSpan>& arrays,
                     const std::vector<FloatSpan>& scores, uint64_t k, std::vector<PruneTarget>& targets) {
  if (k == 0) return prune(execution, arrays, scores, 0, -1, -1, targets);
  Selection selection;
  Status status = selectMagnitude(execution, scores, k, &selection);
  if (!status.ok()) return status;
  const Concatenation all(scores);
  const uint64_t ties = k - selection.below;
  const size_t cut = ties == selection.equal ? all.count() : positionAfter(execution, all, selection.pattern, ties);
  const auto limit = static_cast<int32_t>(selection.pattern);
  return prune(execution, arrays, scores, cut, limit, limit - 1, targets);
}

Status pruneBelow(const Execution& execution, const std::vector<FloatSpan>& arrays,
                  const std::vector<FloatSpan>& scores, float threshold, std::vector<PruneTarget>& targets) {
  const int32_t limit = threshold >= 0 ? std::bit_cast<int32_t>(threshold) & 0x7fffffff : -1;
  return prune(execution, arrays, scores, 0, limit, limit, targets);
}

Status pruneNM(const Execution& execution, const UnalignedFloat* in, size_t outer, size_t axis, size_t inner, size_t n,
               size_t m, UnalignedFloat* out, uint8_t* mask) {
  const PruneKernels& table = *execution.kernels.prune;
  if (outer == 0 || axis == 0 || inner == 0) return execution.outcome();
  if (inner == 1) {
    // Rows of whole groups are one long row, so that pieces do not depend on their length; a longer row is cut between
    // groups.
    const bool seamless = axis % m == 0;
    const size_t rowLength = seamless ? m : axis, rowCount = outer * axis / rowLength;
    const size_t partLength = elementwiseGrain / m * m, partsPerRow = (rowLength + partLength - 1) / partLength;
    const size_t rowsPerPiece = std::max<size_t>(1, elementwiseGrain / rowLength);
    execution.forEachPiece((rowCount + rowsPerPiece - 1) / rowsPerPiece * partsPerRow, [&](size_t piece) {
      const size_t row = piece / partsPerRow * rowsPerPiece, first = piece % partsPerRow * partLength;
      const size_t at = row * rowLength + first;
      table.pruneGroups(in + at, out + at, mask ? mask + at : nullptr, std::min(rowsPerPiece, rowCount - row),
                        std::min(partLength, rowLength - first), n, m);
    });
    return execution.outcome();
  }
  // A piece takes some groups of rows and some columns.
  constexpr size_t columnGrain = 2048;
  const size_t columnPieces = (inner + columnGrain - 1) / columnGrain;
  const size_t groups = (axis + m - 1) / m;
  execution.forEachPiece(outer * groups * columnPieces, [&](size_t piece) {
    const size_t column = piece % columnPieces * columnGrain, group = piece / columnPieces;
    const size_t row = group % groups * m;
    const size_t at = (group / groups * axis + row) * inner + column;
    table.pruneGroupColumns(in + at, out + at, mask ? mask + at : nullptr, std::min(m, axis - row), inner,
                            std::min(columnGrain, inner - column), n, m);
  });
  return execution.outcome();
}

Status countZeros(const Execution& execution, const std::vector<FloatSpan>& arrays, std::vector<uint64_t>* counts) {
  const Concatenation all(arrays);
  std::vector<std::atomic<uint64_t>> found(arrays.size());
  execution.forEachChunk(all.count(), elementwiseGrain, [&](size_t begin, size_t end) {
    all.forEach(begin, end, [&](size_t array, size_t first, size_t count) {
      found[array] += execution.kernels.prune->countEqual(all.at(array, first), count, 0);
    });
  });
  counts->assign(found.begin(), found.end());
  return execution.outcome();
}

Status randomScores(const Execution& execution, uint64_t seed, uint64_t stream, UnalignedFloat* out, size_t count) {
  execution.forEachChunk(count, elementwiseGrain, [&](size_t begin, size_t end) {
    execution.kernels.random->uniform(seed, stream, begin / 4, out + begin, end - begin);
  });
  return execution.outcome();
}

}  // namespace pare
