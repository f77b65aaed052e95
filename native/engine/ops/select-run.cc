// Running ops that choose elements: TopK, NonZero, Unique.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "engine/nan.h"
#include "engine/run.h"
#include "engine/visit-type.h"

namespace pare {
namespace {

// NaN counts as the largest number.
template <class T>
bool isBelow(T a, T b) {
  if (isNan(a) || isNan(b)) return isNan(b) && !isNan(a);
  return a < b;
}

template <class T>
struct Candidate {
  T value;
  int64_t index;
};

// The first of equal elements comes first.
template <class T, bool wantsLargest>
bool comesBefore(const Candidate<T>& a, const Candidate<T>& b) {
  const bool above = isBelow(b.value, a.value), below = isBelow(a.value, b.value);
  if (above != below) return wantsLargest ? above : below;
  return a.index < b.index;
}

// The k best of `count` elements that lie `step` apart, in order.
template <class T, bool wantsLargest>
void findBest(const TensorView& tensor, size_t first, size_t count, size_t step, size_t k,
              std::vector<Candidate<T>>& found) {
  const auto* x = tensor.as<T>() + first;
  const auto before = comesBefore<T, wantsLargest>;
  found.clear();
  if (k == 0) return;
  // Few of many: a heap whose top is the worst so far, which most elements do not pass. Many: a partition.
  const bool isFew = k <= count / 8;
  for (size_t i = 0; i < (isFew ? k : count); i++) found.push_back({x[i * step], static_cast<int64_t>(i)});
  if (!isFew) {
    const auto end = found.begin() + static_cast<ptrdiff_t>(k);
    if (k < count) std::nth_element(found.begin(), end - 1, found.end(), before);
    std::sort(found.begin(), end, before);
    return;
  }
  std::make_heap(found.begin(), found.end(), before);
  for (size_t i = k; i < count; i++) {
    const Candidate<T> one{x[i * step], static_cast<int64_t>(i)};
    if (!before(one, found.front())) continue;
    std::pop_heap(found.begin(), found.end(), before);
    found.back() = one;
    std::push_heap(found.begin(), found.end(), before);
  }
  std::sort_heap(found.begin(), found.end(), before);
}

Status runTopK(RunContext& c) {
  const TensorView& x = c.in(0);
  const NodeReader reader = c.reader();
  const bool wantsLargest = c.opset < 11 || reader.integer("largest") != 0;
  int64_t given = 0;
  if (c.has(1)) {
    if (c.in(1).count() != 1) return Status::shape(reader.label() + ": K must be one number");
    given = c.in(1).as<int64_t>()[0];
  } else {
    given = reader.integer("k");
  }
  const auto rank = static_cast<int64_t>(x.rank());
  const int64_t axis = reader.integer("axis") < 0 ? reader.integer("axis") + rank : reader.integer("axis");
  if (axis < 0 || axis >= rank) return Status::shape(reader.label() + ": the input has no such axis");
  const auto at = static_cast<size_t>(axis);
  if (given < 0 || given > x.dims[at])
    return Status::shape(reader.label() + ": k is " + std::to_string(given) + "; the axis has " +
                         std::to_string(x.dims[at]));
  const size_t outer = x.outer(at), size = static_cast<size_t>(x.dims[at]), inner = x.inner(at + 1);
  const auto k = static_cast<size_t>(given);
  return visitType(x.dtype, [&]<class T>() {
    const size_t rows = outer * inner;
    const size_t grain = std::max<size_t>(1, elementwiseGrain / 4 / std::max<size_t>(size, 1));
    c.execution->forEachChunk(rows, grain, [&](size_t begin, size_t end) {
      std::vector<Candidate<T>> found;
      for (size_t row = begin; row < end; row++) {
        const size_t first = row / inner * size * inner + row % inner;
        const size_t to = row / inner * k * inner + row % inner;
        if (wantsLargest)
          findBest<T, true>(x, first, size, inner, k, found);
        else
          findBest<T, false>(x, first, size, inner, k, found);
        for (size_t i = 0; i < k; i++) {
          if (c.wants(0)) c.out(0).as<T>()[to + i * inner] = found[i].value;
          if (c.wants(1)) c.out(1).as<int64_t>()[to + i * inner] = found[i].index;
        }
      }
    });
    return c.execution->outcome();
  });
}
Status prepareVisited(PrepareContext& c) { return c.needType(visitedTypes); }

// A number counts as a tensor of one dimension.
Status runNonZero(RunContext& c) {
  const TensorView& x = c.in(0);
  const std::vector<int64_t> dims = x.rank() == 0 ? std::vector<int64_t>{1} : x.dims;
  return visitType(x.dtype, [&]<class T>() {
    const auto* in = x.as<T>();
    const size_t count = x.count();
    std::vector<size_t> found;
    for (size_t i = 0; i < count; i++)
      if (in[i] != 0) found.push_back(i);
    const auto total = static_cast<int64_t>(found.size());
    if (Status status = c.allocate(0, std::vector<int64_t>{static_cast<int64_t>(dims.size()), total}); !status.ok())
      return status;
    auto* out = c.out(0).as<int64_t>();
    for (size_t axis = dims.size(); axis-- > 0;) {
      const auto size = static_cast<size_t>(dims[axis]);
      for (size_t i = 0; i < found.size(); i++) {
        out[axis * found.size() + i] = static_cast<int64_t>(found[i] % size);
        found[i] /= size;
      }
    }
    return c.execution->outcome();
  });
}

// Slices along an axis, or elements where there is none, as rows that are compared element by element.
Status runUnique(RunContext& c) {
  const TensorView& x = c.in(0);
  const NodeReader reader = c.reader();
  const bool isSorted = reader.integer("sorted") != 0, hasAxis = reader.hasAttribute("axis");
  size_t outer = 1, count = x.count(), inner = 1, axis = 0;
  if (hasAxis) {
    const int64_t given = reader.integer("axis"), rank = static_cast<int64_t>(x.rank());
    axis = static_cast<size_t>(given < 0 ? given + rank : given);
    if (axis >= x.rank()) return Status::shape(reader.label() + ": the input has no such axis");
    outer = x.outer(axis);
    count = static_cast<size_t>(x.dims[axis]);
    inner = x.inner(axis + 1);
  }
  return visitType(x.dtype, [&]<class T>() {
    const auto* in = x.as<T>();
    const auto compare = [&](size_t a, size_t b) {  // −1, 0 or 1
      for (size_t i = 0; i < outer; i++)
        for (size_t j = 0; j < inner; j++) {
          const T left = in[(i * count + a) * inner + j], right = in[(i * count + b) * inner + j];
          if (isBelow<T>(left, right)) return -1;
          if (isBelow<T>(right, left)) return 1;
        }
      return 0;
    };
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const int sign = compare(a, b);
      return sign < 0 || (sign == 0 && a < b);
    });
    // Groups of equal slices: the first slice of each, how many there are, and the group of each slice.
    std::vector<size_t> first, group(count), size;
    for (size_t i = 0; i < count; i++) {
      if (i == 0 || compare(order[i - 1], order[i]) != 0) {
        first.push_back(order[i]);
        size.push_back(0);
      }
      group[order[i]] = first.size() - 1;
      size.back()++;
    }
    std::vector<size_t> ranked(first.size()), place(first.size());
    std::iota(ranked.begin(), ranked.end(), 0);
    if (!isSorted) std::sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) { return first[a] < first[b]; });
    for (size_t i = 0; i < ranked.size(); i++) place[ranked[i]] = i;
    const auto found = static_cast<int64_t>(first.size());
    if (c.wants(0)) {
      std::vector<int64_t> dims{found};
      if (hasAxis) {
        dims = x.dims;
        dims[axis] = found;
      }
      if (Status status = c.allocate(0, dims); !status.ok()) return status;
      auto* out = c.out(0).as<T>();
      for (size_t i = 0; i < outer; i++)
        for (size_t g = 0; g < ranked.size(); g++)
          for (size_t j = 0; j < inner; j++)
            out[(i * ranked.size() + g) * inner + j] = in[(i * count + first[ranked[g]]) * inner + j];
    }
    const auto give = [&](size_t output, size_t length, auto&& at) {
      if (!c.wants(output)) return Status::success();
      if (Status status = c.allocate(output, std::vector<int64_t>{static_cast<int64_t>(length)}); !status.ok())
        return status;
      for (size_t i = 0; i < length; i++) c.out(output).as<int64_t>()[i] = static_cast<int64_t>(at(i));
      return Status::success();
    };
    if (Status status = give(1, ranked.size(), [&](size_t i) { return first[ranked[i]]; }); !status.ok()) return status;
    if (Status status = give(2, count, [&](size_t i) { return place[group[i]]; }); !status.ok()) return status;
    return give(3, ranked.size(), [&](size_t i) { return size[ranked[i]]; });
  });
}

const OpRuns runs({
    {"TopK", runTopK, prepareVisited},
    {"NonZero", runNonZero, prepareVisited},
    {"Unique", runUnique, prepareVisited},
});

}  // namespace
}  // namespace pare
