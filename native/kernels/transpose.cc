// Transposes tiles (see transpose.h).
#include "kernels/transpose.h"

#include "kernels/table.h"

namespace pare::PARE_LEVEL {
namespace {

// Columns outermost: each pass writes one contiguous run and reads one element of every row, whose lines are in cache
// after the first column.
template <class Element>
void tile(const void* in, size_t inStride, void* out, size_t outStride, size_t rows, size_t columns) {
  const auto* source = static_cast<const typename Unaligned<Element>::Type*>(in);
  auto* target = static_cast<typename Unaligned<Element>::Type*>(out);
  for (size_t column = 0; column < columns; column++)
    for (size_t row = 0; row < rows; row++) target[column * outStride + row] = source[row * inStride + column];
}

}  // namespace

extern const TransposeKernels transposeKernels;
const TransposeKernels transposeKernels{tile<uint8_t>, tile<uint16_t>, tile<uint32_t>, tile<uint64_t>};

}  // namespace pare::PARE_LEVEL
