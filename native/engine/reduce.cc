// Reductions (see reduce.h). Neighbouring axes that are all reduced, or all kept, are one. What is left is reduced one
// group at a time, the last first: each time [outer, reduced, inner] becomes [outer, inner], without a transposition.
// A group that is long beside few results is cut into parts, whose results are then reduced again.
#include "engine/reduce.h"

#include <vector>

#include "engine/scratch.h"

namespace pare {
namespace {

// What the first pass accumulates, what later ones make of such results, and how the last one ends.
struct Steps {
  Accumulation first, next;
  ReductionEnd end;
};

Steps stepsOf(Reduction reduction, double count) {
  using Function = ReductionEnd::Function;
  switch (reduction) {
    case Reduction::sum:
      return {Accumulation::sum, Accumulation::sum, {}};
    case Reduction::mean:
      return {Accumulation::sum, Accumulation::sum, {count, Function::none}};
    case Reduction::max:
      return {Accumulation::maximum, Accumulation::maximum, {}};
    case Reduction::min:
      return {Accumulation::minimum, Accumulation::minimum, {}};
    case Reduction::product:
      return {Accumulation::product, Accumulation::product, {}};
    case Reduction::sumSquare:
      return {Accumulation::sumSquare, Accumulation::sum, {}};
    case Reduction::l1:
      return {Accumulation::sumAbsolute, Accumulation::sum, {}};
    case Reduction::l2:
      return {Accumulation::sumSquare, Accumulation::sum, {1, Function::squareRoot}};
    case Reduction::logSum:
      return {Accumulation::sum, Accumulation::sum, {1, Function::logarithm}};
    case Reduction::logSumExp:
      return {Accumulation::logSumExp, Accumulation::logSumExp, {}};
  }
  return {};
}

struct Group {
  size_t size;
  bool reduced;
};

// The dimensions with neighbours of a kind merged, those of size 1 left out.
std::vector<Group> groupsOf(std::span<const int64_t> dims, std::span<const size_t> axes) {
  std::vector<Group> groups;
  for (size_t i = 0, next = 0; i < dims.size(); i++) {
    const bool reduced = next < axes.size() && axes[next] == i;
    next += reduced;
    if (dims[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced)
      groups.back().size *= static_cast<size_t>(dims[i]);
    else
      groups.push_back({static_cast<size_t>(dims[i]), reduced});
  }
  return groups;
}

struct Triple {
  size_t outer, reduced, inner;
};

// [outer, reduced, inner] → [outer, inner], each result by one thread. `outStride` elements lie between the results of
// one outer index and the next.
void reduceTriple(const Execution& execution, Accumulation accumulation, const ReductionEnd& end,
                  const UnalignedFloat* in, Triple shape, size_t inStride, UnalignedFloat* out, size_t outStride) {
  const ReduceKernels& table = *execution.kernels.reduce;
  const auto which = static_cast<size_t>(accumulation);
  const size_t outer = shape.outer, reduced = shape.reduced, inner = shape.inner;
  if (outer == 0 || inner == 0) return;
  if (inner == 1 && outStride == 1) {
    const size_t rows = std::max<size_t>(1, elementwiseGrain / std::max<size_t>(1, reduced));
    execution.forEachChunk(outer, rows, [&](size_t first, size_t stop) {
      table.rows[which](in + first * inStride, inStride, stop - first, reduced, end, out + first);
    });
    return;
  }
  // Columns side by side: as many as make a piece, but at least some lines of the cache.
  constexpr size_t fewest = 256;
  const size_t fitting = elementwiseGrain / std::max<size_t>(1, reduced) / fewest * fewest;
  const size_t width = std::min(inner, std::max(fewest, fitting)), across = (inner + width - 1) / width;
  const size_t each = std::max<size_t>(1, elementwiseGrain / std::max<size_t>(1, reduced * width));
  execution.forEachChunk(outer * across, each, [&](size_t first, size_t stop) {
    for (size_t i = first; i < stop; i++) {
      const size_t column = i % across * width, o = i / across;
      table.columns[which](in + o * inStride + column, inner, reduced, std::min(width, inner - column), end,
                           out + o * outStride + column);
    }
  });
}

// Parts to cut the reduced dimension into, so that threads have something to share where there are few results. They
// depend on the shape alone.
size_t partsOf(Triple shape) {
  constexpr size_t enoughResults = 16384, mostParts = 64;
  const size_t results = shape.outer * shape.inner;
  const size_t pieces = shape.reduced * std::max<size_t>(1, results) / elementwiseGrain;
  const size_t naturalPieces = shape.inner == 1 ? shape.outer : shape.outer * ((shape.inner + 255) / 256);
  if (results > enoughResults || pieces < 2 || naturalPieces >= 8) return 1;
  return std::min({pieces, shape.reduced / 2, mostParts});
}

Status reduceGroup(const Execution& execution, const Steps& steps, const ReductionEnd& end, const UnalignedFloat* in,
                   Triple shape, UnalignedFloat* out) {
  const size_t parts = partsOf(shape);
  const size_t plane = shape.reduced * shape.inner;
  if (parts <= 1) {
    reduceTriple(execution, steps.first, end, in, shape, plane, out, shape.inner);
    return Status::success();
  }
  // [outer, parts, inner] of partial results.
  const Scratch partial(shape.outer * parts * shape.inner * sizeof(float));
  if (!partial.data()) return Status::memory("no memory for the parts of a reduction");
  auto* results = partial.as<UnalignedFloat>();
  const size_t length = (shape.reduced + parts - 1) / parts, used = (shape.reduced + length - 1) / length;
  execution.forEachPiece(shape.outer * used, [&](size_t i) {
    const size_t o = i / used, from = i % used * length, count = std::min(length, shape.reduced - from);
    const Execution alone{.kernels = execution.kernels, .threads = 1, .cancelled = execution.cancelled};
    reduceTriple(alone, steps.first, {}, in + o * plane + from * shape.inner, {1, count, shape.inner}, 0,
                 results + i * shape.inner, shape.inner);
  });
  reduceTriple(execution, steps.next, end, results, {shape.outer, used, shape.inner}, used * shape.inner, out,
               shape.inner);
  return Status::success();
}

}  // namespace

Status reduce(const Execution& execution, Reduction reduction, const UnalignedFloat* in, std::span<const int64_t> dims,
              std::span<const size_t> axes, UnalignedFloat* out) {
  double count = 1;
  for (const size_t axis : axes) count *= static_cast<double>(dims[axis]);
  Steps steps = stepsOf(reduction, count);
  std::vector<Group> groups = groupsOf(dims, axes);
  size_t groupsLeft =
      static_cast<size_t>(std::count_if(groups.begin(), groups.end(), [](Group g) { return g.reduced; }));
  if (groupsLeft == 0) {
    // Every element is the sum, the norm … of itself.
    size_t elements = 1;
    for (const Group& group : groups) elements *= group.size;
    reduceTriple(execution, steps.first, steps.end, in, {1, 1, elements}, elements, out, elements);
    return execution.outcome();
  }
  // Results of one pass are the next one's input: at most two buffers are alive.
  std::unique_ptr<Scratch> held;
  while (groupsLeft > 0 && !execution.isCancelled()) {
    size_t at = groups.size();
    while (!groups[--at].reduced) continue;
    Triple shape{1, groups[at].size, 1};
    for (size_t i = 0; i < at; i++) shape.outer *= groups[i].size;
    for (size_t i = at + 1; i < groups.size(); i++) shape.inner *= groups[i].size;
    groupsLeft--;
    std::unique_ptr<Scratch> results;
    UnalignedFloat* to = out;
    if (groupsLeft > 0) {
      results = std::make_unique<Scratch>(shape.outer * shape.inner * sizeof(float));
      if (!results->data()) return Status::memory("no memory for a reduction's first results");
      to = results->as<UnalignedFloat>();
    }
    if (Status status = reduceGroup(execution, steps, groupsLeft > 0 ? ReductionEnd{} : steps.end, in, shape, to);
        !status.ok())
      return status;
    steps.first = steps.next;
    in = to;
    held = std::move(results);
    groups.erase(groups.begin() + static_cast<ptrdiff_t>(at));
  }
  return execution.outcome();
}

Status extremeIndex(const Execution& execution, const UnalignedFloat* in, size_t outer, size_t axis, size_t inner,
                    bool smallest, bool last, Unaligned<int64_t>::Type* out) {
  const ReduceKernels& table = *execution.kernels.reduce;
  if (outer == 0 || inner == 0) return execution.outcome();
  if (axis == 0) return Status::shape("an axis of 0 elements has no extreme");
  if (axis > INT32_MAX) return Status::unsupported("an axis of more than 2147483647 elements");
  if (inner == 1) {
    execution.forEachChunk(outer, std::max<size_t>(1, elementwiseGrain / axis), [&](size_t first, size_t stop) {
      table.rowExtremes(in + first * axis, axis, stop - first, axis, smallest, last, out + first);
    });
    return execution.outcome();
  }
  const size_t width = std::min<size_t>(inner, 256), across = (inner + width - 1) / width;
  execution.forEachChunk(
      outer * across, std::max<size_t>(1, elementwiseGrain / (axis * width)), [&](size_t first, size_t stop) {
        for (size_t i = first; i < stop; i++) {
          const size_t column = i % across * width, o = i / across;
          table.columnExtremes(in + o * axis * inner + column, inner, axis, std::min(width, inner - column), smallest,
                               last, out + o * inner + column);
        }
      });
  return execution.outcome();
}

}  // namespace pare
