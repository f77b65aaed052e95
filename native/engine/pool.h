// Pools of float32: max, average and Lp over windows of up to three dimensions, global ones included.
#pragma once

#include "engine/execution.h"
#include "kernels/pool.h"

namespace pare {

struct PoolShape {
  size_t planes = 1;  // batch × channels
  PoolAxis axes[3];   // outermost first; of fewer dimensions the last ones are used, the others stay as they are

  // One window that is the image of `size` elements, whatever its dimensions.
  static PoolShape global(size_t planes, size_t size) {
    PoolShape shape{.planes = planes, .axes = {}};
    shape.axes[2].input = shape.axes[2].kernel = size;
    return shape;
  }
};

struct PoolOptions {
  PoolKind kind = PoolKind::max;
  bool countsPadding = false;  // average
  float power = 2;             // lp
};
// y [planes, axes' output] does not overlap x [planes, axes' input].
Status pool(const Execution& execution, const PoolShape& shape, const PoolOptions& options, const UnalignedFloat* x,
            UnalignedFloat* y);

// Max of elements of any of ONNX's types for it (float32, float64, int8, uint8), and where the first of the largest
// lies: its index in the whole of x, −1 for a window that has nothing. `indices` may be null. With `columnMajor` the
// last two dimensions change places in them.
template <class T>
Status maxPool(const Execution& execution, const PoolShape& shape, bool columnMajor,
               const typename Unaligned<T>::Type* x, typename Unaligned<T>::Type* y, Unaligned<int64_t>::Type* indices);

}  // namespace pare
