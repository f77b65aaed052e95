// Which matrices of A and B each product of a batch takes, their batch dimensions broadcast.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pare {

class MatmulBatches {
 public:
  // Dimensions of A and B; one of a single dimension is a row of A, and a column of B.
  MatmulBatches(std::span<const int64_t> a, std::span<const int64_t> b) {
    m = a.size() > 1 ? static_cast<size_t>(a[a.size() - 2]) : 1;
    k = static_cast<size_t>(a.back());
    n = b.size() > 1 ? static_cast<size_t>(b.back()) : 1;
    const auto batchOf = [](std::span<const int64_t> dims) {
      return dims.first(dims.size() > 1 ? dims.size() - 2 : 0);
    };
    const std::span<const int64_t> batchA = batchOf(a), batchB = batchOf(b);
    const size_t rank = batchA.size() > batchB.size() ? batchA.size() : batchB.size();
    sizes_.assign(rank, 1);
    aSteps_.assign(rank, 0);
    bSteps_.assign(rank, 0);
    aCount = setSteps(batchA, aSteps_);
    bCount = setSteps(batchB, bSteps_);
    for (const size_t size : sizes_) count *= size;
  }

  size_t m, k, n;
  size_t aCount, bCount, count = 1;  // matrices

  struct Pair {
    size_t a, b;
  };
  Pair at(size_t index) const {
    Pair pair{0, 0};
    for (size_t axis = sizes_.size(); axis-- > 0; index /= sizes_[axis]) {
      pair.a += index % sizes_[axis] * aSteps_[axis];
      pair.b += index % sizes_[axis] * bSteps_[axis];
    }
    return pair;
  }

 private:
  size_t setSteps(std::span<const int64_t> dims, std::vector<size_t>& steps) {
    size_t step = 1;
    for (size_t i = dims.size(); i-- > 0;) {
      const size_t axis = sizes_.size() - dims.size() + i;
      const auto size = static_cast<size_t>(dims[i]);
      if (size != 1) {
        sizes_[axis] = size;
        steps[axis] = step;
      }
      step *= size;
    }
    return step;
  }

  std::vector<size_t> sizes_, aSteps_, bSteps_;
};

}  // namespace pare
