// Pools of float32 (see pool.h).
#include "engine/pool.h"

#include <atomic>
#include <limits>

#include "engine/matmul-blocks.h"
#include "engine/nan.h"
#include "engine/scratch.h"

namespace pare {
namespace {

Status check(const PoolShape& shape) {
  for (const PoolAxis& axis : shape.axes)
    if (axis.kernel == 0 || axis.stride == 0 || axis.dilation == 0)
      return Status::option("a pool's kernel, strides and dilations must be 1 or more");
  return Status::success();
}

size_t inputPlane(const PoolShape& shape) { return shape.axes[0].input * shape.axes[1].input * shape.axes[2].input; }
size_t outputPlane(const PoolShape& shape) {
  return shape.axes[0].output * shape.axes[1].output * shape.axes[2].output;
}

bool coversAll(const PoolAxis& axis) {
  return axis.output == 1 && axis.kernel == axis.input && axis.padBegin == 0 && axis.padEnd == 0 &&
         (axis.dilation == 1 || axis.kernel == 1);
}

// Axes that a window covers whole are one with those inside of them.
void merge(PoolAxis (&axes)[3]) {
  for (int outer = 1; outer >= 0; outer--) {
    if (!coversAll(axes[2]) || !coversAll(axes[outer])) return;
    axes[2].input = axes[2].kernel = axes[2].input * axes[outer].input;
    axes[2].dilation = 1;
    axes[outer] = {};
  }
}

}  // namespace

Status pool(const Execution& execution, const PoolShape& shape, const PoolOptions& options, const UnalignedFloat* x,
            UnalignedFloat* y) {
  if (Status status = check(shape); !status.ok()) return status;
  if (options.kind == PoolKind::lp && !(options.power > 0))
    return Status::option("an Lp pool's p is " + std::to_string(options.power) + "; it must be more than 0");
  if (shape.planes == 0 || outputPlane(shape) == 0) return execution.outcome();
  PoolPlanes shared{};
  shared.kind = options.kind;
  shared.countsPadding = options.countsPadding;
  shared.power = options.power;
  shared.x = x;
  shared.y = y;
  std::copy_n(shape.axes, 3, shared.axes);
  merge(shared.axes);

  // Pieces of some microseconds: several planes, or bands of a large one.
  constexpr size_t elementsEach = 32768, largePlane = 131072;
  const size_t elements = std::max<size_t>(1, inputPlane(shape)), rows = shared.axes[0].output * shared.axes[1].output;
  const size_t planesEach = std::max<size_t>(1, elementsEach / elements);
  const size_t rowsEach = ceilDivide(rows, std::min(rows, ceilDivide(elements, largePlane)));
  const size_t bands = ceilDivide(rows, rowsEach);
  const PoolKernels& kernels = *execution.kernels.pool;
  std::atomic<bool> noMemory{false};
  execution.forEachPiece(ceilDivide(shape.planes, planesEach) * bands, [&](size_t i) {
    const Scratch scratch(kernels.scratchFloats(shared) * sizeof(float));
    if (!scratch.data()) {
      noMemory = true;
      return;
    }
    PoolPlanes piece = shared;
    piece.scratch = scratch.as<float>();
    piece.firstRow = i % bands * rowsEach;
    piece.endRow = std::min(piece.firstRow + rowsEach, rows);
    piece.firstPlane = i / bands * planesEach;
    piece.endPlane = std::min(piece.firstPlane + planesEach, shape.planes);
    kernels.compute(piece);
  });
  return noMemory ? Status::memory("no memory for rows of an image") : execution.outcome();
}

template <class T>
Status maxPool(const Execution& execution, const PoolShape& shape, bool columnMajor,
               const typename Unaligned<T>::Type* x, typename Unaligned<T>::Type* y,
               Unaligned<int64_t>::Type* indices) {
  if (Status status = check(shape); !status.ok()) return status;
  const PoolAxis* axes = shape.axes;
  const size_t rowsEach = axes[1].output, width = axes[2].output;
  execution.forEachPiece(shape.planes * axes[0].output, [&](size_t i) {
    const size_t plane = i / axes[0].output;
    const auto* from = x + plane * inputPlane(shape);
    for (size_t h = 0; h < rowsEach; h++)
      for (size_t w = 0; w < width; w++) {
        const size_t place[3] = {i % axes[0].output, h, w};
        T largest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                         : std::numeric_limits<T>::lowest();
        int64_t index = -1;
        const auto at = [&](size_t axis, size_t k) {
          return static_cast<ptrdiff_t>(place[axis] * axes[axis].stride + k * axes[axis].dilation) -
                 static_cast<ptrdiff_t>(axes[axis].padBegin);
        };
        const auto isInside = [&](size_t axis, ptrdiff_t element) {
          return element >= 0 && element < static_cast<ptrdiff_t>(axes[axis].input);
        };
        for (size_t kd = 0; kd < axes[0].kernel; kd++)
          for (size_t kh = 0; kh < axes[1].kernel; kh++)
            for (size_t kw = 0; kw < axes[2].kernel; kw++) {
              const ptrdiff_t deep = at(0, kd), high = at(1, kh), wide = at(2, kw);
              if (!isInside(0, deep) || !isInside(1, high) || !isInside(2, wide)) continue;
              const size_t slice = static_cast<size_t>(deep) * axes[1].input * axes[2].input;
              const auto row = static_cast<size_t>(high), column = static_cast<size_t>(wide);
              const T value = from[slice + row * axes[2].input + column];
              // Negated, so that NaN wins; the first one then stays.
              if (index >= 0 && (value <= largest || isNan(largest))) continue;
              largest = value;
              const size_t inSlice = columnMajor ? column * axes[1].input + row : row * axes[2].input + column;
              index = static_cast<int64_t>(plane * inputPlane(shape) + slice + inSlice);
            }
        const size_t to = (i * rowsEach + h) * width + w;
        y[to] = largest;
        if (indices) indices[to] = index;
      }
  });
  return execution.outcome();
}

#define PARE_MAX_POOL(T)                                                                                               \
  template Status maxPool<T>(const Execution&, const PoolShape&, bool, const Unaligned<T>::Type*, Unaligned<T>::Type*, \
                             Unaligned<int64_t>::Type*);
PARE_MAX_POOL(float)
PARE_MAX_POOL(double)
PARE_MAX_POOL(int8_t)
PARE_MAX_POOL(uint8_t)
#undef PARE_MAX_POOL

}  // namespace pare
