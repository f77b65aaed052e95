// Pruning weights over the thread pool: by magnitude or by given scores, over several arrays together; n of every m.
#pragma once

#include <vector>

#include "engine/execution.h"

namespace pare {

struct FloatSpan {
  const UnalignedFloat* data = nullptr;
  size_t count = 0;
};

// What the k-th smallest magnitude is, as a bit pattern without the sign: `below` patterns are smaller, `equal` the
// same.
struct Selection {
  uint32_t pattern = 0;
  uint64_t below = 0, equal = 0;
};

// The k-th smallest |x| (k from 1 to the number of elements) over all arrays together. NaN counts as the largest.
Status selectMagnitude(const Execution& execution, const std::vector<FloatSpan>& arrays, uint64_t k,
                       Selection* selection);

// Where one array's result goes: `out` may be the input; `mask`, a byte an element, may be null.
struct PruneTarget {
  UnalignedFloat* out = nullptr;
  uint8_t* mask = nullptr;
  uint64_t zeros = 0;  // how many were pruned
};

// Prunes exactly the k elements with the smallest scores over all arrays together, ties by array, then by index.
// `scores` has arrays of the same lengths; pass `arrays` itself for magnitudes.
Status pruneSmallest(const Execution& execution, const std::vector<FloatSpan>& arrays,
                     const std::vector<FloatSpan>& scores, uint64_t k, std::vector<PruneTarget>& targets);

// Prunes what has a score of at most `threshold` in magnitude; NaN stays.
Status pruneBelow(const Execution& execution, const std::vector<FloatSpan>& arrays,
                  const std::vector<FloatSpan>& scores, float threshold, std::vector<PruneTarget>& targets);

// Keeps the n largest of every m along the axis of an outer × axis × inner tensor; ties keep the lower index.
Status pruneNM(const Execution& execution, const UnalignedFloat* in, size_t outer, size_t axis, size_t inner, size_t n,
               size_t m, UnalignedFloat* out, uint8_t* mask);

// How many elements of each array are zero, of either sign.
Status countZeros(const Execution& execution, const std::vector<FloatSpan>& arrays, std::vector<uint64_t>* counts);

// Uniform numbers in [0, 1), the i-th depending on seed, stream and i alone; see kernels/random.h.
Status randomScores(const Execution& execution, uint64_t seed, uint64_t stream, UnalignedFloat* out, size_t count);

}  // namespace pare
